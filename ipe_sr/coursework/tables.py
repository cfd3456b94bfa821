"""The tables of a graded course: questions.csv and grades.csv for reading, by_hand.csv for a person to fill in.

A text that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ipe_sr import files
from ipe_sr.errors import InputError, first_line

MISSING, OPEN, GRADED = "not handed in", "open", "graded"
COLUMNS = ("student", "notebook", "cell", "of", "points", "comment")   # of by_hand.csv
Cell = tuple[str, str, str]   # student, notebook, name of a graded cell


@dataclass(frozen=True)
class Mark:
    """The result of one student in one exercise.

    points: None while a person has to decide about `cells`, given as pairs (name, most points).   of: the most points.
    says: what is wrong with the answer, in one line; empty if nothing is.
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
    """The points and the comment that a person gave to one cell.   of: the most points, as the gradebook has them."""

    student: str
    notebook: str
    cell: str
    of: float
    points: float
    comment: str


def write(out: Path, marks: list[Mark], late: Mapping[tuple[str, str], float]) -> None:
    """Write questions.csv and grades.csv. Points that a person still has to give are left empty.

    late: by student and notebook, the points that are taken off because it was handed in late.
    """
    questions = [(m.student, m.notebook, m.exercise, m.points, m.of, m.state, m.says) for m in marks]
    _write(out / "questions.csv", ("student", "notebook", "exercise", "points", "of", "state", "says"), questions)
    names = list(dict.fromkeys(mark.notebook for mark in marks))
    by_student: dict[str, list[Mark]] = {}
    for mark in marks:
        by_student.setdefault(mark.student, []).append(mark)
    _write(out / "grades.csv", ("student", *names, "late", "points", "of", "open"), [
        _total(student, own, names, [late.get((student, name), 0.0) for name in names]) for student, own in by_student.items()
    ])


def write_by_hand(out: Path, waiting: list[tuple[str, str, str, float]]) -> None:
    """Write by_hand.csv: the cells that wait for a person (student, notebook, cell, most points)."""
    _write(out / "by_hand.csv", COLUMNS, [(*cell, None, "") for cell in waiting])


def decisions(out: Path, limits: Mapping[Cell, float]) -> list[Decision]:
    """The rows of by_hand.csv that have points; none if there is no such file.

    limits: the most points of every cell that a person grades, from the gradebook. The column `of` only informs the person
    who fills in the table; it is not read.
    Raises InputError, with the line, for a damaged table, for points that are not a number from 0 to the limit, for a student,
    notebook or cell without a limit, for a second row about one cell, and for a comment without points.
    """
    found: dict[Cell, Decision] = {}
    for place, row in _rows(out / "by_hand.csv"):
        if row["points"].strip():
            cell = _text(row["student"]), row["notebook"], row["cell"]
            if cell not in limits:
                raise InputError(f"{place}: {_unknown(cell, limits)}")
            if cell in found:
                raise InputError(f"{place}: this is the second row with points for {' '.join(cell)}; delete one of them")
            points = _points(row["points"], limits[cell], place)
            found[cell] = Decision(*cell, limits[cell], points, row["comment"])
        elif row["comment"].strip():
            raise InputError(f"{place}: there is a comment without points; enter the points, or delete the comment")
    return list(found.values())


def _rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of by_hand.csv, each with its place for messages."""
    if not path.exists():
        return
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:   # spreadsheets add a byte order mark
            reader = csv.DictReader(file, strict=True)
            if sorted(reader.fieldnames or ()) != sorted(COLUMNS):
                raise InputError(f"{path}, line 1: the columns must be {','.join(COLUMNS)}, separated by commas")
            for row in reader:
                place = f"{path}, line {reader.line_num}"
                if None in row or None in row.values():
                    raise InputError(f"{place}: the row must have {len(COLUMNS)} entries, separated by commas")
                yield place, row
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({first_line(error)}); save it as CSV with the encoding UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.reader.line_num}: is not readable as CSV ({first_line(error)})") from None


def _unknown(cell: Cell, limits: Mapping[Cell, float]) -> str:
    """What is wrong with a cell without a limit: the first of its three names that does not fit, and similar names that do."""
    i = next(i for i in range(3) if not any(other[: i + 1] == cell[: i + 1] for other in limits))
    known = sorted({other[i] for other in limits if other[:i] == cell[:i]})
    similar = ", ".join(difflib.get_close_matches(cell[i], known, n=3, cutoff=0))
    kind = ("student", "notebook", "cell")[i]
    use = f"use {similar}, or delete the row" if known else "delete the row"
    return f"the {kind} {cell[i]!r} is unknown, or a person has nothing to grade there; {use}"


def _points(text: str, of: float, place: str) -> float:
    try:
        points = float(text)
    except ValueError:
        points = math.nan
    if not 0 <= points <= of:   # NaN fails as well
        raise InputError(f"{place}: the points must be a number from 0 to {of:g}, such as {of / 2:g}; not {text!r}")
    return points


def _total(student: str, marks: list[Mark], names: list[str], late: list[float]) -> tuple:
    """A student's row of grades.csv: the points of each notebook, empty while one of its exercises is open, and the sums."""
    columns = []
    for name, penalty in zip(names, late, strict=True):
        points = [mark.points for mark in marks if mark.notebook == name]
        columns.append(None if None in points else sum(points) - penalty)
    still = " ".join(mark.exercise for mark in marks if mark.points is None)
    points = sum(mark.points or 0 for mark in marks) - sum(late)
    return student, *columns, sum(late), points, sum(mark.of for mark in marks), still


def _write(path: Path, header: Iterable[str], rows: Iterable[tuple]) -> None:
    with files.replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([f"{value:g}" if isinstance(value, (int, float)) else safe(value) for value in row] for row in rows)


def safe(text: str | None) -> str | None:
    """A text for a table that no spreadsheet takes for a formula, without line breaks and control characters."""
    if text is None:
        return None
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") and text.strip() else text


def _text(cell: str) -> str:
    """The text that `safe` was given."""
    return cell[1:] if cell[:1] == "'" and cell[1:2] in ("=", "+", "-", "@") else cell
