"""Grade a folder of submissions: points by exercise and student as CSV, and a page of feedback for every notebook.

Submissions are SUBMITTED/STUDENT/NAME.ipynb, named like the masters. Those that did not change are not run again: the same
command goes on after a kill, and takes up what a person has entered in by_hand.csv.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from nbformat import NotebookNode

from ipe_sr import files
from ipe_sr.coursework import checking, feedback, masters, tables
from ipe_sr.coursework.gradebook import Course
from ipe_sr.coursework.tables import GRADED, MISSING, OPEN, Mark
from ipe_sr.errors import InputError


def grade(
    paths: list[Path], submitted: Path, out: Path, timeout: int, report: Callable[[str], None] = print
) -> list[Mark]:
    """Grade every student's folder by these masters; writes tables and feedback into `out` (see `results`).

    timeout: of a cell, seconds.   report: gets a line for each notebook that was run.
    Raises InputError where there is no submission, or `out` holds grades by other masters.
    """
    students = _students(submitted)
    files.make_folder(out)
    entered = tables.decisions(out)
    course = Course(out / "nbgrader", paths)
    marks: list[Mark] = []
    for student in students:
        for name in sorted({path.name for path in (submitted / student).glob("*.ipynb")} - {path.name for path in paths}):
            report(f"{student}/{name}: not graded, there is no master of that name")
        for path in paths:
            handed_in = submitted / student / path.name
            if not handed_in.exists():
                marks += [Mark(student, path.stem, e.id, 0, e.points, MISSING) for e in course.exercises(path.stem)]
                continue
            if _run(course, student, handed_in, timeout, report):   # decisions about an earlier version are void
                entered = [d for d in entered if (d.student, d.notebook) != (student, path.stem)]
            course.enter([d for d in entered if (d.student, d.notebook) == (student, path.stem)])
            some = _marks(course, student, path.stem)
            _write_page(out / "feedback" / student / f"{path.stem}.html", feedback.page(course, student, path.stem, some))
            marks += some
    tables.write(out, marks, entered)
    return marks


def _students(submitted: Path) -> list[str]:
    found = sorted(path.name for path in submitted.glob("*") if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise InputError(f"{submitted}: holds no folder of a student; submissions are {submitted}/STUDENT/NAME.ipynb")
    return found


def _run(course: Course, student: str, handed_in: Path, timeout: int, report: Callable[[str], None]) -> bool:
    """Grade a notebook unless that was done; returns whether it was due."""
    kept = course.place("submitted", student, handed_in.stem)
    if kept.exists() and kept.read_bytes() == handed_in.read_bytes():
        return False
    stopped = course.grade(student, handed_in.stem, handed_in, timeout)
    report(f"{student}/{handed_in.name}: {f'OPEN, {stopped}' if stopped else 'graded'}")
    files.make_folder(kept.parent)
    with files.replacing(kept) as temporary:   # last: after a kill the notebook is run again
        shutil.copyfile(handed_in, temporary)
    return True


def _marks(course: Course, student: str, name: str) -> list[Mark]:
    """One for each exercise of a notebook that was handed in."""
    executed, grades, marks = course.executed(student, name), course.grades(student, name), []
    for exercise in course.exercises(name):
        here = [grade for grade in grades if masters.exercise_of(grade.cell) == exercise.id]
        undecided = tuple((grade.cell, grade.of) for grade in here if grade.points is None)
        points = None if undecided else sum(grade.points for grade in here)
        state = OPEN if undecided else GRADED
        says = _says(executed, exercise, state)
        marks.append(Mark(student, name, exercise.id, points, exercise.points, state, says, undecided))
    return marks


def _says(executed: NotebookNode, exercise: masters.Exercise, state: str) -> str:
    """What is wrong with an exercise, in one line; nothing if it passed."""
    if state == OPEN:
        return executed.metadata.ipe_sr.stopped or "waits for a person"
    if exercise.written:
        return ""
    return checking.complaint(executed, exercise.id, "visible") or checking.complaint(executed, exercise.id, "hidden") or ""


def _write_page(path: Path, page: str) -> None:
    files.make_folder(path.parent)
    with files.replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    script = path.with_name(feedback.MATHJAX.name)
    if not script.exists():   # the student's other pages use it, too
        with files.replacing(script) as temporary:
            temporary.write_bytes(feedback.MATHJAX.read_bytes())
