"""Tables of points for Canvas and Moodle. A notebook that is still open for a student has no entry there."""

import csv
from pathlib import Path

from ipe_sr import files
from ipe_sr.coursework.grading import Result
from ipe_sr.coursework.roster import CANVAS, Roster
from ipe_sr.coursework.tables import safe
from ipe_sr.errors import InputError

PLATFORMS = ("canvas", "moodle")


def check(platform: str, roster: Roster | None) -> None:
    """Raises InputError if a table for this platform cannot be written with this list of students."""
    if platform not in PLATFORMS:
        raise InputError(f"--lms {platform!r} is unknown: use one of {', '.join(PLATFORMS)}")
    if platform == "canvas" and (roster is None or roster.platform != "canvas"):
        raise InputError("--lms canvas needs --students FILE with the gradebook that Canvas exports, for its ids of students")


def write(platform: str, out: Path, result: Result, roster: Roster | None) -> Path:
    """Write OUT/canvas.csv or OUT/moodle.csv. Returns its path."""
    names = list(dict.fromkeys(mark.notebook for mark in result.marks))
    students = list(dict.fromkeys(mark.student for mark in result.marks))
    points: dict[tuple[str, str], list[float | None]] = {}
    most: dict[str, float] = dict.fromkeys(names, 0.0)
    for mark in result.marks:
        points.setdefault((mark.student, mark.notebook), []).append(mark.points)
        most[mark.notebook] += mark.of if mark.student == students[0] else 0
    rows = []
    for student in students:
        entries = []
        for name in names:
            found = points.get((student, name), [None])
            entries.append("" if None in found else f"{sum(found) - result.late.get((student, name), 0.0):g}")
        rows.append((student, entries))
    known = roster.rows if roster else {}
    if platform == "canvas":
        head = [list(CANVAS) + names, ["    Points Possible", "", "", "", "", *(f"{most[name]:g}" for name in names)]]
        rows = [(known[student], entries) for student, entries in rows if student in known]
        body = [[row.get(column, "") for column in CANVAS] + entries for row, entries in rows]
    else:
        column = next((name for name in ("ID number", "Username", "Email address")
                       if known and all(row.get(name) == student for student, row in known.items())), "ID number")
        head, body = [[column, *names]], [[student, *entries] for student, entries in rows]
    path = out / f"{platform}.csv"
    with files.replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([*head, *([safe(cell) for cell in row] for row in body)])
    return path
