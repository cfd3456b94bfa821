"""python -m data_scripts.download NAME... : download archives, check them, install their content below the data folder."""

import contextlib
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, TypeVar

import typer
from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

from data_scripts import archives, catalogue, installed
from data_scripts.catalogue import Dataset, counted, writing
from ipe_sr import console, files
from ipe_sr.errors import InputError, importing

T = TypeVar("T")

DOWNLOADS = ".downloads"   # below the data folder: incomplete archives, FILE.part
LOCK = ".lock"             # below the data folder: held by the run that writes there
app = typer.Typer(**console.OPTIONS)


@app.command()
def download(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="What to download; none: show a list.")] = None,
    out: Annotated[Path | None, typer.Option(help="The data folder; default: where ipe_sr looks.")] = None,
    file: Annotated[Path | None, typer.Option(help="A local copy of the archive, for one NAME.")] = None,
    mirror: Annotated[list[str] | None, typer.Option(help="URL to try first; of a folder if it ends in /.")] = None,
    retries: Annotated[int, typer.Option(min=0, help="How often a request that gained nothing is repeated.")] = 4,
    backoff: Annotated[float, typer.Option(min=0, help="Half the seconds before the second retry; then doubled.")] = 1.0,
) -> None:
    """Download, check and unpack archives. Data already in place is left alone; an interrupted download is continued."""
    if not names:
        for entry in catalogue.entries().values():
            console.out.print(f"{entry.name:20}{_size(entry.bytes):>9}  {entry.title}; {entry.licence}")
        return
    chosen = catalogue.named(names)
    if file and len(chosen) > 1:
        raise InputError(f"--file is one archive, but {len(chosen)} names were given; give one")
    for url in mirror or []:
        if not url.startswith(("http://", "https://")):
            raise InputError(f"--mirror {url!r}: is no http:// or https:// address; a local archive goes with --file")
    root = catalogue.root(out)
    with _alone(root):
        for entry in chosen:
            console.out.print(_bring(entry, root, file, mirror or [], retries, backoff))


def _bring(entry: Dataset, root: Path, file: Path | None, mirrors: list[str], retries: int, backoff: float) -> str:
    """Installs what is missing of an archive. Returns a line that says what was done."""
    missing = _missing(entry, root)
    if not missing:
        return f"{entry.name}: already in {root}, nothing to do"
    if file:
        _check(file, entry)
        count = _install(entry, root, file, missing, file.name)
        return f"{entry.name}: {counted(count, 'file')} installed in {root} from {file}"
    with writing(root):
        (root / DOWNLOADS).mkdir(exist_ok=True)
    part = root / DOWNLOADS / f"{entry.file}.part"
    try:
        _fetch(entry, root, part, mirrors, retries, backoff)
        try:
            count = _install(entry, root, part, missing, entry.file)
        except _Unusable as error:   # another download would bring the same bytes
            part.unlink()
            raise InputError(str(error)) from None
        part.unlink()   # only now: after a full disk or Ctrl-C the archive need not be downloaded again
    finally:
        with contextlib.suppress(OSError):   # stays while it holds a .part
            (root / DOWNLOADS).rmdir()
    return f"{entry.name}: {counted(count, 'file')} installed in {root}"


def _missing(entry: Dataset, root: Path) -> list[str]:
    """The destinations that are still to be installed. Raises InputError if other data is in the way of one."""
    manifest, missing = installed.read(root, entry.name), []
    for destination in entry.installs:
        place = root / destination
        expected = manifest.under(destination) if manifest else {}
        if not place.exists() or (place.is_dir() and not any(place.iterdir())):
            missing.append(destination)
        elif not expected:
            raise InputError(f"{place}: is in the way, and was not installed from {entry.name}; move it away or choose --out")
        elif faults := installed.faults(root, expected, content=False):
            raise InputError(f"{place}: {counted(len(faults), 'file')} missing or damaged; remove it, then run again")
    return missing


