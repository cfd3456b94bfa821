"""Marks, and the tables that they are written to and read from: questions.csv, grades.csv, by_hand.csv."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ipe_sr import files
from ipe_sr.errors import InputError

MISSING, OPEN, GRADED = "not handed in", "open", "graded"
BY_HAND = ("student", "notebook", "cell", "of", "points", "comment")


@dataclass(frozen=True)
class Mark:
    """An exercise of a student.

    points: None while a person has to decide about `cells` (name, points that it is worth).   says: what is wrong, one line.
    """

    student: str
    notebook: str
    exercise: str
    points: float | None
    of: float
    state: str
    says: str = ""
    cells: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Decision:
    """What a person entered in by_hand.csv about a cell."""

    student: str
    notebook: str
    cell: str
    of: float
    points: float
    comment: str


def write(out: Path, marks: list[Mark], decisions: list[Decision]) -> None:
    """The three tables. Points that a person still has to give are empty, never 0; by_hand.csv asks for them."""
    questions = [(m.student, m.notebook, m.exercise, m.points, m.of, m.state, m.says) for m in marks]
    _write(out / "questions.csv", ("student", "notebook", "exercise", "points", "of", "state", "says"), questions)
    names = list(dict.fromkeys(mark.notebook for mark in marks))
    _write(out / "grades.csv", ("student", *names, "points", "of", "open"), [
        _total(student, [mark for mark in marks if mark.student == student], names)
        for student in dict.fromkeys(mark.student for mark in marks)
    ])
    asked = [(m.student, m.notebook, cell, of, None, "") for m in marks for cell, of in m.cells]
    entered = [(d.student, d.notebook, d.cell, d.of, d.points, d.comment) for d in decisions]
    _write(out / "by_hand.csv", BY_HAND, asked + entered)


def decisions(out: Path) -> list[Decision]:
    """The rows of by_hand.csv with points. Raises InputError for points out of range, or a damaged table."""
    path = out / "by_hand.csv"
    if not path.exists():
        return []
    found = []
    with open(path, newline="", encoding="utf-8-sig") as file:   # spreadsheets add a byte order mark
        for line, row in enumerate(csv.DictReader(file), 2):
            if row.keys() != set(BY_HAND):
                raise InputError(f"{path}, line {line}: its columns must be {', '.join(BY_HAND)}")
            if row["points"].strip():
                found.append(_decision(row, f"{path}, line {line}"))
    return found


def _decision(row: Mapping[str, str], place: str) -> Decision:
    try:
        of, points = float(row["of"]), float(row["points"])
    except ValueError:
        raise InputError(f"{place}: points {row['points']!r} are not a number") from None
    if not 0 <= points <= of:
        raise InputError(f"{place}: {points:g} points given where 0 to {of:g} can be")
    return Decision(row["student"], row["notebook"], row["cell"], of, points, row["comment"])


def _total(student: str, marks: list[Mark], names: list[str]) -> tuple:
    columns = []
    for name in names:
        points = [mark.points for mark in marks if mark.notebook == name]
        columns.append(None if None in points else sum(points))
    still = " ".join(mark.exercise for mark in marks if mark.points is None)
    return student, *columns, sum(mark.points or 0 for mark in marks), sum(mark.of for mark in marks), still


def _write(path: Path, header: Iterable[str], rows: Iterable[tuple]) -> None:
    with files.replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{value:g}" if isinstance(value, (int, float)) else value for value in row] for row in rows)
