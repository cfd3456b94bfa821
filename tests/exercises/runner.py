"""Test an answer to an exercise in this process. It gets the points that nbgrader gives, in milliseconds instead of seconds."""

import ast
import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from nbformat import NotebookNode

from ipe_sr.coursework import masters

HERE = Path(__file__).parent
MASTERS = masters.masters(HERE.parents[1] / "notebooks" / "exercises")


@dataclass(frozen=True)
class Case:
    """An exercise that is graded by tests, and its master notebook."""

    notebook: NotebookNode
    exercise: masters.Exercise

    @property
    def solution(self) -> str:
        return self.exercise.cell("answer").source

    def bank(self) -> list[dict]:
        """The wrong answers to this exercise; see `bank/01.yaml`."""
        path = HERE / "bank" / f"{self.exercise.id[:2]}.yaml"
        return (yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}).get(self.exercise.id, [])

    def alternatives(self) -> list[dict]:
        """Right answers other than the solution; see `alternatives.yaml`."""
        return yaml.safe_load((HERE / "alternatives.yaml").read_text(encoding="utf-8")).get(self.exercise.id, [])

    def filled(self, entry: dict) -> str:
        """The answer cell of an entry, which holds the code or a replacement in the solution that must fit exactly once."""
        if "code" in entry:
            return entry["code"]
        old, new = entry["replace"]
        assert self.solution.count(old) == 1, f"{old!r} stands {self.solution.count(old)} times in the solution"
        return self.solution.replace(old, new)


@dataclass(frozen=True)
class Outcome:
    """points: the points earned.   errors: the errors of all cells that failed, by their part; by their id for given code."""

    points: float
    errors: dict[str, Exception]


def cases(numbers: Sequence[str] = ()) -> Iterator[Case]:
    """The exercises of the masters with these numbers; of all masters if there are no numbers."""
    for path in (path for path in MASTERS if not numbers or path.name[:2] in numbers):
        notebook = masters.read(path)
        yield from (Case(notebook, exercise) for exercise in masters.exercises(notebook) if not exercise.written)


def run(source: str, namespace: dict) -> Any:
    """Execute a cell; returns the value that Jupyter would show below it."""
    *body, last = ast.parse(source).body
    if not isinstance(last, ast.Expr):
        return exec(source, namespace)
    exec(compile(ast.Module(body, []), "<cell>", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace)


def attempt(case: Case, answer: str) -> Outcome:
    """Run the prelude and one exercise with this answer. A cell that fails loses its points, and the next cell runs."""
    namespace: dict = {}
    points, errors = 0, {}
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in masters.prelude(case.notebook):
            exec(cell.source, namespace)
        for cell in (cell for cell in case.exercise.cells if cell.cell_type == "code"):
            part = masters.part_of(cell)
            try:
                value = run(answer if part == "answer" else cell.source, namespace)
                if masters.points_of(cell) and value is not None:
                    raise TypeError(f"the test ends in a value, {value!r}: nbgrader reads that as partial credit")
            except Exception as error:
                errors[part or cell.id] = error
            else:
                points += masters.points_of(cell)
    return Outcome(points, errors)
