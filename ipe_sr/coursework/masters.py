"""Master notebooks as data: their exercises, and the part that each cell plays.

A master holds solutions and hidden tests; student copies are made from it (see `release`). Its exercises start with
`### Exercise 03.2 · implementation · ★★☆ · 4 points`; what stands before the first is common to all.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from ipe_sr.errors import InputError
from ipe_sr.series import documents

KINDS = ("implementation", "bug hunt", "derivation", "experiment")
HEADING = re.compile(rf"### Exercise (\d\d\.\d) · ({'|'.join(KINDS)}) · (★☆☆|★★☆|★★★) · (\d+) points?$", re.M)
STUDENT_ID = re.compile(r"[\w@][\w.@+ -]*")   # also the name of a folder
STUDENT_TAG = "student"   # of the cell where students put their id
GRADE_ID = re.compile(r"ex-(\d\d)-(\d)(?:-(visible|hidden))?$")


@dataclass(frozen=True)
class Exercise:
    """id: "03.2".   points: what its heading promises.   cells: from its heading to the next."""

    id: str
    kind: str
    stars: str
    points: int
    cells: tuple[NotebookNode, ...]

    @property
    def written(self) -> bool:
        """Whether a person grades it."""
        return any(written(cell) for cell in self.cells)

    def cell(self, part: str) -> NotebookNode:
        """Its cell that plays a part: answer, visible or hidden."""
        return next(cell for cell in self.cells if part_of(cell) == part)


def masters(folder: Path) -> list[Path]:
    """The master notebooks, in order. Raises InputError where there are none."""
    try:
        return documents.notebooks(folder)
    except InputError:
        raise InputError(f"{folder}: holds no master notebooks; run this in a checkout, or give --exercises FOLDER") from None


def chosen(folder: Path, only: list[str]) -> list[Path]:
    """The masters with these numbers; all of them for none. Raises InputError for an unknown number."""
    numbers = {path.name[:2]: path for path in masters(folder)}
    asked = only or list(numbers)
    if unknown := [number for number in asked if number not in numbers]:
        raise InputError(f"--only: there is no master {unknown[0]!r} in {folder}: use {', '.join(numbers)}")
    return [numbers[number] for number in asked]


def read(path: Path) -> NotebookNode:
    """A master. Raises InputError for one that was executed: student copies are made from clean masters only."""
    notebook = documents.read(path)
    if "papermill" in notebook.metadata:
        raise InputError(f"{path}: papermill executed this copy; use the master from the checkout")
    if any(cell.outputs for cell in documents.code_cells(notebook)):
        raise InputError(f"{path}: holds outputs; clear them, student copies are made from clean masters")
    return notebook


def metadata(cell: NotebookNode) -> dict:
    """nbgrader's metadata of a cell; empty for a cell that it does not know."""
    return cell.metadata.get("nbgrader", {})


def grade_id(cell: NotebookNode) -> str | None:
    return metadata(cell).get("grade_id")


def exercise_of(name: str) -> str | None:
    """ "ex-03-2-hidden" -> "03.2"; None for a cell that belongs to no exercise."""
    match = GRADE_ID.match(name or "")
    return f"{match[1]}.{match[2]}" if match else None


def named(exercise: str, part: str) -> str:
    """ "03.2", "hidden" -> "ex-03-2-hidden"."""
    name = "ex-" + exercise.replace(".", "-")
    return name if part == "answer" else f"{name}-{part}"


def part_of(cell: NotebookNode) -> str | None:
    """answer, visible or hidden; None for a cell that is neither answered nor tested."""
    match = GRADE_ID.match(grade_id(cell) or "")
    return (match[3] or "answer") if match else None


def written(cell: NotebookNode) -> bool:
    """Whether a cell is an answer that a person grades."""
    return bool(metadata(cell).get("grade") and metadata(cell).get("solution"))


def points_of(cell: NotebookNode) -> float:
    return metadata(cell)["points"] if metadata(cell).get("grade") else 0


def digest(cell: NotebookNode) -> str:
    """A short name of a cell's source, by which a student copy knows its own tests."""
    return hashlib.sha256(cell.source.encode()).hexdigest()[:16]


def prelude(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells before the first exercise."""
    starts = [i for i, cell in enumerate(notebook.cells) if _heading(cell)]
    return [cell for cell in notebook.cells[: starts[0]] if cell.cell_type == "code"]


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of a notebook, master or student copy, in order."""
    starts = [i for i, cell in enumerate(notebook.cells) if _heading(cell)]
    ends = [*starts[1:], len(notebook.cells)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        id, kind, stars, points = _heading(notebook.cells[start]).groups()
        found.append(Exercise(id, kind, stars, int(points), tuple(notebook.cells[start:end])))
    return found


def _heading(cell: NotebookNode) -> re.Match | None:
    return HEADING.match(cell.source) if cell.cell_type == "markdown" else None
