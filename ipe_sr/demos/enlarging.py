"""The first demo of notebook 15: a part of a picture, perhaps the reader's own, enlarged; and what an enlargement takes."""

import functools
import threading
import time
from collections.abc import Callable
from typing import Any

import psutil
import torch
from torch import Tensor

from ipe_sr import footprints, models
from ipe_sr.demos import photo
from ipe_sr.demos.scenes import picture_panels, scene
from ipe_sr.imaging import images

OUT = (96, 96)    # pixels of a panel: few enough to be decoded while a key is held down
AROUND = 34       # LR pixels around the part that is shown: as far as the encoder of the default weights sees
LEAST = 1.5       # scale; smaller ones would show more LR pixels than the encoder manages while a key is held down
PERIOD = 0.005    # seconds between two looks at the memory


def measured(work: Callable, *args, **options) -> tuple[Any, float, float]:
    """What work(*args, **options) returns, its seconds, and the MB that the process took at most beyond what it had."""
    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not done.wait(PERIOD):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    begin = time.perf_counter()
    try:
        result = work(*args, **options)
    finally:
        seconds = time.perf_counter() - begin
        done.set()
        watcher.join()
    return result, seconds, (max(most, process.memory_info().rss) - before) / 1e6


@scene(picture_panels(("the picture's own pixels", "bicubic interpolation", "the chosen model"), OUT, height=2.9))
def enlarged_part(axes, picture: str, down: int, right: int, scale: float, model: str) -> None:
    """Notebook 15: a part of a picture, by its own pixels, by bicubic interpolation and by a model.

    down, right: where the middle of the part lies, in % of the picture's sides.   scale: at least `LEAST`.
    model: see `ipe_sr.load`.
    """
    _, matrix, lr, look = _part(picture, down, right, scale, model)
    rows, columns = (
        torch.arange(n).add(0.5).div(scale).add(start).floor().long().clamp(0, most - 1)
        for n, start, most in zip(OUT, (matrix[:2, 2] + 0.5 - 0.5 / scale).tolist(), lr.shape[-2:], strict=True)
    )
    shown = lr[:, rows][:, :, columns], footprints.photographed(lr, matrix, OUT, 1, samples=1), look(matrix, OUT)[0]
    for ax, seen in zip(axes[0], shown, strict=True):
        ax.imshow(images.to_pixels(seen), extent=(0, OUT[1], OUT[0], 0), interpolation="nearest")


def enlarged_part_readout(picture: str, down: int, right: int, scale: float, model: str) -> str:
    size, *_ = _part(picture, down, right, scale, model)
    large = " x ".join(str(round(scale * n)) for n in size)
    whole = f"{picture}: {size[0]} x {size[1]} pixels; the whole of it at x{scale:g} would have {large}"
    return f"{whole}   shown: {down} % down, {right} % to the right, by {model}"


def _part(
    picture: str, down: int, right: int, scale: float, model: str
) -> tuple[tuple[int, int], Tensor, Tensor, footprints.Look]:
    """(size of the picture; the matrix of the view; the LR pixels around it, (3, h, w); the function that views these)."""
    size = tuple(photo.whole(picture).shape[-2:])
    start, lr, look = _encoded(picture, down, right, model)
    middle = tuple(_middle(*given, scale) - first for *given, first in zip((down, right), size, OUT, start, strict=True))
    return size, footprints.turned(OUT, middle, scale), lr, look


@photo.depends_on_pictures
@functools.lru_cache(maxsize=4)
@torch.no_grad()
def _encoded(picture: str, down: int, right: int, model: str) -> tuple[tuple[int, int], Tensor, footprints.Look]:
    """(first row and column of the LR pixels around a part; these, (3, h, w); the function that views them, at any scale)."""
    whole, ranges = photo.whole(picture), []
    for share, n, side in zip((down, right), whole.shape[-2:], OUT, strict=True):
        middle, reach = _middle(share, n, side, LEAST), side / LEAST / 2 + AROUND
        ranges.append(slice(max(0, int(middle - reach)), min(n, int(middle + reach) + 2)))
    lr = whole[:, ranges[0], ranges[1]]
    return (ranges[0].start, ranges[1].start), lr, footprints.viewer(models.cached(model), lr[None])


def _middle(share: int, n: int, side: int, scale: float) -> float:
    """The middle, in LR pixels, of a part that lies within the picture: at 0 % it begins where the picture begins."""
    half = min(side / scale, n) / 2
    return half - 0.5 + share / 100 * (n - 2 * half)
