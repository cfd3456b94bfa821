"""Files: written whole or not at all; and the journal in which a run notes what it read and claimed."""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ipe_sr.errors import InputError, first_line

JOURNAL = "IPE_SR_JOURNAL"   # environment variable: a JSON-lines file


def data_root() -> Path:
    """The data folder: the variable IPE_SR_DATA, else .data or ../shared/data, here or beside the package's checkout."""
    if chosen := os.environ.get("IPE_SR_DATA"):
        return Path(chosen)
    places = [base / folder for base in (Path(), Path(__file__).parents[1]) for folder in (".data", "../shared/data")]
    return next((place for place in places if place.is_dir()), places[0])


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary name beside `path`, with its suffix, which takes its place when the block ends well.

    On any error the temporary file is removed and `path` is left as it was. A link stays one: what it points to is
    replaced. Raises InputError where `path` cannot be written: no such folder, a folder in its place, no permission, disk full.
    """
    name = _temporary(Path(path))
    try:
        yield Path(name)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)   # mkstemp makes private files
        os.replace(name, os.path.realpath(path))
    except OSError as error:
        if error.filename not in (None, name):   # about another file that the block uses
            raise
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def check_writable(path: str | os.PathLike) -> None:
    """Raise what `replacing` would, before long work."""
    os.unlink(_temporary(Path(path)))


def _temporary(path: Path) -> str:
    """A new file beside the one that `path` names, or links to."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the name of a file")
    folder = Path(os.path.realpath(path)).parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise InputError(f"{path}: its folder does not exist; make {folder} first")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=folder)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
    os.close(handle)
    return name


def make_folder(path: Path) -> None:
    """Make a folder and those above it, unless it is there. Raises InputError where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be made a folder ({error.strerror})") from None


def read_json(path: Path) -> Any:
    """What a JSON file holds. Raises InputError, one line that names it, for a file that is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:   # damaged JSON or not UTF-8
        raise InputError(f"{path}: not readable as JSON ({first_line(error)})") from None


def sha256(path: str | os.PathLike) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def journal() -> Iterator[list[dict]]:
    """Collect what is noted within the block, by this process and those that it starts; the list is full after it."""
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
                events += [json.loads(line) for line in path.read_text().splitlines()]


def note(event: dict) -> None:
    """Add an event (a claim, a file used) to the journal of the current run, where a run keeps one."""
    if journal := os.environ.get(JOURNAL):
        with open(journal, "a") as file:
            file.write(json.dumps(event) + "\n")


def note_use(path: str | os.PathLike) -> None:
    """Tell the run's record that this file was read."""
    if os.environ.get(JOURNAL):
        note({"event": "data", "file": Path(path).name, "bytes": os.path.getsize(path), "sha256": sha256(path)})
