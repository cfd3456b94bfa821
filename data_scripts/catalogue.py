"""What can be downloaded: datasets.yaml as objects, and where it goes."""

import contextlib
import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from ipe_sr.errors import InputError

FILE = Path(__file__).with_name("datasets.yaml")
FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class Source:
    """path: a folder or a file in the archive.   sha256: of a single file, else None."""

    path: str
    sha256: str | None = None


@dataclass(frozen=True)
class Dataset:
    """One archive (see the head of datasets.yaml). installs: destination below the data folder -> where it is inside."""

    name: str
    title: str
    urls: tuple[str, ...]
    file: str
    bytes: int | None
    hash: str
    licence: str
    installs: dict[str, Source]


def entries() -> dict[str, Dataset]:
    """All archives by name, in the file's order."""
    return {name: _entry(name, raw) for name, raw in yaml.safe_load(FILE.read_text()).items()}


def named(names: list[str]) -> list[Dataset]:
    """The archives of these names, each once. Raises InputError for an unknown one."""
    known = entries()
    for name in names:
        if name not in known:
            raise InputError(f"{name!r} is unknown: use one of {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def root(out: Path | None) -> Path:
    """The data folder: the option --out, else where ipe_sr looks for data."""
    from ipe_sr import files  # not at the top: it waits for torch

    return (out or files.data_root()).expanduser().absolute()


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Around what writes below `folder`: InputError where the disk is full or does not let us."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError(f"{folder}: the disk is full; free some space, then run the same command again") from None
        raise InputError(f"{error.filename or folder}: cannot be written ({error.strerror or error})") from None


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _entry(name: str, raw: dict) -> Dataset:
    installs = {to: Source(what["from"], what.get("sha256")) for to, what in raw["installs"].items()}
    return Dataset(**raw | {"name": name, "urls": tuple(raw["urls"]), "installs": installs})
