"""Grade a folder of submissions: points by exercise and student as CSV, and a page of feedback for every notebook.

Submissions are SUBMITTED/STUDENT/NAME.ipynb, each named like its master. A submission that did not change is not run again. The
same command goes on after a kill, and takes over the points that a person has entered in by_hand.csv.
"""

from collections.abc import Callable
from pathlib import Path

from ipe_sr.coursework import checking, feedback, masters, tables
from ipe_sr.coursework.gradebook import Course, Graded
from ipe_sr.coursework.tables import GRADED, MISSING, OPEN, Decision, Mark
from ipe_sr.errors import InputError


def grade(
    paths: list[Path], submitted: Path, out: Path, timeout: int, report: Callable[[str], None] = print
) -> list[Mark]:
    """Grade every student's folder by the masters in `paths`, and write tables (see `tables`) and feedback into `out`.

    timeout: of a cell, in seconds.   report: is called with a line for each notebook that was run.
    Raises InputError, before anything is written, if there is no folder of a student, if `out` holds grades by other masters,
    and for a wrong row in by_hand.csv.
    """
    students = _students(submitted)
    course = Course(out / "nbgrader", paths)
    decisions = tables.decisions(out, course.limits())
    course.prepare()
    decisions = _drop_outdated(decisions, course, submitted, out)
    marks: list[Mark] = []
    for student in students:
        for name in sorted({path.name for path in (submitted / student).glob("*.ipynb")} - {path.name for path in paths}):
            report(f"{student}/{name}: not graded, there is no master of that name")
        for name, exercises in course.exercises.items():
            path = submitted / student / f"{name}.ipynb"
            if not path.exists():
                marks += [Mark(student, name, exercise.id, 0, exercise.points, MISSING) for exercise in exercises]
                continue
            graded = course.grade(student, path, decisions, timeout)
            if graded.new:
                report(f"{student}/{path.name}: {f'OPEN, {graded.stopped}' if graded.stopped else 'graded'}")
            own = [_mark(student, name, exercise, graded) for exercise in exercises]
            feedback.write(out / "feedback" / student / f"{name}.html", graded, own)
            marks += own
    tables.write(out, marks, decisions)
    return marks


def _students(submitted: Path) -> list[str]:
    found = sorted(path.name for path in submitted.glob("*") if path.is_dir() and not path.name.startswith("."))
    if not found:
        raise InputError(f"{submitted}: holds no folder of a student; submissions are {submitted}/STUDENT/NAME.ipynb")
    return found


def _drop_outdated(decisions: list[Decision], course: Course, submitted: Path, out: Path) -> list[Decision]:
    """The decisions without those about a submission that has changed since; these are deleted from by_hand.csv, too.

    The table is written now, because after a kill the changed submission is no longer new, and an old row would count for it.
    """
    def outdated(decision: Decision) -> bool:
        path = submitted / decision.student / f"{decision.notebook}.ipynb"
        return decision.notebook in course.masters and path.exists() and course.is_new(decision.student, path)

    kept = [decision for decision in decisions if not outdated(decision)]
    if len(kept) < len(decisions):
        tables.write_by_hand(out, [], kept)
    return kept


def _mark(student: str, name: str, exercise: masters.Exercise, graded: Graded) -> Mark:
    """The mark of one exercise: the sum of its cells' points, or open while one of them waits for a person."""
    grades = [grade for grade in graded.grades if masters.exercise_of(grade.cell) == exercise.id]
    undecided = tuple((grade.cell, grade.of) for grade in grades if grade.points is None)
    if undecided:
        says = graded.stopped or "waits for a person"
        return Mark(student, name, exercise.id, None, exercise.points, OPEN, says, undecided)
    points = sum(grade.points for grade in grades)
    return Mark(student, name, exercise.id, points, exercise.points, GRADED, _complaint(graded, exercise))


def _complaint(graded: Graded, exercise: masters.Exercise) -> str:
    """What is wrong with an exercise by its tests, in one line; empty for a written answer or if all tests passed."""
    parts = () if exercise.written else ("visible", "hidden")
    complaints = (checking.complaint(graded.executed, exercise.id, part) for part in parts)
    return next(filter(None, complaints), "")
