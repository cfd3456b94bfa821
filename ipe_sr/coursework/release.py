"""Student copies of the master notebooks: solutions become gaps, hidden tests vanish, tests are locked. Needs nbgrader."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors
from traitlets.config import Config

from ipe_sr import files
from ipe_sr.coursework import masters
from ipe_sr.errors import InputError
from ipe_sr.series import documents

# What nbgrader puts into the gaps; grading makes its own copies by the same rules.
RULES = Config({
    "ClearSolutions": {
        "code_stub": {"python": '# your code here\nraise NotImplementedError("this exercise is not answered yet")'},
        "text_stub": "*Your answer here.*",
    },
})
STEPS = ("LockCells", "ClearSolutions", "ClearOutput", "ClearHiddenTests", "ComputeChecksums", "CheckCellMetadata")


def release(paths: list[Path], out: Path, students: list[str] = ()) -> list[Path]:
    """Write a student copy of every master: into `out`, or, with their ids filled in, into `out/STUDENT` for each student.

    Raises InputError where a master was executed.
    """
    made = []
    for path in paths:
        copy = student_copy(masters.read(path))
        for place, id in [(out / student, student) for student in students] or [(out, None)]:
            files.make_folder(place)
            with files.replacing(place / path.name) as temporary:
                nbformat.write(addressed(copy, id) if id else copy, temporary)
            made.append(place / path.name)
    return made


def student_copy(master: NotebookNode) -> NotebookNode:
    """A master with gaps for solutions and without hidden tests; the master itself stays as it is."""
    copy = nbformat.from_dict(master)
    for step in STEPS:
        copy, _ = getattr(preprocessors, step)(config=RULES).preprocess(copy, {})
    locked = {masters.grade_id(cell): masters.digest(cell) for cell in copy.cells if masters.metadata(cell).get("locked")}
    copy.metadata["ipe_sr"] = {"locked": locked}
    return copy


def stub(answer: NotebookNode) -> NotebookNode:
    """What students get of an answer cell."""
    return student_copy(nbformat.v4.new_notebook(cells=[answer])).cells[0]


def addressed(copy: NotebookNode, student: str) -> NotebookNode:
    """A student copy with the student's id in its place, if it has one."""
    copy = nbformat.from_dict(copy)
    for cell in documents.code_cells(copy):
        if masters.STUDENT_TAG in cell.metadata.get("tags", []):
            cell.source = f"student = {student!r}"
    return copy


def student_ids(file: Path) -> list[str]:
    """Ids, one a line, which name folders. Raises InputError for an unreadable file or an id that cannot name a folder."""
    try:
        ids = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not a readable list of student ids ({error})") from None
    if bad := [id for id in ids if not masters.STUDENT_ID.fullmatch(id)]:
        raise InputError(f"{file}: {bad[0]!r} is no student id; use letters, digits and . _ @ + -, one id a line")
    if not ids or len(set(ids)) < len(ids):
        raise InputError(f"{file}: {'a student id stands twice' if ids else 'holds no student id'}; give each once, one a line")
    return ids
