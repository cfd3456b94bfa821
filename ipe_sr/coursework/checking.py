"""Check a student copy: run its visible tests in a fresh kernel, in the order of the page."""

from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from ipe_sr.coursework import masters, student_kernel
from ipe_sr.errors import InputError
from ipe_sr.series import documents


@dataclass(frozen=True)
class Check:
    """The result of one exercise.

    exercise: "03.2".   failure: what is wrong, in one line; None if nothing is.
    written: whether the answer is a text, which a person reads and no test checks.
    """

    exercise: str
    failure: str | None
    written: bool


def check(path: Path, timeout: int) -> list[Check]:
    """Run a student copy and say for each exercise whether its visible test passes. The file stays as it is.

    timeout: of a cell, in seconds.
    Raises InputError for a notebook that is no student copy, or that cannot be run to its end.
    """
    notebook = documents.read(path)
    released = notebook.metadata.get("ipe_sr", {}).get("locked")
    if released is None:
        raise InputError(f"{path}: is no student copy; use a notebook that ipe-sr course release made")
    try:
        student_kernel.execute(notebook, path.resolve().parent, timeout)
    except student_kernel.Stopped as stopped:
        raise InputError(f"{path}: {stopped}") from None
    asked = {masters.exercise_of(masters.grade_id(cell)) for cell in notebook.cells if masters.written(cell)}
    tested = {masters.exercise_of(name) for name in released} - {None}   # also tests whose cells were deleted
    return [
        Check(exercise, _failure(notebook, exercise, released) if exercise in tested else None, exercise in asked)
        for exercise in sorted(asked | tested)
    ]


def complaint(executed: NotebookNode, exercise: str, part: str) -> str | None:
    """Why a test of an exercise fails, in one line; None if it passes. An error of the answer cell comes first."""
    cells = {masters.grade_id(cell): cell for cell in executed.cells}
    failure = student_kernel.error_in(cells[masters.named(exercise, part)])
    answer = cells.get(masters.named(exercise, "answer"))
    return failure and ((answer and student_kernel.error_in(answer)) or failure)


def _failure(notebook: NotebookNode, exercise: str, released: dict[str, str]) -> str | None:
    """What is wrong with an exercise, in one line: a locked cell was changed or deleted, or the visible test fails."""
    here = {masters.grade_id(cell): masters.digest(cell) for cell in notebook.cells}
    for name, digest in released.items():
        if masters.exercise_of(name) in (exercise, None) and here.get(name) != digest:
            return f"the cell {name} was {'changed' if name in here else 'deleted'}; copy it from a fresh student copy"
    return complaint(notebook, exercise, "visible")
