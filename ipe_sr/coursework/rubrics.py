"""Rubrics of written answers: what a person who marks them needs beside `by_hand.csv`.

The master has a rubric in the solution of its answer cell, one line for each thing that counts: `- 1 point: what earns it`.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from nbformat import NotebookNode

from ipe_sr import files
from ipe_sr.coursework import masters

LINE = re.compile(r"^- (\d+) points?: (.+)$", re.M)
MARK = re.compile(r"^.*(?:BEGIN|END) SOLUTION.*\n?", re.M)
FILE = "by_hand.md"


def lines(exercise: masters.Exercise) -> list[tuple[int, str]]:
    """The rubric of a written exercise: the points of each line, and what earns them; empty if it has none."""
    return [(int(points), text) for points, text in LINE.findall(exercise.cell("answer").source)]


def page(exercise: masters.Exercise) -> str:
    """The task, the answer of the master and the rubric, as Markdown."""
    task = "\n\n".join(cell.source for cell in exercise.cells if masters.part_of(cell) is None)
    return f"{task}\n\n**The master's answer**\n\n{MARK.sub('', exercise.cell('answer').source).strip()}\n"


def write(out: Path, waiting: Iterable[tuple[str, str, str, float]], notebooks: Mapping[str, NotebookNode]) -> None:
    """Write by_hand.md: a page for each written exercise of which answers wait for a person. Without any there is no file.

    waiting: student, notebook, cell and most points.   notebooks: the masters by name.
    """
    cells = {(notebook, cell) for _, notebook, cell, _ in waiting}
    pages = [
        page(exercise) for name, notebook in notebooks.items() for exercise in masters.exercises(notebook)
        if exercise.written and (name, masters.named(exercise.id, "answer")) in cells
    ]
    if not pages:
        (out / FILE).unlink(missing_ok=True)
        return
    with files.replacing(out / FILE) as temporary:
        temporary.write_text("\n---\n\n".join(pages), encoding="utf-8")
