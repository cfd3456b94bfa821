"""What a student can check: the visible tests of a copy, run from a fresh kernel in the order of the page."""

from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from ipe_sr.coursework import masters, student_kernel
from ipe_sr.errors import InputError
from ipe_sr.series import documents


@dataclass(frozen=True)
class Check:
    """exercise: "03.2".   failure: what is wrong, in one line; None for a visible test that passed.   written: none to run."""

    exercise: str
    failure: str | None
    written: bool


def check(path: Path, timeout: int) -> list[Check]:
    """Run a student copy, which stays as it is, and say of each exercise whether its visible test passes.

    Raises InputError for a notebook that is no student copy, or that cannot be run to its end.
    """
    notebook = documents.read(path)
    released = notebook.metadata.get("ipe_sr", {}).get("locked")
    if released is None:
        raise InputError(f"{path}: is no student copy; ipe-sr course release makes them")
    try:
        student_kernel.execute(notebook, path.resolve().parent, timeout)
    except student_kernel.Stopped as stopped:
        raise InputError(f"{path}: {stopped}") from None
    asked = {masters.exercise_of(masters.grade_id(cell)) for cell in notebook.cells if masters.written(cell)}
    tested = {masters.exercise_of(name) for name in released} - {None}   # whatever became of their cells
    return [
        Check(exercise, _failure(notebook, exercise, released) if exercise in tested else None, exercise in asked)
        for exercise in sorted(asked | tested)
    ]


def complaint(executed: NotebookNode, exercise: str, part: str) -> str | None:
    """Why a test of an exercise fails, in one line; an answer that does not even run is the reason. None if it passes."""
    cells = {masters.grade_id(cell): cell for cell in executed.cells}
    failure = student_kernel.error_in(cells[masters.named(exercise, part)])
    answer = cells.get(masters.named(exercise, "answer"))
    return failure and ((answer and student_kernel.error_in(answer)) or failure)


def _failure(notebook: NotebookNode, exercise: str, released: dict[str, str]) -> str | None:
    here = {masters.grade_id(cell): masters.digest(cell) for cell in notebook.cells}
    for name, digest in released.items():
        if masters.exercise_of(name) in (exercise, None) and here.get(name) != digest:
            return f"the cell {name} was {'changed' if name in here else 'deleted'}; take it from a fresh copy"
    return complaint(notebook, exercise, "visible")
