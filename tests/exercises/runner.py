"""An exercise tried with an answer, in this process: what nbgrader would give for it, in milliseconds instead of seconds."""

from dataclasses import dataclass

from nbformat import NotebookNode

from ipe_sr.coursework import masters


@dataclass(frozen=True)
class Outcome:
    """points: earned.   errors: of the answer cell and of each failing test, by their part."""

    points: float
    errors: dict[str, Exception]


def attempt(notebook: NotebookNode, exercise: masters.Exercise, answer: str) -> Outcome:
    """Run the prelude and one exercise with this answer; a cell that fails costs its points, and the next one runs."""
    namespace: dict = {}
    for cell in masters.prelude(notebook):
        exec(cell.source, namespace)
    points, errors = 0, {}
    for cell in exercise.cells:
        if cell.cell_type != "code":
            continue
        part = masters.part_of(cell)
        try:
            exec(answer if part == "answer" else cell.source, namespace)
        except Exception as error:
            errors[part or cell.source] = error
        else:
            points += masters.points_of(cell)
    return Outcome(points, errors)
