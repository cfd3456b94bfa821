"""Grade a folder of submissions: points by exercise and student as CSV, and a page of feedback for every notebook.

Submissions are SUBMITTED/STUDENT/NAME.ipynb, each named like its master. A submission that did not change is not run again. The
same command goes on after a kill, and takes over the points that a person has entered in by_hand.csv or in formgrader.

One rule holds for whatever a submission is or does: it costs its student one line. Submissions are read before any of them
runs, each runs in a process with limits, and one that ends the whole program is left open by the next run.
"""

import json
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat

from ipe_sr import files
from ipe_sr.coursework import assembly, execution, feedback, masters, rubrics, sandbox, sentences, tables
from ipe_sr.coursework.gradebook import Course, Graded
from ipe_sr.coursework.limits import Limits
from ipe_sr.coursework.submissions import Submission, Survey, shown
from ipe_sr.coursework.tables import GRADED, MISSING, OPEN, Decision, Mark
from ipe_sr.errors import InputError

BATCH = 30                  # pages of feedback that one worker makes
FAULTS = "faults.log"
RUNNING = ".running.json"   # names the submission that runs; it is left behind if the program is ended meanwhile


@dataclass
class Result:
    """marks: of each student in each exercise.   late: points taken off, by student and notebook.

    unsettled: lines about what belongs to no student or cannot be matched; a person has to look at it.
    pages: of feedback that are not written yet.
    """

    marks: list[Mark] = field(default_factory=list)
    late: dict[tuple[str, str], float] = field(default_factory=dict)
    unsettled: list[str] = field(default_factory=list)
    pages: list[feedback.Page] = field(default_factory=list)


def grade(
    paths: list[Path], submitted: Path, out: Path, limits: Limits, *, report: Callable[[str], None] = print,
    sandboxed: sandbox.Sandbox | None = None, roster: list[str] | None = None, again: bool = False,
) -> Result:
    """Grade every student's folder by the masters in `paths`, and write tables (see `tables`) and feedback into `out`.

    Tables also keep what was graded in `out` before, by other masters.
    report: is called with a line before and after each notebook that is run, and for what cannot be matched.
    roster: the ids of all students; folders with other names are not graded then.   again: run open notebooks again.
    Raises InputError, before anything is written, if there is no folder of a student, if `out` holds grades by other masters,
    and for a wrong row in by_hand.csv.
    """
    asked = [path.stem for path in paths]
    survey = Survey(submitted, asked, roster, limits)
    course = Course(out, paths)
    decisions = tables.decisions(out, course.limits())
    course.prepare()
    _enter(decisions, course, survey, out, report)
    for line in survey.strays:
        report(line)
    _run_all(course, survey, sandboxed or sandbox.Sandbox(), report, again)
    result = Result(unsettled=list(survey.strays))
    for student in sorted({*survey.students, *course.students()}):
        pages = [_settle(student, name, course, survey, asked, result, report) for name in course.masters]
        result.pages += filter(None, pages)
        if len(result.pages) >= BATCH:
            _write_pages(result, survey, sandboxed or sandbox.Sandbox(), report)
    _write_pages(result, survey, sandboxed or sandbox.Sandbox(), report)
    tables.write(out, result.marks, result.late)
    tables.write_by_hand(out, course.waiting())
    rubrics.write(out, course.waiting(), course.masters)
    return result


def _enter(decisions: list[Decision], course: Course, survey: Survey, out: Path, report: Callable[[str], None]) -> None:
    """Move the rows of by_hand.csv into the gradebook. A row about a submission that has changed since is void."""
    def outdated(given: Decision) -> bool:
        found = survey.found.get((given.student, given.notebook))
        return bool(found and found.problem is None and found.digest != course.digest(given.student, given.notebook))

    for given in filter(outdated, decisions):
        report(f"{given.student}/{given.notebook}.ipynb: has changed, the points entered for {given.cell} are void")
    course.enter([given for given in decisions if not outdated(given)])
    if decisions:   # at once: a row must not count for the next version of a submission
        tables.write_by_hand(out, course.waiting())


