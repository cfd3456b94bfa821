"""Sort the download of a learning platform into SUBMITTED/STUDENT/NAME.ipynb. Needs nbgrader, which reads the names of files.

Moodle: `Ada Lovelace_123_assignsubmission_file_/NAME.ipynb`. Canvas: `lovelaceada_12_345_NAME.ipynb`, with `LATE` behind the
name of a student whose work is late, and `-1`, `-2`, ... behind NAME for what was handed in again.
"""

import datetime
import io
import logging
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nbgrader.plugins import FileNameCollectorPlugin

from ipe_sr import files
from ipe_sr.coursework import masters
from ipe_sr.coursework.limits import MB, Limits
from ipe_sr.coursework.roster import Roster
from ipe_sr.coursework.submissions import GRADE_ID, TIMESTAMP, plain_name, shown
from ipe_sr.errors import InputError

MOODLE = (r"(?:.*/)?(?P<first_name>[^/]+?)_(?P<student_id>\d+)_assignsubmission_(?:file|onlinetext)_?/"
          r"(?P<file_id>.+)")
CANVAS = r"(?:.*/)?(?P<first_name>[^/_]+)_(?:LATE_)?(?P<student_id>\d+)_\d+_(?P<file_id>.+)"
FOLDER = r"(?P<student_id>[^/]+)/(?P<file_id>.+)"
MOST = 20_000            # files in an archive
MOST_BYTES = 2000 * MB   # of all files in an archive


QUIET = logging.getLogger("collecting")
QUIET.setLevel(logging.CRITICAL)   # that a name is not Moodle's is no news: Canvas's is tried next


class _Names(FileNameCollectorPlugin):
    """nbgrader's reader of names, for names with folders and of any kind of file."""

    def collect(self, submitted_file: str) -> dict[str, str] | None:
        return self._match(submitted_file)


@dataclass(frozen=True)
class Found:
    """A file in an archive.   where: its name there.   time: when it was stored.   version: of several, the highest counts."""

    where: str
    data: bytes
    time: datetime.datetime
    version: int = 0


def collect(archive: Path, target: Path, names: list[str], roster: Roster | None, limits: Limits) -> tuple[int, list[str]]:
    """Write the notebooks of an archive into `target`, and beside each the time at which the archive says it was stored.

    names: of the masters.   roster: of the platform; without it, Moodle's students are called by their name and Canvas's by
    their number.   Returns the number of notebooks, and one line for each file that fits nowhere.
    Raises InputError for a file that is no archive, that would unpack to too much, or from which nothing can be read, and for a
    target that holds files already.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{target}: is there already; give a new folder, so that old and new submissions are not mixed")
    unsettled: list[str] = []
    best: dict[tuple[str, str], Found] = {}
    for found in _unpacked(archive, limits, unsettled):
        student, inner = _whose(found.where, roster)
        name, version = _which(inner, found.data, names)
        if student is None or name is None:
            why = "no student is known for it" if student is None else "it is none of the notebooks " + ", ".join(names)
            unsettled.append(f"{shown(found.where)}: not collected, {why}")
            continue
        found = Found(found.where, found.data, found.time, version)
        other = best.get((student, name))
        if other is not None:
            kept, dropped = sorted((found, other), key=lambda one: (one.version, one.time), reverse=True)
            unsettled.append(f"{shown(dropped.where)}: not collected, {shown(kept.where)} is newer")
            found = kept
        best[student, name] = found
    if not best:
        raise InputError(f"{archive}: holds no notebook {' or '.join(f'{name}.ipynb' for name in names[:3])} of a student")
    for (student, name), found in best.items():
        place = target / student / name
        files.make_folder(place)
        with files.replacing(place / f"{name}.ipynb") as temporary:
            temporary.write_bytes(found.data)
        with files.replacing(place / TIMESTAMP) as temporary:
            temporary.write_text(f"{found.time:%Y-%m-%d %H:%M:%S}", encoding="utf-8")
    return len(best), unsettled


def _unpacked(archive: Path | io.BytesIO, limits: Limits, unsettled: list[str], depth: int = 0) -> Iterator[Found]:
    """The files of an archive, and of archives in it, as students hand in."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            if len(entries) > MOST or sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise InputError(f"{archive}: unpacks to more than {MOST} files or {MOST_BYTES // MB} MB")
            for entry in entries:
                path = PurePosixPath(entry.filename)
                hidden = any(part.startswith((".", "__MACOSX")) for part in path.parts)
                if hidden or stat.S_ISLNK(entry.external_attr >> 16):
                    continue
                if entry.flag_bits & 1 or entry.file_size > limits.submission:
                    why = "it has a password" if entry.flag_bits & 1 else f"it is larger than {limits.submission // MB} MB"
                    unsettled.append(f"{shown(entry.filename)}: not collected, {why}")
                    continue
                with opened.open(entry) as file:
                    data = file.read(limits.submission + 1)
                found = Found(entry.filename, data, datetime.datetime(*entry.date_time))
                if path.suffix.lower() == ".zip" and depth == 0:
                    yield from _inner(found, limits, unsettled)
                else:
                    yield found
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{archive}: is no readable zip archive ({error})") from None


def _inner(outer: Found, limits: Limits, unsettled: list[str]) -> Iterator[Found]:
    """The files of an archive that a student handed in; their names stand behind its own."""
    try:
        for found in _unpacked(io.BytesIO(outer.data), limits, unsettled, depth=1):
            yield Found(f"{outer.where}/{found.where}", found.data, outer.time)
    except InputError:
        unsettled.append(f"{shown(outer.where)}: not collected, it is no readable zip archive")


def _whose(where: str, roster: Roster | None) -> tuple[str | None, str]:
    """The student to whom a file belongs, and the rest of its name."""
    for pattern in (MOODLE, CANVAS, FOLDER):
        match = _Names(named_regexp=pattern, log=QUIET).collect(where)
        if match:
            known = roster.called if roster else {}
            named = " ".join((match.get("first_name") or "").split())
            number = match["student_id"]
            if roster and (known or roster.platform):
                student = known.get(number) or known.get(named) or (number if number in roster.ids else None)
            else:
                student = named if pattern is MOODLE else number
                student = student if roster is None or student in roster.ids else None
            return (student if student and masters.STUDENT_ID.fullmatch(student) else None), match["file_id"]
    return None, where


def _which(inner: str, data: bytes, names: list[str]) -> tuple[str | None, int]:
    """The notebook that a file is, by its name or else by the exercises in it; and its version."""
    stem = PurePosixPath(inner).name
    stem = stem[:-6] if stem.lower().endswith(".ipynb") else stem
    version = re.search(r"-(\d+)$|\((\d+)\)$", stem)
    number = int(version[1] or version[2]) if version else 0
    by_name = [name for name in names if plain_name(stem) == name.lower()]
    if by_name and data.lstrip()[:1] == b"{":
        return by_name[0], number
    if inner.lower().endswith((".ipynb", ".ipynb.txt", ".ipynb.json")):
        found = {match.decode() for match in GRADE_ID.findall(data)}
        inside = [name for name in names if name[:2] in found]
        return (inside[0] if len(inside) == 1 else None), number
    return None, number
