"""Make student copies of the master notebooks: empty answers, no hidden tests, locked visible tests. Needs nbgrader."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors
from traitlets.config import Config

from ipe_sr import files
from ipe_sr.coursework import masters
from ipe_sr.series import documents

# The text that replaces solutions. Grading uses the same rules, to recognise an answer that is still empty.
RULES = Config({
    "ClearSolutions": {
        "code_stub": {"python": '# your code here\nraise NotImplementedError("this exercise is not answered yet")'},
        "text_stub": "*Your answer here.*",
    },
})
STEPS = ("LockCells", "ClearSolutions", "ClearOutput", "ClearHiddenTests", "ComputeChecksums", "CheckCellMetadata")


def release(paths: list[Path], out: Path, students: list[str] = ()) -> list[Path]:
    """Write a student copy of every master: into `out`, or, with their ids filled in, into `out/STUDENT` for each student.

    Returns the files. Raises InputError, before anything is written, if a master was executed.
    """
    copies = {path.name: student_copy(masters.read(path)) for path in paths}
    for name, copy in copies.items():
        copy.metadata.ipe_sr["name"] = name
    made = []
    for name, copy in copies.items():
        for place, id in [(out / student, student) for student in students] or [(out, None)]:
            files.make_folder(place)
            with files.replacing(place / name) as temporary:
                nbformat.write(addressed(copy, id) if id else copy, temporary)
            made.append(place / name)
    return made


def student_copy(master: NotebookNode) -> NotebookNode:
    """The student copy of a master, which is not changed. Its metadata lists locked cells, with digests, and answers."""
    copy = nbformat.from_dict(master)
    for step in STEPS:
        copy, _ = getattr(preprocessors, step)(config=RULES).preprocess(copy, {})
    locked = {masters.grade_id(cell): masters.digest(cell) for cell in copy.cells if masters.metadata(cell).get("locked")}
    answers = [masters.grade_id(cell) for cell in copy.cells if masters.metadata(cell).get("solution")]
    copy.metadata["ipe_sr"] = {"locked": locked, "answers": answers}
    return copy


def stub(answer: NotebookNode) -> NotebookNode:
    """The answer cell of a student copy, made from that of the master."""
    return student_copy(nbformat.v4.new_notebook(cells=[answer])).cells[0]


def addressed(copy: NotebookNode, student: str) -> NotebookNode:
    """A student copy with the student's id in the cell that asks for it, if there is such a cell."""
    copy = nbformat.from_dict(copy)
    copy.metadata.setdefault("ipe_sr", {})["student"] = student
    for cell in documents.code_cells(copy):
        if masters.STUDENT_TAG in cell.metadata.get("tags", []):
            cell.source = f"student = {student!r}"
    return copy
