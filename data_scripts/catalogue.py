"""The archives that can be downloaded (datasets.yaml as objects), and the folder that they are installed in."""

import contextlib
import errno
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ipe_sr import files
from ipe_sr.errors import InputError

FILE = Path(__file__).with_name("datasets.yaml")
FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Source:
    """path: a folder or a file in the archive.   sha256: the hash of a single file, else None."""

    path: str
    sha256: str | None = None


@dataclass(frozen=True)
class Dataset:
    """One archive; the head of datasets.yaml explains the fields. installs: destination below the data folder -> source."""

    name: str
    title: str
    urls: tuple[str, ...]
    file: str
    bytes: int | None
    hash: str
    licence: str
    installs: dict[str, Source]

    def digest(self, path: Path) -> str:
        """The hash of a file by this archive's algorithm, written as `hash` is: "sha256:..."."""
        kind = self.hash.partition(":")[0]
        with open(path, "rb") as stream:
            return f"{kind}:{hashlib.file_digest(stream, kind).hexdigest()}"


def entries() -> dict[str, Dataset]:
    """All archives by name, in the order of datasets.yaml."""
    return {name: _entry(name, raw) for name, raw in files.read_yaml(FILE).items()}


def named(names: list[str]) -> list[Dataset]:
    """The archives of these names, without repetition. Raises InputError for an unknown name."""
    known = entries()
    for name in names:
        if name not in known:
            raise InputError(f"{name!r} is unknown: use one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def root(out: Path | None) -> Path:
    """The data folder: the option --out, else the folder where ipe_sr looks for data."""
    return (out or files.data_root()).expanduser().absolute()


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Wraps code that writes below `folder`. Raises InputError if the disk is full or the permission is missing."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError(f"{folder}: the disk is full; free some space, then run the same command again") from None
        raise InputError(f"{error.filename or folder}: cannot be written ({error.strerror or error})") from None


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 file", "2 files"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _entry(name: str, raw: dict) -> Dataset:
    installs = {to: Source(what["from"], what.get("sha256")) for to, what in raw["installs"].items()}
    return Dataset(**raw | {"name": name, "urls": tuple(raw["urls"]), "installs": installs})
