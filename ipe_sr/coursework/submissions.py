"""Look at the folder of submissions, once, before any student code runs.

A submission is SUBMITTED/STUDENT/NAME.ipynb, named like its master; nbgrader's SUBMITTED/STUDENT/NAME/NAME.ipynb is understood,
too. What lies elsewhere or has another name is not graded, but it is named, so that no student gets 0 points in silence.
"""

import hashlib
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ipe_sr.coursework import masters
from ipe_sr.coursework.limits import MB, Limits
from ipe_sr.errors import InputError

TIMESTAMP = "timestamp.txt"   # nbgrader's file with the time of a submission
NO_ANSWERS = {".png", ".jpg", ".jpeg", ".gif", ".svg", ".csv", ".npy", ".npz", ".tif", ".tiff", ".pt", ".safetensors", ".pyc"}
ARCHIVES = {".zip", ".gz", ".tar", ".7z", ".rar"}
MOST_FILES = 500   # of one student
ADDED = re.compile(r"\.(ipynb|txt|json)$|[ _-]*\(\d+\)$|[ _-]+copy ?\d*$|^(copy|kopie|copie) (of|von|de) |[ -]\d{1,2}$")
GRADE_ID = re.compile(rb"ex-(\d\d)-\d")


@dataclass(frozen=True)
class Submission:
    """What a student handed in for one notebook.

    problem: why it cannot be graded, in one line; None if it can.   digest: of its bytes.   at: where `Survey` keeps these.
    """

    problem: str | None
    digest: str = ""
    at: tuple[int, int] = (0, 0)


class Survey:
    """All submissions as they were at the first look. Student code cannot change what is kept here.

    found: by student and name of the notebook; what is missing was not handed in.   students: in order.
    strays: one line for each thing that belongs to no notebook of a student.   stamps: texts of timestamp.txt, by student and
    name of the notebook.
    Raises InputError if there is no folder of a student.
    """

    def __init__(self, folder: Path, names: Iterable[str], roster: list[str] | None, limits: Limits):
        self.folder, self.names, self.limits = folder, list(names), limits
        self.found: dict[tuple[str, str], Submission] = {}
        self.stamps: dict[tuple[str, str], str] = {}
        self.strays: list[str] = []
        self.students: list[str] = []
        self._kept = tempfile.TemporaryFile()   # noqa: SIM115   it has no name, so no other program can open it
        for path in _listed(folder):
            self._look_at(path, roster)
        if not self.students:
            raise InputError(f"{folder}: holds no folder of a student; submissions are {folder}/STUDENT/NAME.ipynb")
        self.students += sorted(set(roster or ()) - set(self.students))

    def read(self, submission: Submission) -> bytes:
        """The bytes of a submission."""
        start, size = submission.at
        return os.pread(self._kept.fileno(), size, start)

    def _look_at(self, path: Path, roster: list[str] | None) -> None:
        """Look at one entry of the folder of submissions."""
        student = unicodedata.normalize("NFC", path.name)
        if student.startswith(".") or student == TIMESTAMP:
            return
        if path.is_symlink() or not path.is_dir():
            self.strays.append(f"{shown(path.name)}: not graded, it is not in the folder of a student; "
                               "for the download of a learning platform use ipe-sr course collect")
            return
        if not masters.STUDENT_ID.fullmatch(student) or student in self.students:
            self.strays.append(f"{shown(path.name)}: not graded, the folder's name is no student id; use letters, digits, "
                               "spaces and . _ @ + -, and each id once")
            return
        if roster is not None and student not in roster:
            self.strays.append(f"{student}: not graded, the list of students has no such id; rename the folder")
            return
        self.students.append(student)
        rest = [file for file in _files(path, MOST_FILES)]
        for name in self.names:
            for due in (path / f"{name}.ipynb", path / name / f"{name}.ipynb"):
                if os.path.lexists(due):
                    self.found.setdefault((student, name), self._take(due))
                    rest = [file for file in rest if file != due and due not in file.parents]
            for stamp in (path / TIMESTAMP, path / name / TIMESTAMP):
                if text := _first_bytes(stamp, 200)[1].decode("utf-8", "replace").strip():
                    self.stamps[student, name] = text
        self._sort_out(student, path, [file for file in rest if file.name != TIMESTAMP])

    def _sort_out(self, student: str, folder: Path, rest: list[Path]) -> None:
        """Say what the other files are. Each could be an answer to a notebook that is missing, so that notebook stays open."""
        if len(rest) >= MOST_FILES:
            self.strays.append(f"{student}: holds more than {MOST_FILES} files; not all were looked at")
        missing = [name for name in self.names if (student, name) not in self.found]
        for file in rest[:MOST_FILES]:
            if file.suffix.lower() in NO_ANSWERS:
                continue
            where = shown(file.relative_to(folder).as_posix())
            meant = _meant(file, self.names)
            for name in missing if meant is None else [name for name in meant if name in missing]:
                if (student, name) not in self.found:
                    self.found[student, name] = Submission(
                        f"is missing, but the folder holds {where}; "
                        + (f"unpack it and name the notebook {name}.ipynb" if file.suffix.lower() in ARCHIVES
                           else f"if that is meant, name it {name}.ipynb and put it into the folder {student}")
                    )
            self.strays.append(f"{student}/{where}: not graded, there is no master of that name")

    def _take(self, path: Path) -> Submission:
        """Keep the bytes of a regular file."""
        kind, data = _first_bytes(path, self.limits.submission + 1)
        if kind:
            return Submission(kind)
        if len(data) > self.limits.submission:
            return Submission(f"is larger than {self.limits.submission // MB} MB; clear its outputs and hand it in again")
        start = self._kept.seek(0, os.SEEK_END)
        self._kept.write(data)
        self._kept.flush()
        return Submission(None, hashlib.sha256(data).hexdigest(), (start, len(data)))


