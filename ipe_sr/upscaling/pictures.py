"""Picture files to picture files: one, or many in one go, with the next read and the last written while one is computed."""

import os
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn

from ipe_sr import files, models
from ipe_sr.errors import InputError
from ipe_sr.imaging import images, quiet
from ipe_sr.imaging.images import Encoding, Metadata, Picture
from ipe_sr.imaging.writing import QUALITIES
from ipe_sr.models import devices
from ipe_sr.upscaling import enlarge
from ipe_sr.upscaling.enlarge import Scale, Target
from ipe_sr.upscaling.jobs import Job

AS_SUFFIX = Encoding()


@dataclass(frozen=True)
class Settings:
    """How pictures are enlarged.   model: see `ipe_sr.load`.   strip: keep no metadata but the profile.   others: see
    `enlarge.upscale` and `images.write`."""

    target: Target
    model: str | os.PathLike | nn.Module = models.DEFAULT
    dtype: str = "fp32"
    device: str = "auto"
    self_ensemble: bool = False
    encoding: Encoding = AS_SUFFIX
    strip: bool = False


@dataclass
class Outcome:
    """written: jobs done.   skipped: whose result was there.   failures: source -> message.   pixels: of the results."""

    written: int = 0
    skipped: int = 0
    failures: dict[Path, str] = field(default_factory=dict)
    pixels: int = 0
    seconds: float = 0.0


def upscale_file(
    source: str | os.PathLike, out: str | os.PathLike, scale: Scale | None = None, *,
    size: tuple[int, int] | None = None, advance: Callable[[float], None] = lambda share: None,
    settings: Settings | None = None, **options,
) -> tuple[int, int]:
    """Upscales a picture file into another file. The ICC profile is kept, and 16 bits if the format of `out` has them.

    Metadata are copied; the orientation is applied, and the resolution is multiplied by the scale, so that a print keeps its
    size. options: those of `Settings`, which may also be given whole.   advance: see `enlarge.super_resolve`. Returns the
    size written, (H, W). Raises InputError as `enlarge.upscale`, `images.read` and `images.write`.
    """
    settings = settings or Settings(Target(scale, size), **options)
    images.check_suffix(out, settings.encoding)
    picture = images.read(source)
    made = enlarged_file(Path(source), Path(out), picture, models.cached(settings.model), settings, advance)
    images.write(out, made, settings.encoding)
    return made.pixels.shape[:2]


def upscale_all(
    jobs: Iterable[Job], settings: Settings, skip_existing: bool = False,
    begin: Callable[[Job, int, int], None] = lambda job, done, pixels: None,
    advance: Callable[[float], None] = lambda share: None,
    fail: Callable[[str], None] = lambda message: None,
) -> Outcome:
    """Upscales many pictures. One that cannot be read or written is left out, and the others go on.

    The model is loaded once. While a picture is computed, the next one is read and the last one is written.
    skip_existing: leave out what has a result already. Results appear whole, so that after a kill the same call does the rest.
    begin: is called before each picture with the job, the number of jobs behind it and the pixels of their results; advance
    with the share of the picture that is done; fail with a line for each failure.
    Raises InputError for what concerns all pictures: the model, the device, the precision.
    """
    outcome, started = Outcome(), time.monotonic()
    settings.target.of((1, 1))
    enlarge.check_dtype(settings.dtype)
    devices.device_named(settings.device)
    network = models.cached(settings.model)
    due = []
    for job in jobs:
        if skip_existing and job.target.exists():
            outcome.skipped += 1
            continue
        due.append(job)
    for folder in sorted({job.target.parent for job in due}):
        files.make_folder(folder)
        files.remove_unfinished(folder)

    def failed(job: Job, error: InputError) -> None:
        outcome.failures[job.source] = str(error)
        fail(str(error))

    def finish(writing: tuple[Job, int, Future] | None) -> None:
        if writing is None:
            return
        job, pixels, future = writing
        try:
            future.result()
        except InputError as error:
            failed(job, error)
        else:
            outcome.written += 1
            outcome.pixels += pixels

    writing = None
    with quiet.pil_warnings(), ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        try:
            for done, (job, reading) in enumerate(_ahead(due, lambda job: reader.submit(images.read, job.source))):
                begin(job, outcome.skipped + done, outcome.pixels)
                try:
                    made = enlarged_file(job.source, job.target, reading.result(), network, settings, advance)
                except InputError as error:
                    failed(job, error)
                    continue
                finish(writing)
                encoding = _encoding_of(job, settings.encoding)
                writing = job, made.pixels.shape[0] * made.pixels.shape[1], writer.submit(
                    images.write, job.target, made, encoding
                )
            finish(writing)
        except BaseException:   # do not read what nobody will use
            reader.shutdown(cancel_futures=True)
            raise
    outcome.seconds = time.monotonic() - started
    return outcome


def measured(name: str, side: int = 48, scale: int = 2) -> tuple[int, float]:
    """How many parameters a model has, and how many seconds a megapixel of its results takes here."""
    network, lr = models.load(name), torch.rand(3, side, side)
    for _ in range(2):   # the first one warms up
        started = time.perf_counter()
        enlarge.super_resolve(lr, (scale * side, scale * side), network)
        seconds = time.perf_counter() - started
    return sum(p.numel() for p in network.parameters()), seconds * 1e6 / (scale * side) ** 2


def _ahead(jobs: Sequence[Job], submit: Callable[[Job], Future]) -> Iterator[tuple[Job, Future]]:
    """Each job with what reads it; the next one is begun first."""
    coming = submit(jobs[0]) if jobs else None
    for i, job in enumerate(jobs):
        present, coming = coming, submit(jobs[i + 1]) if i + 1 < len(jobs) else None
        yield job, present


def enlarged_file(
    source: Path, out: Path, picture: Picture, network: nn.Module, settings: Settings, advance: Callable[[float], None]
) -> Picture:
    """A picture enlarged as the settings say. Raises InputError for what cannot be made or cannot be written to `out`."""
    h, w, channels = picture.pixels.shape
    try:
        size = settings.target.of((h, w))
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    images.check_target(out, (*size, channels), picture.pixels.dtype, _encoding_of(Job(source, out), settings.encoding))
    sr = enlarge.enlarged_picture(
        picture, size, network, settings.dtype, settings.device, settings.self_ensemble, advance
    )
    if settings.target.distorts((h, w)):   # said last, because an error is one line
        warnings.warn(
            f"{source}: height x {size[0] / h:.3g} and width x {size[1] / w:.3g} change the aspect ratio; sizes are height "
            "first, and --fit keeps the ratio", stacklevel=3,
        )
    if size[0] * size[1] > images.most_pixels():
        warnings.warn(f"{out}: has so many pixels that reading it again takes --max-pixels {size[0] * size[1]}", stacklevel=3)
    return sr._replace(metadata=Metadata()) if settings.strip else sr


def _encoding_of(job: Job, encoding: Encoding) -> Encoding:
    """The options that the format of a result has."""
    kind = images.check_suffix(job.target, encoding._replace(quality=None, lossless=False))
    return encoding._replace(
        quality=encoding.quality if kind in QUALITIES else None, lossless=encoding.lossless and kind == "WEBP"
    )
