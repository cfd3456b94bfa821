"""The gradebook of a course and the files beside it: masters, submissions and executed copies, as nbgrader has them.

The gradebook holds the points of each graded cell. Each notebook of the series is an assignment of its own, so that a notebook
that fails does not spoil the others. Needs nbgrader.
"""

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import api, preprocessors

from ipe_sr import files
from ipe_sr.coursework import masters, release, student_kernel
from ipe_sr.coursework.tables import Cell, Decision
from ipe_sr.errors import InputError
from ipe_sr.series import documents

PREPARE = ("LockCells", "ClearSolutions", "ClearOutput", "CheckCellMetadata", "ComputeChecksums", "SaveCells")
SANITISE = ("ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata")
SAVE = ("LimitOutput", "SaveAutoGrades", "CheckCellMetadata")


@dataclass(frozen=True)
class Grade:
    """The points of one graded cell of a submission.   points: None until a person decides.   of: the most points."""

    cell: str
    points: float | None
    of: float


@dataclass(frozen=True)
class Graded:
    """A submission after grading.

    new: whether it was run just now; False if this version of it was run before.
    executed: the copy that was run. The metadata of its cells hold points and comments.
    stopped: why it was not run to its end, in one line; None if it was.
    resources: what nbgrader's template for feedback reads beside the notebook.
    """

    new: bool
    grades: list[Grade]
    executed: NotebookNode
    stopped: str | None
    resources: dict[str, Any]


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
            kept = self._place("source", ".", name)
            if kept.exists() and documents.read(kept) != master:
                raise InputError(f"{folder.parent}: holds grades by another version of {kept.name}; give a fresh folder")
        self.copies = {name: release.student_copy(master) for name, master in self.masters.items()}
        self.exercises = {name: masters.exercises(copy) for name, copy in self.copies.items()}
        scripts = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        os.environ["PATH"] = scripts   # nbgrader calls the command alembic, which is not on the path of an inactive venv

    def limits(self) -> dict[Cell, float]:
        """The most points of each cell that a person grades: the cells that wait, and those that a person decided before."""
        if not self.database.exists():
            return {}
        by_person = api.Grade.needs_manual_grade | api.Grade.manual_score.isnot(None)
        with self._gradebook() as book:
            found = book.db.query(api.Grade).filter(by_person)
            return {(grade.student.id, grade.notebook.name, grade.name): grade.max_score for grade in found}

    def prepare(self) -> None:
        """Enter each master into the gradebook, unless it is there."""
        files.make_folder(self.folder)
        for name, master in self.masters.items():
            kept = self._place("source", ".", name)
            if not kept.exists():
                with self._gradebook() as book:
                    book.update_or_create_assignment(name)
                self._convert(nbformat.from_dict(master), PREPARE, "", name)
                _store(master, kept)

    def is_new(self, student: str, submitted: Path) -> bool:
        """Whether a submission differs from the version that was graded last; True if there was none."""
        kept = self._place("submitted", student, submitted.stem)
        return not kept.exists() or kept.read_bytes() != submitted.read_bytes()

    def grade(self, student: str, submitted: Path, decisions: list[Decision], timeout: int) -> Graded:
        """Run a submission if it is new, take over what a person decided about it, and look up its points.

        submitted: the notebook, named like its master.   timeout: of each cell, in seconds.
        A submission that cannot be run to its end is no error: its remaining points wait for a person.
        """
        name = submitted.stem
        new = self.is_new(student, submitted)
        executed = self._run(student, submitted, timeout) if new else documents.read(self._place("autograded", student, name))
        self._enter(student, name, [d for d in decisions if (d.student, d.notebook) == (student, name)])
        executed, resources = preprocessors.GetGrades().preprocess(executed, self._resources(student, name))
        with self._gradebook() as book:
            found = book.find_submission_notebook(name, name, student).grades
            grades = [Grade(g.name, None if g.needs_manual_grade else g.score, g.max_score) for g in found]
        return Graded(new, grades, executed, executed.metadata.ipe_sr.stopped, resources)

    def _run(self, student: str, submitted: Path, timeout: int) -> NotebookNode:
        """Run a submission, and keep its points and the executed copy; returns the copy."""
        name = submitted.stem
        self._forget(student, name)
        executed, stopped = self._execute(student, submitted, timeout)
        executed = self._convert(executed, SAVE, student, name)
        executed.metadata["ipe_sr"] = {"stopped": str(stopped) if stopped else None}
        if stopped:
            self._leave_open(student, name, executed.cells[stopped.cell:])
        _store(executed, self._place("autograded", student, name))
        kept = self._place("submitted", student, name)
        files.make_folder(kept.parent)
        with files.replacing(kept) as temporary:   # the last step: a notebook whose grading was killed is run again
            shutil.copyfile(submitted, temporary)
        return executed

    def _execute(self, student: str, submitted: Path, timeout: int) -> tuple[NotebookNode, student_kernel.Stopped | None]:
        """The executed copy, and why it was not run to its end, if so. A submission that cannot be run at all is left empty."""
        name = submitted.stem
        try:
            executed = restored(documents.read(submitted), self.copies[name])
            executed = self._convert(executed, SANITISE, student, name)
            with tempfile.TemporaryDirectory() as scratch:   # files that student code writes stay away from the gradebook
                student_kernel.execute(executed, Path(scratch), timeout, student)
        except student_kernel.Stopped as stopped:
            return executed, stopped
        except Exception as error:   # damaged cells can raise anything; the other submissions are graded all the same
            kind = "" if isinstance(error, InputError) else f"{submitted}: its cells are damaged: {type(error).__name__}: "
            return nbformat.from_dict(self.copies[name]), student_kernel.Stopped(f"{kind}{error}", 0)
        return executed, None

    def _forget(self, student: str, name: str) -> None:
        """Make an entry for a submission, without what a person said about an earlier version."""
        with self._gradebook() as book:
            book.update_or_create_student(student)
            with book.db.no_autoflush:   # nbgrader links the parts of a new entry before it adds the entry to the session
                book.update_or_create_submission(name, student)
            notebook = book.find_submission_notebook(name, name, student)
            for grade in notebook.grades:
                grade.manual_score = None
            for comment in notebook.comments:
                comment.manual_comment = None
            book.db.commit()

    def _enter(self, student: str, name: str, decisions: list[Decision]) -> None:
        """Write decisions about one submission into the gradebook. Comments on one exercise are joined at its answer cell."""
        comments: dict[str, list[str]] = {}
        with self._gradebook() as book:
            for decision in decisions:
                grade = book.find_grade(decision.cell, name, name, student)
                grade.manual_score, grade.needs_manual_grade = decision.points, False
                answer = masters.named(masters.exercise_of(decision.cell), "answer")
                comments.setdefault(answer, []).append(decision.comment)
            for answer, said in comments.items():
                book.find_comment(answer, name, name, student).manual_comment = "\n".join(filter(None, said)) or None
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

    def _place(self, step: str, student: str, name: str) -> Path:
        return self.folder / step / student / name / f"{name}.ipynb"

    def _resources(self, student: str, name: str) -> dict[str, Any]:
        """The facts that nbgrader's preprocessors read beside the notebook."""
        return {"nbgrader": {"student": student, "assignment": name, "notebook": name, "db_url": self.url}}

    def _convert(self, notebook: NotebookNode, steps: tuple[str, ...], student: str, name: str) -> NotebookNode:
        resources = self._resources(student, name)
        for step in steps:
            notebook, resources = getattr(preprocessors, step)(config=release.RULES).preprocess(notebook, resources)
        return notebook


def restored(submitted: NotebookNode, copy: NotebookNode) -> NotebookNode:
    """A submission to which the missing cells of the student copy are added, each behind the same cell as in the copy.

    Raises InputError if the submission has none of the copy's answer cells.
    """
    names = [masters.grade_id(cell) for cell in submitted.cells]
    answers = {masters.grade_id(cell) for cell in copy.cells if masters.metadata(cell).get("solution")}
    if not answers & set(names):
        raise InputError("none of its cells is an answer cell: were answers pasted into a new notebook?")
    cells, at = list(submitted.cells), -1
    for cell in (cell for cell in copy.cells if masters.grade_id(cell)):
        if masters.grade_id(cell) in names:
            at = names.index(masters.grade_id(cell))
        else:
            at += 1
            cells.insert(at, nbformat.from_dict(cell))
            names.insert(at, masters.grade_id(cell))
    return nbformat.from_dict({**submitted, "cells": cells})


def _store(notebook: NotebookNode, path: Path) -> None:
    files.make_folder(path.parent)
    with files.replacing(path) as temporary:
        nbformat.write(notebook, temporary)
