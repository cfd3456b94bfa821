"""Writing files atomically, reading JSON and YAML, and the journal in which a run notes what it read and claimed."""

import contextlib
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import yaml

from ipe_sr.errors import InputError, first_line

JOURNAL = "IPE_SR_JOURNAL"   # environment variable: a JSON-lines file
TEMPORARY = ".ipe_sr-"       # how the names of unfinished files begin


def data_root() -> Path:
    """The data folder: what the variable IPE_SR_DATA names, else the first that exists of the places searched.

    The places are .data and ../shared/data, first relative to the current folder, then relative to the package's checkout.
    """
    if chosen := os.environ.get("IPE_SR_DATA"):
        return Path(chosen)
    places = [base / folder for base in (Path(), Path(__file__).parents[1]) for folder in (".data", "../shared/data")]
    return next((place for place in places if place.is_dir()), places[0])


def beside_notebooks(path: str | os.PathLike) -> Path:
    """A path that a notebook names relative to its folder, also if its kernel was started in another folder.

    It is the path itself if it exists in the current folder. Else it is looked for in the folder `notebooks` of the package's
    checkout. If it is not there either, the path itself is returned.
    """
    there = Path(__file__).parents[1] / "notebooks" / path
    return there if there.exists() and not Path(path).exists() else Path(path)


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yields the path of a temporary file beside `path`, with the same suffix. It replaces `path` when the block succeeds.

    On any error the temporary file is removed and `path` stays unchanged. If `path` is a link, the file that it points to
    is replaced and the link stays. Raises InputError if `path` cannot be written: its folder does not exist, it is a
    folder, the permission is missing, or the disk is full.
    """
    name = _temporary(Path(path))
    try:
        yield Path(name)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)   # mkstemp makes files that only their owner may read
        os.replace(name, os.path.realpath(path))
    except OSError as error:
        if error.filename not in (None, name):   # the error concerns another file that the block uses
            raise
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def check_writable(path: str | os.PathLike) -> None:
    """Raises the InputError that `replacing` would raise. Call it before long work."""
    try:
        with tempfile.TemporaryFile(dir=_folder(Path(path))):   # where the system can, it has no name
            pass
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _folder(path: Path) -> Path:
    """The folder of the file that `path` names or links to. Raises InputError if it does not exist or `path` is a folder."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: its folder does not exist; make {folder} first")
    return folder


def _temporary(path: Path) -> str:
    """Creates an empty file beside the one that `path` names or links to, and returns its path."""
    folder = _folder(path)
    try:
        # A short name, because the longest name that a folder allows has no room for more.
        handle, name = tempfile.mkstemp(prefix=f"{TEMPORARY}{os.getpid()}-", suffix=path.suffix[:9], dir=folder)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    os.close(handle)
    return name


def remove_unfinished(folder: Path) -> None:
    """Removes the temporary files that processes left in a folder when they were killed. Those of running ones stay."""
    for path in folder.glob(f"{TEMPORARY}*"):
        number = path.name.removeprefix(TEMPORARY).partition("-")[0]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Makes a folder and its parents, unless they exist. Raises InputError if that fails."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made a folder ({error.strerror})") from None


@contextlib.contextmanager
def held(lock: Path, refusal: str) -> Iterator[None]:
    """Holds a lock file during a block, so that one process at a time runs the block. The system frees it if the process dies.

    Raises InputError with the text `refusal` if another process holds the lock, and OSError if the file cannot be made.
    """
    import filelock  # only training, sweeps and downloads need it; their extras bring it

    file = filelock.FileLock(lock)
    try:
        file.acquire(timeout=0)
    except filelock.Timeout:
        raise InputError(refusal) from None
    try:
        yield
    finally:
        file.release()


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises InputError if the file is missing or damaged."""
    try:
        return json.loads(_read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: not readable as JSON ({first_line(error)})") from None


def write_json(path: str | os.PathLike, data: Any) -> None:
    """Writes data as a JSON file, whole or not at all. Raises InputError as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(data, indent=1), encoding="utf-8")


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, as `parse_yaml` reads it. Raises InputError if the file is missing or damaged."""
    return parse_yaml(_read_text(path), str(path))


def parse_yaml(text: str, name: str) -> Any:
    """The value that a YAML text holds. The whole project reads YAML with this function.

    It differs from PyYAML in two points: `1e-4` is a number, and `2024-01-31` is text. name: what an error message calls
    the text. Raises InputError if the text is not YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:   # ValueError: `!!int x`
        raise InputError(f"{name}: not readable as YAML ({first_line(error)})") from None


class _Loader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1, where a float needs a point, its exponent a sign, and `-.5` is text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*[eE][-+]?\d+|\.\d+([eE][-+]?\d+)?)$"), list("-+.0123456789")
)


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start})") from None


def sha256(path: str | os.PathLike) -> str:
    """The SHA-256 digest of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def journal() -> Iterator[list[dict]]:
    """Yields a list. When the block ends, the list is filled with the events that were noted within it.

    Events of this process and of the processes that it starts are collected.
    """
    events: list[dict] = []
    before = os.environ.get(JOURNAL)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "journal.jsonl"
        os.environ[JOURNAL] = str(path)
        try:
            yield events
        finally:
            os.environ.pop(JOURNAL)
            if before is not None:
                os.environ[JOURNAL] = before
            if path.exists():
                events += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def note(event: dict) -> None:
    """Adds an event (a claim, a file used) to the journal of the current run. Does nothing if no journal is kept."""
    if journal := os.environ.get(JOURNAL):
        with open(journal, "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


def note_use(path: str | os.PathLike) -> None:
    """Notes in the journal that this file was read, with its size and sha256."""
    if os.environ.get(JOURNAL):
        note({"event": "data", "file": Path(path).name, "bytes": os.path.getsize(path), "sha256": sha256(path)})
