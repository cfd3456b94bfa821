"""Read master notebooks: their exercises, and the part of each cell (answer, visible test, hidden test).

A master holds solutions and hidden tests; student copies are made from it (see `release`). Each exercise starts with a heading
such as `### Exercise 03.2 · implementation · ★★☆ · 4 points`. The cells before the first heading belong to all exercises.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from ipe_sr.errors import InputError
from ipe_sr.series import documents

KINDS = ("implementation", "bug hunt", "derivation", "experiment", "written answer")
HEADING = re.compile(rf"### Exercise (\d\d\.\d) · ({'|'.join(KINDS)}) · (★☆☆|★★☆|★★★) · (\d+) points?$", re.M)
STUDENT_ID = re.compile(r"[\w@][\w.@+ -]*")   # also the name of a folder
STUDENT_TAG = "student"   # the tag of the cell where students type their id
GRADE_ID = re.compile(r"ex-(\d\d)-(\d)(?:-(visible|hidden))?$")


@dataclass(frozen=True)
class Exercise:
    """An exercise.   id: "03.2".   points: the number in its heading.   cells: from its heading to the next."""

    id: str
    kind: str
    stars: str
    points: int
    cells: tuple[NotebookNode, ...]

    @property
    def written(self) -> bool:
        """Whether the answer is a text, which a person grades."""
        return any(written(cell) for cell in self.cells)

    def cell(self, part: str) -> NotebookNode:
        """The cell of one part: answer, visible or hidden."""
        return next(cell for cell in self.cells if part_of(cell) == part)


def masters(folder: Path) -> list[Path]:
    """The master notebooks, in order. Raises InputError where there are none."""
    try:
        return documents.notebooks(folder)
    except InputError:
        raise InputError(f"{folder}: holds no master notebooks; run this in a checkout, or give --exercises FOLDER") from None


def chosen(folder: Path, only: list[str]) -> list[Path]:
    """The masters with the numbers in `only`; all masters if it is empty. Raises InputError for an unknown number."""
    numbers = {path.name[:2]: path for path in masters(folder)}
    asked = only or list(numbers)
    if unknown := [number for number in asked if number not in numbers]:
        raise InputError(f"--only: there is no master {unknown[0]!r} in {folder}: use {', '.join(numbers)}")
    return [numbers[number] for number in asked]


def read(path: Path) -> NotebookNode:
    """Read a master. Raises InputError for one that was executed, because student copies must not hold its outputs."""
    notebook = documents.read(path)
    if "papermill" in notebook.metadata:
        raise InputError(f"{path}: papermill executed this copy; use the master from the checkout")
    if any(cell.outputs for cell in documents.code_cells(notebook)):
        raise InputError(f"{path}: holds outputs; clear them, because they would appear in student copies")
    return notebook


def metadata(cell: NotebookNode) -> dict:
    """nbgrader's metadata of a cell; empty for a cell without any, and for damaged metadata."""
    marks = cell.metadata.get("nbgrader")
    return marks if isinstance(marks, dict) else {}


def grade_id(cell: NotebookNode) -> str | None:
    name = metadata(cell).get("grade_id")
    return name if isinstance(name, str) else None


def exercise_of(name: str) -> str | None:
    """ "ex-03-2-hidden" -> "03.2"; None for a cell that belongs to no exercise."""
    match = GRADE_ID.match(name or "")
    return f"{match[1]}.{match[2]}" if match else None


def named(exercise: str, part: str) -> str:
    """ "03.2", "hidden" -> "ex-03-2-hidden"."""
    name = "ex-" + exercise.replace(".", "-")
    return name if part == "answer" else f"{name}-{part}"


def part_of(cell: NotebookNode) -> str | None:
    """The part of a cell: answer, visible or hidden; None for any other cell."""
    match = GRADE_ID.match(grade_id(cell) or "")
    return (match[3] or "answer") if match else None


def written(cell: NotebookNode) -> bool:
    """Whether a cell is a written answer, which a person grades."""
    return bool(metadata(cell).get("grade") and metadata(cell).get("solution"))


def points_of(cell: NotebookNode) -> float:
    return metadata(cell)["points"] if metadata(cell).get("grade") else 0


def digest(cell: NotebookNode) -> str:
    """A digest of a cell's source, by which a changed test is noticed. Line endings do not count: editors convert them."""
    return hashlib.sha256("\n".join(cell.source.splitlines()).encode("utf-8")).hexdigest()[:16]


def prelude(notebook: NotebookNode) -> list[NotebookNode]:
    """The code cells before the first exercise."""
    starts = [i for i, cell in enumerate(notebook.cells) if _heading(cell)]
    return [cell for cell in notebook.cells[: starts[0]] if cell.cell_type == "code"]


def exercises(notebook: NotebookNode) -> list[Exercise]:
    """The exercises of a master or a student copy, in order."""
    starts = [i for i, cell in enumerate(notebook.cells) if _heading(cell)]
    ends = [*starts[1:], len(notebook.cells)]
    found = []
    for start, end in zip(starts, ends, strict=True):
        id, kind, stars, points = _heading(notebook.cells[start]).groups()
        found.append(Exercise(id, kind, stars, int(points), tuple(notebook.cells[start:end])))
    return found


def _heading(cell: NotebookNode) -> re.Match | None:
    return HEADING.match(cell.source) if cell.cell_type == "markdown" else None
