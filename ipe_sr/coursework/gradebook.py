"""The gradebook of a course and the files beside it: masters, submissions and executed copies, as nbgrader has them.

The gradebook holds the points of each graded cell. Each notebook of the series is an assignment of its own, so that a notebook
that fails does not spoil the others. Needs nbgrader.
"""

import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import api, preprocessors, utils
from traitlets.config import Config, PyFileConfigLoader

from ipe_sr import files
from ipe_sr.coursework import execution, masters, release, sentences
from ipe_sr.coursework.tables import Cell, Decision
from ipe_sr.errors import InputError
from ipe_sr.series import documents

PREPARE = ("LockCells", "ClearSolutions", "ClearOutput", "CheckCellMetadata", "ComputeChecksums")
CONFIG = "nbgrader_config.py"
CONFIG_TEXT = '''"""The configuration of nbgrader for this course. Run nbgrader and formgrader in this folder."""

c = get_config()
c.CourseDirectory.course_id = {name!r}
# What a late submission costs, by nbgrader's plugin: "none", or "zero" for all points. A plugin of your own is named here, too:
# c.AssignLatePenalties.plugin_class = "my_penalties.MyPlugin"
c.LateSubmissionPlugin.penalty_method = "none"
c.ClearSolutions.code_stub = {code_stub!r}
c.ClearSolutions.text_stub = {text_stub!r}
'''


@dataclass(frozen=True)
class Grade:
    """The points of one graded cell of a submission.   points: None until a person decides.   of: the most points."""

    cell: str
    points: float | None
    of: float


@dataclass(frozen=True)
class Graded:
    """A submission after grading.

    grades: of its graded cells.   notebook: the copy that was run; the metadata of its cells hold points and comments.
    late: the points that nbgrader takes off because it is late.   resources: what nbgrader's template for feedback reads.
    """

    grades: list[Grade]
    notebook: NotebookNode
    late: float
    resources: dict[str, Any]

    @property
    def about(self) -> dict[str, Any]:
        """What is known about its run: `stopped`, `digest`, `typed`, `remarks` (see `execution.Executed`)."""
        return self.notebook.metadata.ipe_sr


