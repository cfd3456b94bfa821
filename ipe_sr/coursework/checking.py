"""Check a student copy: run its visible tests in a fresh kernel, in order, and warn of what grading would stumble over."""

import collections
import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from ipe_sr.coursework import assembly, masters, sentences, student_kernel
from ipe_sr.coursework.limits import MB, Limits
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


def check(path: Path, limits: Limits) -> tuple[list[Check], list[str]]:
    """Run a student copy and say for each exercise whether its visible test passes. The file stays as it is.

    Like grading, this runs the notebook in an empty folder.
    Returns the results, and warnings: one line for each thing that is no failure here, but could be one in grading.
    Raises InputError for a notebook that is no student copy, or that cannot be run to its end.
    """
    notebook = documents.read(path)
    released = _released(notebook)
    if not released:
        raise InputError(f"{path}: is no student copy; use a notebook that your instructor or ipe-sr course release made")
    try:
        with tempfile.TemporaryDirectory() as folder:
            student_kernel.execute(notebook, Path(folder), limits)
    except student_kernel.Stopped as stopped:
        raise InputError(f"{path}: {stopped}") from None
    asked = {masters.exercise_of(masters.grade_id(cell)) for cell in notebook.cells if masters.written(cell)}
    tested = {masters.exercise_of(name) for name in released} - {None}   # also tests whose cells were deleted
    checks = [
        Check(exercise, _failure(notebook, exercise, released) if exercise in tested else None, exercise in asked)
        for exercise in sorted(asked | tested)
    ]
    return checks, _warnings(path, notebook, limits)


def _released(notebook: NotebookNode) -> dict[str, str]:
    """The locked cells of a student copy and a digest of each. A copy that nbgrader made has the digest in the cell itself."""
    ours = notebook.metadata.get("ipe_sr", {}).get("locked")
    if ours is not None:
        return ours
    locked = [cell for cell in notebook.cells if {"locked", "checksum", "grade_id"} <= masters.metadata(cell).keys()]
    locked = [cell for cell in locked if masters.metadata(cell)["locked"]]
    return {masters.grade_id(cell): masters.digest(cell) if _as_nbgrader_made_it(cell) else "" for cell in locked}


def _as_nbgrader_made_it(cell: NotebookNode) -> bool:
    """Whether a cell has the checksum that nbgrader stored in it; the sum is `nbgrader.utils.compute_checksum`."""
    marks = masters.metadata(cell)
    parts = [cell.source, cell.cell_type, *(str(bool(marks.get(key, False))) for key in ("grade", "solution", "locked"))]
    parts += [marks["grade_id"]] + ([str(float(marks["points"]))] if marks.get("grade") else [])
    return hashlib.md5("".join(parts).encode()).hexdigest() == marks["checksum"]


def _failure(notebook: NotebookNode, exercise: str, released: dict[str, str]) -> str | None:
    """What is wrong with an exercise, in one line: a locked cell was changed or deleted, or the visible test fails."""
    here = {masters.grade_id(cell): masters.digest(cell) for cell in notebook.cells}
    for name, digest in released.items():
        if masters.exercise_of(name) in (exercise, None) and here.get(name) != digest:
            return f"the cell {name} was {'changed' if name in here else 'deleted'}; copy it from a fresh student copy"
    return sentences.complaint(notebook, exercise, "visible")


def _warnings(path: Path, notebook: NotebookNode, limits: Limits) -> list[str]:
    about = notebook.metadata.get("ipe_sr", {})
    found = []
    if about.get("name", path.name) != path.name:
        found.append(f"this file is called {path.name}; hand it in as {about['name']}, or it is not graded")
    elif not re.fullmatch(r"\d\d_\w+\.ipynb", path.name):
        found.append(f"this file is called {path.name}; hand it in under the name that it had, or it is not graded")
    if path.stat().st_size > limits.submission:
        found.append(f"the file exceeds {limits.submission // MB} MB and is not graded; clear its outputs and save it")
    for cell in documents.code_cells(notebook):
        if assembly.is_student(cell):
            typed, due = assembly.typed_id(cell.source), about.get("student")
            if due is not None and typed != due:
                found.append(f"you typed the id {typed!r}, but this copy was made for {due!r}; grading takes {due!r}")
            elif typed in (None, "nobody"):
                found.append("your student id is missing: type it where the notebook says student = \"nobody\"; "
                             "grading draws your numbers from the id under which you hand in")
            elif due is None:
                found.append(f"your numbers are drawn for the id {typed!r}; it must be the id under which you hand in")
    names = collections.Counter(masters.grade_id(cell) for cell in notebook.cells if masters.grade_id(cell))
    for name in (name for name, count in names.items() if count > 1):
        found.append(f"the cell {name} is there {names[name]} times; the parts run one after the other, as one answer")
    for name in about.get("answers", ()):
        if name not in names:
            found.append(f"the answer cell {name} was deleted; copy it from a fresh student copy and put your answer into it")
    for number, cell in enumerate(notebook.cells, 1):
        marks = masters.metadata(cell)
        if marks.get("solution") and not marks.get("grade") and cell.cell_type != "code":
            found.append(f"the answer cell {masters.grade_id(cell)} holds text, not code; set its type to Code")
        if "nbgrader" in cell.metadata and not marks.get("grade_id"):
            found.append(f"cell {number} is a copy or a part of another cell; it runs, but it is no answer cell")
        if len(cell.source) > limits.source:
            found.append(f"cell {number} is longer than {limits.source} characters; the notebook is not graded with it")
    return found
