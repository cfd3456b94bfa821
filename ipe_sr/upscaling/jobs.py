"""Which picture files are to be enlarged, and into which files: from files, folders and patterns to a list of jobs."""

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ipe_sr.errors import InputError
from ipe_sr.imaging import images
from ipe_sr.imaging.images import Encoding
from ipe_sr.imaging.writing import QUALITIES, STREAM

# Endings of the files in a folder that are taken for pictures, beside those that can be written.
READABLE = set(images.FORMATS) | {
    ".apng", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe", ".jpx", ".jxl", ".pbm",
    ".pcx", ".pgm", ".pnm", ".ppm", ".sgi", ".tga", ".dds",
}
WRITTEN_AS = {".jfif": ".jpg", ".jpe": ".jpg"}   # other formats that cannot be written become PNG, which loses nothing


@dataclass(frozen=True)
class Job:
    """source: the picture.   target: the file to write."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Plan:
    """others: files in the folders that are no pictures."""

    jobs: tuple[Job, ...]
    others: int


def plan(inputs: Sequence[str], out: Path, encoding: Encoding, ending: str | None = None, suffix: str = "") -> Plan:
    """What `pictures.upscale_all` has to do for files, folders and patterns with *.

    Folders are searched with all folders within, and the result's folder has the same tree; of several folders each keeps its
    name. ending: of the results (".png"); None keeps each picture's own.   suffix: is appended to each name.
    Raises InputError for an input that is not there, for no pictures at all, and if two results would have one name or would
    replace a picture.
    """
    found, others, seen = [], 0, set()
    for source, place in _found(inputs, out):
        if source.resolve() in seen:
            continue
        seen.add(source.resolve())
        if place is None:
            others += 1
            continue
        found.append((source, out / place.with_name(place.stem + suffix + (ending or ending_of(source)))))
    if not found:
        raise InputError(f"{', '.join(inputs)}: no pictures there ({', '.join(sorted(READABLE))})")
    jobs = tuple(_told_apart(found))
    _check(jobs)
    kinds = {images.check_suffix(job.target) for job in jobs}
    if encoding.quality is not None and not kinds & QUALITIES.keys():
        raise InputError("--quality: none of the results has one; add --format jpg, webp or avif")
    if encoding.lossless and (lossy := kinds & {"JPEG", "AVIF"}):
        raise InputError(f"--lossless: some results would be {' and '.join(sorted(lossy))}; add --format webp, png or tif")
    return Plan(jobs, others)


def ending_of(source: Path) -> str:
    """The ending of the result that a picture gets unless another format is asked for."""
    known = source.suffix.lower() in images.FORMATS
    return source.suffix if known else WRITTEN_AS.get(source.suffix.lower(), ".png")


def _found(inputs: Sequence[str], out: Path) -> Iterator[tuple[Path, Path | None]]:
    """(file, its place below the folder of the results) for each picture; None in place of that for other files."""
    several = sum(Path(text).is_dir() for text in inputs) > 1
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            above = path.resolve().name if several else ""
            for source in _files(path, out):
                is_picture = source.suffix.lower() in READABLE
                yield source, Path(above) / source.relative_to(path) if is_picture else None
        elif path == STREAM or path.exists():
            yield path, Path(path.name)
        elif matches := sorted(glob.glob(text, recursive=True)):   # where no shell expands patterns, as on Windows
            yield from ((Path(match), Path(Path(match).name)) for match in matches if os.path.isfile(match))
        else:
            raise InputError(f"{text}: no such file")


def _files(folder: Path, out: Path) -> Iterator[Path]:
    """The files in a folder and in those within, sorted. Hidden ones and the results are left out."""
    for place, folders, names in os.walk(folder):
        inside = [name for name in folders if not name.startswith(".")]
        folders[:] = sorted(name for name in inside if not _same(Path(place) / name, out))
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _same(a: Path, b: Path) -> bool:
    return a.exists() and b.exists() and a.samefile(b)


def _told_apart(found: Sequence[tuple[Path, Path]]) -> Iterator[Job]:
    """a.jpg and a.png that both become a.png become a_jpg.png and a_png.png."""
    counts = Counter(str(target).casefold() for _, target in found)
    for source, target in found:
        if counts[str(target).casefold()] > 1:
            target = target.with_name(f"{target.stem}_{source.suffix[1:].lower()}{target.suffix}")
        yield Job(source, target)


def _check(jobs: Sequence[Job]) -> None:
    seen: dict[str, Path] = {}
    for job in jobs:
        name = str(job.target).casefold()
        if name in seen:
            raise InputError(f"{seen[name]} and {job.source} would both become {job.target}; give their folder, or rename one")
        seen[name] = job.source
    for job in jobs:
        if _same(job.source, job.target):
            raise InputError(f"{job.source}: its result would replace it; give another --out, or --suffix _large")