def _fetch(entry: Dataset, root: Path, part: Path, mirrors: list[str], retries: int, backoff: float) -> None:
    with importing("train", "a download"):
        from data_scripts import transfer

    have = part.stat().st_size if part.exists() else 0
    free = shutil.disk_usage(root).free
    if entry.bytes and entry.bytes - have > free:
        raise InputError(f"{root}: the disk is full: {entry.name} needs {_size(entry.bytes - have)}, {_size(free)} are free")
    urls = [url + entry.file if url.endswith("/") else url for url in mirrors] + list(entry.urls)
    with console.progress(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task(entry.name, total=entry.bytes)

        def report(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        transfer.Download(entry, part, retries, backoff, report).fetch(urls)


def _check(file: Path, entry: Dataset) -> None:
    if not file.is_file():
        raise InputError(f"--file {file}: " + ("is a folder, not the archive" if file.is_dir() else "no such file"))
    if (found := entry.digest(file)) != entry.hash:
        (kind, right), found = entry.hash.split(":"), found.partition(":")[2]
        raise InputError(f"--file {file}: its {kind} is {found}, not {right}: damaged, or not {entry.file}")


class _Unusable(InputError):
    """The archive has the right hash, but its content cannot be installed."""


def _install(entry: Dataset, root: Path, archive: Path, missing: list[str], name: str) -> int:
    """Unpacks beside the data, then moves all into place or nothing. Returns the number of files.   name: the archive's."""
    staging = root / f".unpacking-{entry.name}"
    shutil.rmtree(staging, ignore_errors=True)   # a killed run may have left it
    try:
        found = _unpack(entry, staging, archive, missing, name)
        before = installed.read(root, entry.name)
        manifest = installed.Manifest(entry.name, entry.hash, (before.files if before else {}) | found)
        with contextlib.ExitStack() as undo:
            path = installed.write(root, manifest)   # first, so that after a kill the missing files are known
            undo.callback(lambda: installed.write(root, before) if before else _unlist(path))
            with writing(root):
                for destination in missing:
                    (root / destination).parent.mkdir(parents=True, exist_ok=True)
                    (staging / destination).replace(root / destination)
                    undo.callback((root / destination).replace, staging / destination)
            undo.pop_all()   # all is in place, so nothing is undone
        return len(found)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unpack(entry: Dataset, staging: Path, archive: Path, missing: list[str], name: str) -> dict[str, dict]:
    """Unpacks the missing destinations below `staging`. Returns {path: {"bytes", "sha256"}}.

    Raises _Unusable if the archive is damaged or is another one, InputError if the disk is full.
    """
    found = {}
    for member, pieces in _usable(archives.members(archive, name)):
        if path := _target(entry, member, missing):
            found[path] = _write(staging / path, pieces, staging.parent)
    for destination in missing:
        source = entry.installs[destination]
        if not any(Path(path).is_relative_to(destination) for path in found):
            raise _Unusable(f"{name}: has no {source.path}, so it is not the archive of {entry.name}")
        if source.sha256 and found[destination]["sha256"] != source.sha256:
            raise _Unusable(f"{name}: the sha256 of {source.path} in it is {found[destination]['sha256']}, not {source.sha256}")
    return found


def _usable(items: Iterator[T]) -> Iterator[T]:
    """Yields the items. An InputError of the archive that they are read from is raised as _Unusable."""
    try:
        yield from items
    except InputError as error:
        raise _Unusable(str(error)) from None


def _target(entry: Dataset, member: PurePosixPath, missing: list[str]) -> str | None:
    for destination in missing:
        if member.is_relative_to(entry.installs[destination].path):
            return str(destination / member.relative_to(entry.installs[destination].path))
    return None


def _write(path: Path, pieces: Iterator[bytes], root: Path) -> dict:
    digest, size = hashlib.sha256(), 0
    with writing(root):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "wb", buffering=0)   # noqa: SIM115 (it closes below; unbuffered, so that a full disk is noticed here)
    with file:
        for piece in _usable(pieces):
            digest.update(piece)
            size += len(piece)
            with writing(root):
                while piece:
                    piece = piece[file.write(piece):]
    return {"bytes": size, "sha256": digest.hexdigest()}


def _unlist(path: Path) -> None:
    path.unlink()
    with contextlib.suppress(OSError):
        path.parent.rmdir()


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Makes the data folder if it is missing, and locks it: two runs would write into the same .part."""
    with contextlib.ExitStack() as stack:
        with writing(root):
            root.mkdir(parents=True, exist_ok=True)
            refusal = f"{root}: another download is writing here; wait until it has ended"
            stack.enter_context(files.held(root / LOCK, refusal))
        yield


def _size(count: int | None) -> str:
    return "?" if count is None else f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


if __name__ == "__main__":
    console.run(app, "download")
