"""A course's folder in nbgrader's form: masters, submissions, graded copies and the gradebook. Needs nbgrader.

The gradebook holds points by cell; a notebook of the series is an assignment, so that one that fails spoils no other.
"""

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors
from nbgrader.api import Gradebook

from ipe_sr import files
from ipe_sr.coursework import masters, release, student_kernel
from ipe_sr.coursework.tables import Decision
from ipe_sr.errors import InputError
from ipe_sr.series import documents

PREPARE = ("LockCells", "ClearSolutions", "ClearOutput", "CheckCellMetadata", "ComputeChecksums", "SaveCells")
SANITISE = ("ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata")
SAVE = ("LimitOutput", "SaveAutoGrades", "CheckCellMetadata")


@dataclass(frozen=True)
class Grade:
    """One graded cell of a submission.   points: None where a person still has to decide."""

    cell: str
    points: float | None
    of: float


class Course:
    """The folder below which nbgrader's files lie.

    Raises InputError where grades by other masters lie there: points would mean different things.
    """

    def __init__(self, folder: Path, paths: list[Path]):
        files.make_folder(folder)
        self.folder = folder
        self.url = f"sqlite:///{(folder / 'gradebook.db').resolve()}"
        scripts = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
        os.environ["PATH"] = scripts   # nbgrader calls the command alembic, which a venv that is not activated hides
        self.copies = {path.stem: self._prepare(path) for path in paths}

    def _prepare(self, path: Path) -> NotebookNode:
        """Enter a master into the gradebook, once; returns its student copy."""
        kept, master = self.place("source", ".", path.stem), masters.read(path)
        if not kept.exists():
            with self.gradebook() as book:
                book.update_or_create_assignment(path.stem)
            self._convert(nbformat.from_dict(master), PREPARE, "", path.stem)
            store(master, kept)
        elif documents.read(kept) != master:
            raise InputError(f"{self.folder.parent}: holds grades by another {path.name}; give a fresh folder")
        return release.student_copy(master)

    def place(self, step: str, student: str, name: str) -> Path:
        return self.folder / step / student / name / f"{name}.ipynb"

    def gradebook(self) -> Gradebook:
        return Gradebook(self.url)

    def resources(self, student: str, name: str) -> dict:
        """What nbgrader's preprocessors want to know."""
        return {"nbgrader": {"student": student, "assignment": name, "notebook": name, "db_url": self.url}}

    def exercises(self, name: str) -> list[masters.Exercise]:
        return masters.exercises(self.copies[name])

    def executed(self, student: str, name: str) -> NotebookNode:
        """The graded copy; its metadata says under `ipe_sr.stopped` why it was not run to its end, if so."""
        return documents.read(self.place("autograded", student, name))

    def grade(self, student: str, name: str, submitted: Path, timeout: int) -> str | None:
        """Run a submission, save its points, and keep the executed copy.

        Returns one line where a person has to look: it could not be run to its end, and its remaining points stay open.
        """
        with self.gradebook() as book:
            book.update_or_create_student(student)
            book.update_or_create_submission(name, student)
            for grade in book.find_submission_notebook(name, name, student).grades:
                grade.manual_score = None   # of an earlier version
            book.db.commit()
        stopped = None
        try:
            executed = restored(documents.read(submitted), self.copies[name])
            executed = self._convert(executed, SANITISE, student, name)
            with tempfile.TemporaryDirectory() as scratch:   # what the code writes must not lie beside the gradebook
                student_kernel.execute(executed, Path(scratch), timeout, student)
        except student_kernel.Stopped as error:
            stopped = error
        except Exception as error:   # whatever a damaged file does to nbgrader, the others are graded
            kind = "" if isinstance(error, InputError) else f"{submitted}: its cells are damaged: {type(error).__name__}: "
            executed, stopped = nbformat.from_dict(self.copies[name]), student_kernel.Stopped(f"{kind}{error}", 0)
        executed = self._convert(executed, SAVE, student, name)
        executed.metadata["ipe_sr"] = {"stopped": str(stopped) if stopped else None}
        if stopped:
            self._leave_open(student, name, executed.cells[stopped.cell:])
        store(executed, self.place("autograded", student, name))
        return executed.metadata["ipe_sr"]["stopped"]

    def grades(self, student: str, name: str) -> list[Grade]:
        """Points of a submission, cell by cell; by a person where there are any, else by the tests."""
        with self.gradebook() as book:
            found = book.find_submission_notebook(name, name, student).grades
            return [Grade(g.name, None if g.needs_manual_grade else g.score, g.max_score) for g in found]

    def enter(self, decisions: list[Decision]) -> None:
        """Take over what a person decided."""
        with self.gradebook() as book:
            for d in decisions:
                grade = book.find_grade(d.cell, d.notebook, d.notebook, d.student)
                grade.manual_score, grade.needs_manual_grade = d.points, False
                answer = d.cell.removesuffix("-visible").removesuffix("-hidden")
                book.find_comment(answer, d.notebook, d.notebook, d.student).manual_comment = d.comment or None
            book.db.commit()

    def _leave_open(self, student: str, name: str, cells: list[NotebookNode]) -> None:
        with self.gradebook() as book:
            for cell in (cell for cell in cells if masters.metadata(cell).get("grade")):
                grade = book.find_grade(masters.grade_id(cell), name, name, student)
                grade.auto_score, grade.needs_manual_grade = None, True
            book.db.commit()

    def _convert(self, notebook: NotebookNode, steps: tuple[str, ...], student: str, name: str) -> NotebookNode:
        resources = self.resources(student, name)
        for step in steps:
            notebook, resources = getattr(preprocessors, step)(config=release.RULES).preprocess(notebook, resources)
        return notebook


def restored(submitted: NotebookNode, copy: NotebookNode) -> NotebookNode:
    """A submission with the cells of the student copy that are not there any more, each after the one that it follows there.

    Raises InputError where no answer is left that could be recognised.
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


def store(notebook: NotebookNode, path: Path) -> None:
    files.make_folder(path.parent)
    with files.replacing(path) as temporary:
        nbformat.write(notebook, temporary)
