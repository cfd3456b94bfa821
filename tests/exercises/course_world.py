"""A made-up course for tests: one quick master of three exercises, and submissions of every kind."""

import copy
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ipe_sr import cli
from ipe_sr.coursework import masters, release

NAME = "01_made_up"
GOOD = {"01.1": "def twice(n):\n    return 2 * n", "01.2": "def sign(n):\n    return (n > 0) - (n < 0)", "01.3": "Because."}
TESTS = {
    "01.1": ("assert twice(2) == 4, 'twice 2 is 4.'", "assert twice(-3) == -6, 'negative numbers too.'"),
    "01.2": ("assert sign(5) == 1, 'a positive number has sign 1.'", "assert sign(0) == 0, 'zero has no sign.'"),
}


def ipe_sr(*arguments, monkeypatch) -> int:
    """The exit status of `ipe-sr course ARGUMENTS`, run in this process."""
    monkeypatch.setattr(sys, "argv", ["ipe-sr", "course", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code or 0


def marked(cell: NotebookNode, name: str, **marks) -> NotebookNode:
    """The cell, with nbgrader's metadata added."""
    plain = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False, "grade_id": name}
    cell.metadata["nbgrader"] = plain | marks
    return cell


def master() -> NotebookNode:
    cells = [new_markdown_cell("# Made up"), marked(new_code_cell("import os\nimport time"), "imports", locked=True)]
    cells.append(new_code_cell("student = 'nobody'", metadata={"tags": ["student"]}))
    for id, (visible, hidden) in TESTS.items():
        head, body = GOOD[id].split("\n")
        name, test = "ex-" + id.replace(".", "-"), {"grade": True, "locked": True}
        cells += [
            new_markdown_cell(f"### Exercise {id} · implementation · ★☆☆ · 3 points\n\nWrite it."),
            marked(new_code_cell(f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION"), name, solution=True),
            marked(new_code_cell(visible), f"{name}-visible", points=1, **test),
            marked(new_code_cell(f"# Hidden.\n### BEGIN HIDDEN TESTS\n{hidden}\n### END HIDDEN TESTS"), f"{name}-hidden",
                   points=2, **test),
        ]
    cells.append(new_markdown_cell("### Exercise 01.3 · derivation · ★☆☆ · 2 points\n\nWhy?"))
    cells.append(marked(new_markdown_cell("Because."), "ex-01-3", grade=True, solution=True, points=2))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})


def write_master(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(master(), folder / f"{NAME}.ipynb")
    return folder / f"{NAME}.ipynb"


def answered(answers: dict[str, str]) -> NotebookNode:
    """A student copy with these answers; other answers stay empty."""
    return fill(release.student_copy(master()), answers)


def fill(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """Write answers, given by exercise, into a student copy."""
    for cell in notebook.cells:
        exercise = masters.exercise_of(masters.grade_id(cell))
        if exercise in answers and masters.metadata(cell).get("solution"):
            cell.source = answers[exercise]
    return notebook


def without(notebook: NotebookNode, *names: str) -> NotebookNode:
    """The notebook with some cells deleted."""
    notebook = copy.deepcopy(notebook)
    notebook.cells = [cell for cell in notebook.cells if masters.grade_id(cell) not in names]
    return notebook


def tampered() -> NotebookNode:
    """A wrong answer whose visible test was changed so that it passes."""
    notebook = answered(GOOD | {"01.1": "def twice(n):\n    return 0"})
    for cell in notebook.cells:
        if masters.grade_id(cell) == "ex-01-1-visible":
            cell.source = "assert True"
    return notebook


def pasted() -> NotebookNode:
    """Answers in a new notebook: none of its cells can be recognised."""
    return new_notebook(cells=[new_code_cell(GOOD["01.1"]), new_code_cell(GOOD["01.2"])])


def but(exercise: str, code: str):
    """A submission with right answers, except for one exercise."""
    return lambda: answered(GOOD | {exercise: code})


STUBBORN = """def sign(n):
    while True:
        try:
            time.sleep(1)
        except KeyboardInterrupt:
            pass"""
SUBMISSIONS = {
    "good": lambda: answered(GOOD),
    "empty": lambda: answered({}),
    "wrong": but("01.1", "def twice(n):\n    return abs(2 * n)"),
    "crashing": but("01.1", "def twice(n)\n    return 2 * n"),
    "warning": but("01.1", "import sys\ndef twice(n):\n    sys.stderr.write('careful')\n    return 2 * n"),
    "endless": but("01.1", "def twice(n):\n    while True:\n        pass"),
    "stubborn": but("01.2", STUBBORN),
    "killing": but("01.2", "def sign(n):\n    os._exit(1)"),
    "leaving": but("01.2", "def sign(n):\n    exit()"),
    "deleting": lambda: without(
        answered(GOOD | {"01.1": "def twice(n):\n    return 0"}), "ex-01-1-visible", "ex-01-1-hidden", "imports"
    ),
    "tampering": tampered,
    "pasting": pasted,
    "told": but("01.1", "def twice(n):\n    return 2 * n * (os.environ['IPE_SR_STUDENT'] == 'told')"),
}


def hand_in(folder: Path, students=tuple(SUBMISSIONS)) -> Path:
    """Write SUBMITTED/STUDENT/NAME.ipynb. The one of `cut` is damaged, of `absent` renamed; `missing` has none."""
    for student in students:
        (folder / student).mkdir(parents=True)
        nbformat.write(SUBMISSIONS[student](), folder / student / f"{NAME}.ipynb")
    for student in ("cut", "absent", "missing"):
        (folder / student).mkdir(parents=True)
    (folder / "cut" / f"{NAME}.ipynb").write_text('{"cells": [', encoding="utf-8")
    (folder / "absent" / "notes.ipynb").write_text("{}", encoding="utf-8")
    return folder
