"""The list of students: ids, one per line; or a table that Canvas or Moodle exports, with its names for the students."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from ipe_sr.coursework import masters
from ipe_sr.errors import InputError, first_line

CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")   # the columns that Canvas needs in an import
MOODLE_IDS = ("ID number", "Username", "Email address")                # in this order, the column that becomes the id


@dataclass(frozen=True)
class Roster:
    """ids: of all students.   platform: "canvas", "moodle", or None for a plain list.   rows: by id, the row of the table.

    called: what the platform calls a student in the names of files -> the id.
    """

    ids: list[str]
    platform: str | None = None
    rows: dict[str, dict[str, str]] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)


def read(file: Path) -> Roster:
    """A list of students. Raises InputError for an unreadable file, and for ids that cannot name folders or stand twice."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not readable as UTF-8 text ({first_line(error)}); give one id per line") from None
    header = next(csv.reader([text.partition("\n")[0]]), [])
    if {"Student", "ID", "SIS Login ID"} <= set(header):
        return _canvas(file, _rows(file, text))
    if "Full name" in header or {"First name", "ID number"} <= set(header):
        return _moodle(file, _rows(file, text))
    return Roster(_checked(file, [line.strip() for line in text.splitlines() if line.strip()]))


def _canvas(file: Path, rows: list[dict[str, str]]) -> Roster:
    """The gradebook that Canvas exports. Its row of most points, and the student for trying out, have no login."""
    rows = [row for row in rows if row["SIS Login ID"].strip()]
    ids = _checked(file, [row["SIS Login ID"].strip() for row in rows])
    by_id = dict(zip(ids, rows, strict=True))
    return Roster(ids, "canvas", by_id, {row["ID"].strip(): id for id, row in by_id.items()})


def _moodle(file: Path, rows: list[dict[str, str]]) -> Roster:
    """The grading worksheet or the list of participants that Moodle exports."""
    column = next((name for name in MOODLE_IDS if rows and all((row.get(name) or "").strip() for row in rows)), None)
    if column is None:
        raise InputError(f"{file}: needs a column {' or '.join(MOODLE_IDS)} with an entry for each student")
    ids = _checked(file, [row[column].strip() for row in rows])
    called = {}
    for id, row in zip(ids, rows, strict=True):
        name = row.get("Full name") or f"{row.get('First name', '')} {row.get('Last name') or row.get('Surname') or ''}"
        called[" ".join(name.split())] = "" if " ".join(name.split()) in called else id   # two students of one name: neither
        called[row.get("Identifier", "").removeprefix("Participant ").strip() or id] = id
    return Roster(ids, "moodle", dict(zip(ids, rows, strict=True)), {name: id for name, id in called.items() if id})


def _rows(file: Path, text: str) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise InputError(f"{file}: not readable as CSV ({error})") from None
    return [{name: value or "" for name, value in row.items() if name is not None} for row in rows]


def _checked(file: Path, ids: list[str]) -> list[str]:
    if bad := [id for id in ids if not masters.STUDENT_ID.fullmatch(id)]:
        raise InputError(f"{file}: {bad[0]!r} is no student id; use letters, digits, spaces and . _ @ + -, one id per line")
    if not ids or len(set(ids)) < len(ids):
        fault = "a student id stands twice" if ids else "holds no student id"
        raise InputError(f"{file}: {fault}; give each id once, one per line")
    return ids
