"""Put one fault into a copy of the repository, and run there the notebook that should catch it."""

import ast
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat

from ipe_sr.series import documents, run_series
from tests.mutations.faults import Fault

ROOT = Path(__file__).parents[2]
CHECK = re.compile(r", cell \d+: AssertionError:? ?(?:\[(\d\d\.\d+)\])?")


@dataclass(frozen=True)
class Outcome:
    """What a run showed.

    fault: None for a notebook without a fault.   where: FILE:LINE of the fault.
    failure: the runner's line about the failure, or None.
    """

    fault: Fault | None
    notebook: str
    where: str
    failure: str | None

    @property
    def caught(self) -> bool:
        """Whether a check failed. A crash does not count."""
        return bool(self.failure and CHECK.search(self.failure))

    @property
    def claim(self) -> str | None:
        """The id of the claim that failed; None if no claim failed."""
        found = CHECK.search(self.failure or "")
        return found and found[1]

    @property
    def as_expected(self) -> bool:
        return self.failure is None if self.fault is None else self.caught

    @property
    def verdict(self) -> str:
        if self.fault is None:
            return f"SOUND, AND FAILS: {self.failure}" if self.failure else "sound: passes"
        if self.caught:
            return f"{self.notebook}: {f'claim {self.claim}' if self.claim else 'an assertion'}"
        return f"{self.notebook}: CRASHES, NO CHECK: {self.failure}" if self.failure else f"{self.notebook}: SURVIVES"


def with_fault(fault: Fault, root: Path) -> tuple[str | nbformat.NotebookNode, str]:
    """The module's text, or the notebook, with the fault; and the fault's place, FILE:LINE, or FILE, CELL:LINE in a notebook.

    Raises ValueError unless the fault changes one line of valid Python that stands there exactly once.
    """
    path = root / fault.file
    notebook = documents.read(path) if path.suffix == ".ipynb" else None
    texts = [cell.source for cell in documents.code_cells(notebook)] if notebook else [path.read_text(encoding="utf-8")]
    found = sum(text.count(fault.right) for text in texts)
    if found != 1:
        raise ValueError(f"{fault.name}: {fault.right!r} stands {found} times in {fault.file}; it must stand there once")
    number, sound = next((number, text) for number, text in enumerate(texts) if fault.right in text)
    faulty = sound.replace(fault.right, fault.wrong)
    ast.parse(faulty)
    before, after = sound.splitlines(), faulty.splitlines()
    changed = [line for line, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b]
    if len(changed) != 1:
        raise ValueError(f"{fault.name}: changes {len(changed)} lines; it must change one")
    if notebook is None:
        return faulty, f"{fault.file}:{changed[0]}"
    documents.code_cells(notebook)[number].source = faulty
    return notebook, f"{fault.file}, {number + 1}:{changed[0]}"


def attempt(fault: Fault | None, number: str, root: Path = ROOT) -> Outcome:
    """Run a notebook with its smoke parameters on a copy of the package and the series, with the fault if there is one.

    Call it in a process of its own. It changes the environment so that the kernel finds the copy.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch)
        for folder in ("ipe_sr", "notebooks"):
            shutil.copytree(root / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        where = _place(fault, copy) if fault else ""
        (job,) = run_series.plan(copy / "notebooks", "smoke", [number])
        os.environ["PYTHONPATH"] = scratch
        (copy / "out").mkdir()
        with open(copy / "log", "wb") as log:   # for the kernel's stderr
            os.dup2(log.fileno(), 2)
        return Outcome(fault, number, where, run_series.run(job, copy / "out").failure)


def _place(fault: Fault, root: Path) -> str:
    faulty, where = with_fault(fault, root)
    if isinstance(faulty, str):
        (root / fault.file).write_text(faulty, encoding="utf-8")
    else:
        nbformat.write(faulty, root / fault.file)
    return where
