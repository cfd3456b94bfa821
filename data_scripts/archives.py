"""Safe reading of zip and tar archives: no entry can be written outside the folder that they are unpacked in."""

import contextlib
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ipe_sr.errors import InputError, first_line

CHUNK = 1 << 20
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, RuntimeError, ValueError)


def members(archive: Path, name: str) -> Iterator[tuple[PurePosixPath, Iterator[bytes]]]:
    """Yields (path inside, content in pieces) for each regular file. Take the pieces before you ask for the next file.

    Names that start with a dot are skipped: macOS adds such files. name: what error messages call the archive.
    Raises InputError if the archive is damaged or cut short, or has an absolute path, `..`, a link or a device.
    """
    with _intact(name):
        for path, file in _zip(archive, name) if zipfile.is_zipfile(archive) else _tar(archive, name):
            if not path.name.startswith("."):
                yield path, _pieces(file, name)


def _zip(archive: Path, name: str) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
    with zipfile.ZipFile(archive) as bundle:
        for info in bundle.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)   # 0 if the archive was not made on Unix
            path = _safe(info.filename, name)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refusal(name, info.filename, "a symbolic link" if kind == stat.S_IFLNK else "a device")
            if not info.is_dir():
                with bundle.open(info) as file:
                    yield path, file


def _tar(archive: Path, name: str) -> Iterator[tuple[PurePosixPath, BinaryIO]]:
    try:
        bundle = tarfile.open(archive)   # noqa: SIM115 (it closes below)
    except tarfile.ReadError:            # its message has many lines
        raise EOFError("neither a zip nor a tar archive") from None
    with bundle:
        for info in bundle:
            path = _safe(info.name, name)
            if not (info.isreg() or info.isdir()):
                kind = "a symbolic link" if info.issym() else "a hard link" if info.islnk() else "a device"
                raise _refusal(name, info.name, kind)
            if info.isreg():
                yield path, bundle.extractfile(info)
        bundle.fileobj.seek(bundle.offset)   # for tarfile, a cut between two files and a bad header are the end, too
        if bundle.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("no end mark")


def _safe(text: str, name: str) -> PurePosixPath:
    path = PurePosixPath(text.replace("\\", "/"))   # Windows reads a backslash so
    if path.is_absolute() or (path.parts[:1] and path.parts[0].endswith(":")):
        raise _refusal(name, text, "an absolute path")
    if ".." in path.parts:
        raise _refusal(name, text, "a path that leads outside")
    return path


def _refusal(name: str, member: str, what: str) -> InputError:
    return InputError(f"{name}: refused, its entry {member!r} is {what}; an archive of pictures has none of that")


def _pieces(file: BinaryIO, name: str) -> Iterator[bytes]:
    with _intact(name):
        while piece := file.read(CHUNK):
            yield piece


@contextlib.contextmanager
def _intact(name: str) -> Iterator[None]:
    """Wraps code that reads an archive. Errors of the code that consumes a generator do not pass through here."""
    try:
        yield
    except InputError:
        raise
    except DAMAGE as error:
        what = f"damaged or cut short ({first_line(error)}), though its checksum is right: please report this"
        raise InputError(f"{name}: {what}") from None