def shown(name: str) -> str:
    """A name of a file in a message: without characters that a terminal would obey, and not too long."""
    name = "".join(letter if letter.isprintable() else "?" for letter in name)
    return name if len(name) <= 120 else f"{name[:100]}...{name[-15:]}"


def plain_name(stem: str) -> str:
    """A name without what computers and platforms add to it: "01_pixels (1)-Copy2" -> "01_pixels"."""
    stem = unicodedata.normalize("NFC", stem).strip().lower()
    for _ in range(4):
        stem = ADDED.sub("", stem).strip()
    return stem.replace(" ", "_")


def _meant(file: Path, names: list[str]) -> list[str] | None:
    """The notebooks that a file with another name may be, by its name or by the exercises in it; None for any notebook."""
    stem = plain_name(file.name if file.suffix.lower() != ".ipynb" else file.stem)
    if found := [name for name in names if stem.startswith(name.lower()) or stem.endswith(name.lower())]:
        return found
    if file.suffix.lower() == ".ipynb":
        numbers = {number.decode() for number in GRADE_ID.findall(_first_bytes(file, 4 * MB)[1])}
        if found := [name for name in names if name[:2] in numbers]:
            return found
    return None


def _first_bytes(path: Path, most: int) -> tuple[str | None, bytes]:
    """What is wrong with a file, in one line, or None; and its first bytes. Only regular files are read, and no links."""
    flags = [getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")]
    try:
        handle = os.open(path, os.O_RDONLY | sum(flags))
    except OSError as error:
        link = "is a link, not a file; hand in the notebook itself"
        return (link if path.is_symlink() else f"cannot be read ({error.strerror})"), b""
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            return f"is a {'folder' if stat.S_ISDIR(mode) else 'device or pipe'}, not a file; hand in the notebook itself", b""
        parts = []
        while most > 0 and (part := os.read(handle, min(most, MB))):
            parts.append(part)
            most -= len(part)
        return None, b"".join(parts)
    except OSError as error:
        return f"cannot be read ({error.strerror})", b""
    finally:
        os.close(handle)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{folder}: holds no folder of a student ({error.strerror}); submissions are {folder}/STUDENT/NAME.ipynb"
        ) from None


def _files(folder: Path, most: int) -> Iterator[Path]:
    """All files below a folder, without hidden ones; links and folders with the name of a notebook count as files."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        links = [name for name in folders if os.path.islink(os.path.join(place, name))]
        for name in sorted([*names, *links]):
            if not name.startswith("."):
                yield Path(place) / name
                count += 1
                if count >= most:
                    return
