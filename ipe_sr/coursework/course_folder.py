"""Lay out a course of nbgrader, in which nbgrader's commands, formgrader and `ipe-sr course grade` work. Needs nbgrader."""

from datetime import UTC, datetime
from pathlib import Path

from ipe_sr.coursework import roster
from ipe_sr.coursework.gradebook import Course
from ipe_sr.errors import InputError


def init(paths: list[Path], folder: Path, due: list[str], students: Path | None) -> None:
    """Write masters (`source`), student copies (`release`), `nbgrader_config.py` and the gradebook.

    due: texts NUMBER=TIME.   students: a list of students, who are entered into the gradebook.
    Raises InputError, before anything is written, for a due date that cannot be read and for a bad list of students.
    """
    numbers = {path.name[:2]: path.stem for path in paths}
    dates = dict(_due(text, numbers) for text in due)
    ids = roster.read(students).ids if students else []
    course = Course(folder, paths)
    course.prepare()
    for name, when in dates.items():
        course.due(name, when)
    course.enrol(ids)


def _due(text: str, numbers: dict[str, str]) -> tuple[str, datetime]:
    number, _, when = text.partition("=")
    if number not in numbers:
        raise InputError(f"--due {text!r}: there is no notebook {number!r}: use {', '.join(numbers)}")
    try:
        time = datetime.fromisoformat(when)
    except ValueError:
        raise InputError(f"--due {text!r}: {when!r} is no time; write it like 2026-12-01T18:00, in UTC") from None
    return numbers[number], (time.astimezone(UTC).replace(tzinfo=None) if time.tzinfo else time)