def _run_all(course: Course, survey: Survey, sandboxed: sandbox.Sandbox, report: Callable, again: bool) -> None:
    """Run each submission that is new. The submission that ended an earlier run of this program is left open."""
    note = course.folder / RUNNING
    guilty = files.read_json(note) if note.exists() else {}
    wanted = list(_wanted(course, survey, again))
    if guilty.get("interrupted") == 1:   # Ctrl-C is most often a person's: that notebook gets another try, after the others
        wanted.sort(key=lambda one: list(one[:2]) == guilty["submission"])
    if wanted and not sandboxed.used:
        report("student code runs without a sandbox: install bubblewrap, or read the guide's section on this")
    for number, (student, name, found) in enumerate(wanted, 1):
        report(f"{number} of {len(wanted)}: {student}/{name}.ipynb")
        mine = guilty.get("submission") == [student, name] and guilty.get("digest") == found.digest
        if mine and guilty.get("interrupted") != 1 and not again:
            why = "grading ended while this notebook ran; --again runs it again"
            executed = execution.Executed(nbformat.from_dict(course.full[name]), why)
        else:
            _note(note, student, name, found, 0)
            released = [cell.source for cell in course.copies[name].cells]
            try:
                executed = execution.execute(
                    survey.read(found), course.full[name], released, student, survey.limits, sandboxed
                )
            except KeyboardInterrupt:
                _note(note, student, name, found, 1 + (guilty.get("interrupted", 0) if mine else 0))
                raise
        try:
            course.keep(student, name, survey.read(found), executed, found.digest, _doubtful(student, course, name, executed))
        except Exception as error:   # a fault here must not stop the class either
            executed = execution.Executed(nbformat.from_dict(course.full[name]), _fault(course.folder, student, name, error))
            course.keep(student, name, survey.read(found), executed, found.digest)
        note.unlink(missing_ok=True)
        report(f"{student}/{name}.ipynb: {f'OPEN, {executed.stopped}' if executed.stopped else 'graded'}")


def _fault(folder: Path, student: str, name: str, error: Exception) -> str:
    """Write the traceback of a fault of this program to a file. Returns the sentence that names the fault."""
    with open(folder / FAULTS, "a", encoding="utf-8", errors="replace") as file:
        file.write(f"{student}/{name}\n{''.join(traceback.format_exception(error))}\n")
    return f"a fault of ipe_sr, not of the student ({type(error).__name__}); please report {FAULTS}"


def _doubtful(student: str, course: Course, name: str, executed: execution.Executed) -> set[str]:
    """The exercises that failed with this student's numbers, while the notebook holds another id. A person decides these."""
    if executed.typed in (None, student):
        return set()
    found = set()
    for exercise in course.exercises[name]:
        if assembly.draws_numbers(exercise):
            wrong = [sentences.complaint(executed.notebook, exercise.id, part) for part in ("visible", "hidden")]
            if any(wrong) and not any("NotImplementedError" in (text or "") for text in wrong):
                found.add(exercise.id)
                executed.remarks.setdefault(exercise.id, []).append(
                    f"the numbers were drawn for {student}, but the notebook says student = {shown(executed.typed)!r}"
                )
    return found


def _wanted(course: Course, survey: Survey, again: bool) -> Iterator[tuple[str, str, Submission]]:
    """The submissions to run: student, name of the notebook, and what was handed in."""
    for student in survey.students:
        for name in survey.names:
            found = survey.found.get((student, name))
            if found and found.problem is None:
                kept = course.place("autograded", student, name)
                about = files.read_json(kept)["metadata"].get("ipe_sr", {}) if kept.exists() else {}
                if about.get("digest") != found.digest or (again and about.get("stopped")):
                    yield student, name, found