class Course:
    """The gradebook of a course in its folder. Making a Course writes nothing; `prepare` is the first step that does.

    Raises InputError for a master that was executed, and for a folder with grades by another version of a master, because
    the points of that version would mean something else.
    """

    def __init__(self, folder: Path, paths: list[Path]):
        self.folder = folder
        self.database = (folder / "gradebook.db").resolve()
        self.url = f"sqlite:///{self.database}"
        self.masters = {path.stem: masters.read(path) for path in paths}
        for name, master in self.masters.items():
            kept = self.place("source", ".", name)
            if kept.exists() and documents.read(kept) != master:
                raise InputError(f"{folder}: holds grades by another version of {kept.name}; give a fresh folder")
        for kept in sorted(folder.glob("source/*/*.ipynb")):   # what was graded here before, so that tables hold all of it
            self.masters.setdefault(kept.stem, masters.read(kept))
        self.masters = dict(sorted(self.masters.items()))
        self.copies = {name: release.student_copy(master) for name, master in self.masters.items()}
        self.full = {name: self._convert(master, PREPARE, "", name) for name, master in self.masters.items()}
        self.exercises = {name: masters.exercises(copy) for name, copy in self.copies.items()}
        self.hidden = {name: sentences.hidden_sources(full) for name, full in self.full.items()}
        scripts = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        os.environ["PATH"] = scripts   # nbgrader calls the command alembic, which is not on the path of an inactive venv

    def limits(self) -> dict[Cell, float]:
        """The most points of each cell that a person grades: the cells that wait, and those that a person decided before."""
        return {cell: grade.max_score for cell, grade in self._by_person()}

    def waiting(self) -> list[tuple[str, str, str, float]]:
        """The cells that wait for a person: student, notebook, cell, most points."""
        return [(*cell, grade.max_score) for cell, grade in self._by_person() if grade.needs_manual_grade]

    def prepare(self) -> None:
        """Write the files of a course that nbgrader needs, and enter each master into the gradebook, unless it is there."""
        files.make_folder(self.folder)
        if not (self.folder / CONFIG).exists():
            rules = release.RULES["ClearSolutions"]
            text = CONFIG_TEXT.format(name=self.folder.resolve().name, **rules)
            with files.replacing(self.folder / CONFIG) as temporary:
                temporary.write_text(text, encoding="utf-8")
        for name, master in self.masters.items():
            kept = self.place("source", ".", name)
            if not kept.exists():
                with self._gradebook() as book:
                    book.update_or_create_assignment(name)
                self._convert(self.full[name], ("SaveCells",), "", name)
                store(self.copies[name], self.place("release", ".", name))
                store(master, kept)

    def due(self, name: str, when: datetime) -> None:
        """Set the due date of a notebook."""
        with self._gradebook() as book:
            book.update_or_create_assignment(name, duedate=when.isoformat())

    def enrol(self, students: list[str]) -> None:
        """Enter students into the gradebook."""
        with self._gradebook() as book:
            for student in students:
                book.update_or_create_student(student)

    def digest(self, student: str, name: str) -> str | None:
        """The digest of the version of a submission that was graded last; None if there was none."""
        kept = self.place("autograded", student, name)
        return documents.read(kept).metadata.get("ipe_sr", {}).get("digest") if kept.exists() else None

    def students(self) -> list[str]:
        """The students in the gradebook."""
        with self._gradebook() as book:
            return [student.id for student in book.students]

    def keep(self, student: str, name: str, submission: bytes, executed: execution.Executed, digest: str,
             doubtful: set[str] = frozenset()) -> None:
        """Enter the points of a run into the gradebook. What a person said about an earlier version is void.

        doubtful: exercises whose failed tests a person has to look at.

        The executed copy is written last, so that a notebook whose grading was killed is run again.
        """
        self._forget(student, name)
        notebook = self._convert(executed.notebook, ("SaveAutoGrades",), student, name)
        if executed.stopped:
            self._leave_open(student, name, notebook.cells[executed.cell:])
        failed = [cell for cell in notebook.cells if sentences.error_in(cell)]
        self._leave_open(student, name, [cell for cell in failed if masters.exercise_of(masters.grade_id(cell)) in doubtful])
        kept = self.place("submitted", student, name)
        files.make_folder(kept.parent)
        with files.replacing(kept) as temporary:
            temporary.write_bytes(submission)
        about = {"stopped": executed.stopped, "digest": digest, "typed": executed.typed, "remarks": executed.remarks}
        notebook.metadata["ipe_sr"] = about
        store(notebook, self.place("autograded", student, name))

    def look_up(self, student: str, name: str, stamp: str | None) -> Graded:
        """The points of a submission.   stamp: when it was handed in, as text; None if that is not known.

        Raises InputError for a text that is no time.
        """
        resources = self._resources(student, name)
        if stamp is not None:
            self._stamp(student, name, stamp)
            quiet = logging.getLogger("late")
            quiet.setLevel(logging.ERROR)
            penalties = preprocessors.AssignLatePenalties(config=self._config(), log=quiet)
            penalties.preprocess(nbformat.v4.new_notebook(), resources)
        notebook, resources = preprocessors.GetGrades(log=logging.getLogger("late")).preprocess(
            documents.read(self.place("autograded", student, name)), resources
        )
        with self._gradebook() as book:
            found = book.find_submission_notebook(name, name, student)
            grades = [Grade(g.name, None if g.needs_manual_grade else g.score, g.max_score) for g in found.grades]
            late = found.late_submission_penalty or 0.0
        return Graded(grades, notebook, late, resources)

    def enter(self, decisions: list[Decision]) -> None:
        """Write points and comments of a person into the gradebook. Comments on one exercise are joined at its answer cell."""
        comments: dict[Cell, list[str]] = {}
        with self._gradebook() as book:
            for given in decisions:
                grade = book.find_grade(given.cell, given.notebook, given.notebook, given.student)
                grade.manual_score, grade.needs_manual_grade = given.points, False
                answer = masters.named(masters.exercise_of(given.cell), "answer")
                comments.setdefault((given.student, given.notebook, answer), []).append(given.comment)
            for (student, name, answer), said in comments.items():
                book.find_comment(answer, name, name, student).manual_comment = "\n".join(filter(None, said)) or None
            book.db.commit()

    def place(self, step: str, student: str, name: str) -> Path:
        return self.folder / step / student / name / f"{name}.ipynb"

    def _by_person(self) -> Iterator[tuple[Cell, api.Grade]]:
        if not self.database.exists():
            return
        with self._gradebook() as book:
            for grade in book.db.query(api.Grade).filter(api.Grade.needs_manual_grade | api.Grade.manual_score.isnot(None)):
                yield (grade.student.id, grade.notebook.name, grade.name), grade

    def _stamp(self, student: str, name: str, stamp: str) -> None:
        try:
            when = utils.parse_utc(stamp)
        except (ValueError, OverflowError):
            raise InputError(f"{stamp[:60]!r} is no time, such as 2026-12-01 18:00:00 UTC") from None
        with self._gradebook() as book:
            book.find_submission(name, student).timestamp = when
            book.db.commit()

    def _config(self) -> Config:
        try:
            return PyFileConfigLoader(CONFIG, path=str(self.folder)).load_config()
        except Exception as error:   # the file is a program of the instructor's
            raise InputError(f"{self.folder / CONFIG}: cannot be read ({type(error).__name__}: {error})") from None

    def _forget(self, student: str, name: str) -> None:
        """Make an entry for a submission, without what a person said about an earlier version."""
        with self._gradebook() as book:
            book.update_or_create_student(student)
            with book.db.no_autoflush:   # nbgrader links the parts of a new entry before it adds the entry to the session
                book.update_or_create_submission(name, student)
            notebook = book.find_submission_notebook(name, name, student)
            for grade in notebook.grades:
                grade.manual_score = grade.extra_credit = None
            for comment in notebook.comments:
                comment.manual_comment = None
            book.db.commit()

    def _leave_open(self, student: str, name: str, cells: list[NotebookNode]) -> None:
        """Let the points of these cells wait for a person."""
        with self._gradebook() as book:
            for cell in (cell for cell in cells if masters.metadata(cell).get("grade")):
                grade = book.find_grade(masters.grade_id(cell), name, name, student)
                grade.auto_score, grade.needs_manual_grade = None, True
            book.db.commit()

    def _gradebook(self) -> api.Gradebook:
        return api.Gradebook(self.url)

    def _resources(self, student: str, name: str) -> dict[str, Any]:
        """The facts that nbgrader's preprocessors read beside the notebook."""
        return {"nbgrader": {"student": student, "assignment": name, "notebook": name, "db_url": self.url}}

    def _convert(self, notebook: NotebookNode, steps: tuple[str, ...], student: str, name: str) -> NotebookNode:
        notebook, resources = nbformat.from_dict(notebook), self._resources(student, name)
        for step in steps:
            notebook, resources = getattr(preprocessors, step)(config=release.RULES).preprocess(notebook, resources)
        return notebook


def store(notebook: NotebookNode, path: Path) -> None:
    files.make_folder(path.parent)
    with files.replacing(path) as temporary:
        nbformat.write(notebook, temporary)