def _note(note: Path, student: str, name: str, found: Submission, interrupted: int) -> None:
    with files.replacing(note) as temporary:
        about = {"submission": [student, name], "digest": found.digest, "interrupted": interrupted}
        temporary.write_text(json.dumps(about), encoding="utf-8")


def _settle(
    student: str, name: str, course: Course, survey: Survey, asked: list[str], result: Result, report: Callable[[str], None],
) -> feedback.Page | None:
    """Add the marks of one student in one notebook. Returns the page of feedback; None if nothing was graded."""
    exercises = course.exercises[name]
    found = survey.found.get((student, name))
    if found and found.problem:
        line = f"{student}/{name}.ipynb: OPEN, {found.problem}"
        report(line)
        result.unsettled.append(line)
        result.marks += [Mark(student, name, exercise.id, None, exercise.points, OPEN, found.problem) for exercise in exercises]
        return None
    if not course.place("autograded", student, name).exists():
        result.marks += [Mark(student, name, exercise.id, 0, exercise.points, MISSING) for exercise in exercises]
        return None
    if name in asked and student in survey.students and not found:
        report(f"{student}/{name}.ipynb: is no longer there; the points of the version that was graded stand")
    try:
        graded = course.look_up(student, name, survey.stamps.get((student, name)))
    except InputError as error:
        result.unsettled.append(f"{student}/{name}: its time of submission is not used: {error}")
        report(result.unsettled[-1])
        graded = course.look_up(student, name, None)
    try:
        own = [_mark(student, name, exercise, graded, course.hidden[name]) for exercise in exercises]
    except Exception as error:   # as above
        why = _fault(course.folder, student, name, error)
        result.unsettled.append(f"{student}/{name}.ipynb: OPEN, {why}")
        result.marks += [Mark(student, name, exercise.id, None, exercise.points, OPEN, why) for exercise in exercises]
        return None
    result.marks += own
    result.late[student, name] = graded.late
    return feedback.Page(course.folder / "feedback" / student / f"{name}.html", graded, own, course.hidden[name])


def _write_pages(result: Result, survey: Survey, sandboxed: sandbox.Sandbox, report: Callable[[str], None]) -> None:
    for page, why in feedback.write(result.pages, survey.limits, sandboxed):
        report(f"{page.path.parent.name}/{page.path.stem}.ipynb: its page of feedback holds the points alone: {why}")
    result.pages.clear()


def _mark(student: str, name: str, exercise: masters.Exercise, graded: Graded, hidden: list[str]) -> Mark:
    """The mark of one exercise: the sum of its cells' points, or open while one of them waits for a person."""
    grades = [grade for grade in graded.grades if masters.exercise_of(grade.cell) == exercise.id]
    undecided = tuple((grade.cell, grade.of) for grade in grades if grade.points is None)
    says = shown_sentence(_says(exercise, graded, hidden))
    if undecided:
        says = graded.about["stopped"] or says or "waits for a person"
        return Mark(student, name, exercise.id, None, exercise.points, OPEN, says, undecided)
    return Mark(student, name, exercise.id, sum(grade.points for grade in grades), exercise.points, GRADED, says)


def shown_sentence(text: str) -> str:
    """A sentence for tables and pages: in one line, without characters that a terminal would obey, and not too long."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text if len(text) <= 2 * sentences.LONGEST else text[: 2 * sentences.LONGEST - 4] + " ..."


def _says(exercise: masters.Exercise, graded: Graded, hidden: list[str]) -> str:
    """What is wrong with an exercise by its tests, and what is remarkable about it; empty if there is nothing to say."""
    parts = () if exercise.written else ("visible", "hidden")
    complaints = (sentences.complaint(graded.notebook, exercise.id, part) for part in parts)
    wrong = next(filter(None, complaints), "")
    said = [sentences.withhold(wrong, hidden)] if wrong else []
    said += [remark for remark in graded.about["remarks"].get(exercise.id, [])]
    return "; ".join(said)
