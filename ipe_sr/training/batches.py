"""Training data: folders of pictures decoded once into one file of bytes, and batches made from it on the device.

A batch depends on (seed, step) alone: a resumed run, or one spread over several processes, sees the same batches.
"""

import hashlib
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor

from ipe_sr import files, grids
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, images, resample

CPU = torch.device("cpu")
T = TypeVar("T")


@dataclass(frozen=True)
class Store:
    """Decoded pictures in one flat uint8 tensor, (H, W, 3) each; `index` holds (name, offset, height, width)."""

    pixels: Tensor
    index: tuple[tuple[str, int, int, int], ...]

    def __len__(self) -> int:
        return len(self.index)

    def picture(self, i: int) -> Tensor:
        """(H, W, 3) uint8, a view."""
        _, offset, height, width = self.index[i]
        return self.pixels[offset : offset + height * width * 3].view(height, width, 3)

    def near(self, device: torch.device) -> "Store":
        """The same on a GPU where it takes no more than half of the free memory: crops then need no transfer."""
        fits = device.type == "cuda" and self.pixels.numel() <= torch.cuda.mem_get_info(device)[0] // 2
        return Store(self.pixels.to(device), self.index) if fits else self

    @classmethod
    def of(cls, paths: Iterable[Path], cache: Path, advance: Callable[[], None] = lambda: None) -> "Store":
        """The store of these files; decoded into `cache` at the first call, memory-mapped (and shared) ever after.

        The cache's name depends on the files' names, sizes and times. advance: called for each file that is decoded.
        Raises InputError for an unreadable picture and a cache that cannot be written.
        """
        paths = sorted(paths)
        for path in paths:
            images.check_file(path)
        facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
        target = cache / f"{name}.uint8"
        if not (target.is_file() and target.with_suffix(".json").is_file()):
            files.make_folder(cache)
            _decode(paths, target, advance)
        index = tuple(tuple(row) for row in json.loads(target.with_suffix(".json").read_text()))
        size = sum(height * width * 3 for _, _, height, width in index)
        if target.stat().st_size != size:
            raise InputError(f"{target}: holds {target.stat().st_size} bytes where {size} are due; delete it to decode again")
        return cls(torch.from_file(str(target), shared=False, size=size, dtype=torch.uint8), index)


def _decode(paths: Sequence[Path], target: Path, advance: Callable[[], None]) -> None:
    index, offset = [], 0
    with files.replacing(target) as temporary, open(temporary, "wb") as file:
        for path in paths:
            pixels = datasets.colours(path)
            pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
            file.write(np.ascontiguousarray(pixels).tobytes())
            index.append((path.name, offset, *pixels.shape[:2]))
            offset += pixels.size
            advance()
    with files.replacing(target.with_suffix(".json")) as temporary:   # written last: its presence says that all is there
        temporary.write_text(json.dumps(index))


def cache_folder() -> Path:
    """Where stores are kept: the variable IPE_SR_CACHE, else ~/.cache/ipe_sr."""
    return Path(os.environ.get("IPE_SR_CACHE") or Path.home() / ".cache" / "ipe_sr")


@dataclass(frozen=True)
class Batch:
    """B patches. lr: (B, 3, patch, patch) in [0, 1].   position: (B, Q, 2), HR pixel centres in LR pixels, float64.
    radius: (B, 1, 2), local units.   colour: (B, Q, 3) in [0, 1].   pixel: (B, Q), row-major index into the HR crop,
    which has `sizes[b]` pixels a side."""

    lr: Tensor
    position: Tensor
    radius: Tensor
    colour: Tensor
    pixel: Tensor
    sizes: tuple[int, ...]


class Draw(NamedTuple):
    """What is random in one patch.

    picture: its number.   top, left: the crop's corner.   size: its side, as it is used.   down, across, transposed: its
    symmetry.   pixel: (Q,) int64, row-major in the turned crop.   factor: how many times as large the crop is in the picture.
    """

    picture: int
    top: int
    left: int
    size: int
    down: bool
    across: bool
    transposed: bool
    pixel: np.ndarray
    factor: int = 1


@dataclass(frozen=True)
class Sampler:
    """Makes batches by the paper's recipe: a random picture, scale s ~ U(scales), a crop of round(patch * s) pixels,
    flips and transposition, its bicubic LR version, and `queries` of its pixels without replacement.

    LR pictures are rounded to 8 bits, as the test sets' are. The host draws the random numbers, so that they are the same
    everywhere; all else is computed on `device`, for which the host never waits.

    reduction: a picture is first made smaller by a whole factor, drawn from 1 to this (and no larger than the picture allows).
    Large photographs are soft, test sets are not: as they are, their LR patches at small s have no edge as sharp as a test's.
    """

    store: Store
    batch: int
    patch: int
    queries: int
    scales: tuple[float, float]
    seed: int
    device: torch.device = CPU
    reduction: int = 1

    def __post_init__(self):
        largest = round(self.patch * self.scales[1])
        for name, _, height, width in self.store.index:
            if min(height, width) < largest:
                raise InputError(f"{name}: has {height}x{width} pixels where crops of {largest}x{largest} are due")
        smallest = round(self.patch * self.scales[0])
        if self.queries > smallest**2:
            raise InputError(f"queries = {self.queries}: a crop of {smallest}x{smallest} has only {smallest**2} pixels")

    def __call__(self, step: int, items: Iterable[int] | None = None) -> Batch:
        """The batch of one step, or some items of it (a process's share)."""
        draws = [self._draw(step, item) for item in (range(self.batch) if items is None else items)]
        sizes = tuple(draw.size for draw in draws)
        crops = [self._crop(draw) for draw in draws]
        lr = torch.stack([self._shrunk(crop, self.patch) for crop in crops]).round().clamp(0, 255)
        pixel = self._send(torch.from_numpy(np.stack([draw.pixel for draw in draws])))                    # (B, Q)
        colour = torch.stack([crop.flatten(1)[:, some].T for crop, some in zip(crops, pixel, strict=True)])   # (B, Q, 3)
        radius = self._send(torch.stack([grids.radii((n, n), (self.patch, self.patch)) for n in sizes]))[:, None]
        return Batch(lr / 255, self._positions(pixel, sizes), radius, colour / 255, pixel, sizes)

    def item_seed(self, step: int, item: int) -> int:
        """The seed of everything random in one patch."""
        return int(np.random.SeedSequence([self.seed, step, item]).generate_state(1, np.uint32)[0])

    def _draw(self, step: int, item: int) -> Draw:
        random = np.random.default_rng(self.item_seed(step, item))
        picture = int(random.integers(len(self.store)))
        n = round(self.patch * random.uniform(*self.scales))
        sides = self.store.index[picture][2:]
        factor = int(random.integers(1, min(self.reduction, min(sides) // n) + 1))
        top, left = (int(random.integers(side - n * factor + 1)) for side in sides)
        symmetry = (random.random(3) < 0.5).tolist()
        pixel = random.choice(n * n, self.queries, replace=False, shuffle=False)
        return Draw(picture, top, left, n, *symmetry, pixel, factor)

    def _crop(self, draw: Draw) -> Tensor:
        """(3, n, n) float32, 0 to 255."""
        rows, columns = (slice(start, start + draw.size * draw.factor) for start in (draw.top, draw.left))
        crop = self._send(self.store.picture(draw.picture)[rows, columns]).movedim(-1, 0).float()
        if draw.factor > 1:
            crop = self._shrunk(crop, draw.size).round().clamp(0, 255)
        crop = crop.flip([axis for axis, flipped in ((-2, draw.down), (-1, draw.across)) if flipped])
        return crop.transpose(-1, -2) if draw.transposed else crop

    def _shrunk(self, crop: Tensor, side: int) -> Tensor:
        shrink = _matrix(crop.shape[-1], side, self.device)                        # (side, n)
        return shrink @ crop @ shrink.T

    def _positions(self, pixel: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """Centres of the pixels (B, Q) of crops of these sizes, in LR pixels: (B, Q, 2), read from one table for all."""
        table = torch.cat([_centres(n, self.patch, self.device) for n in sizes])
        first = np.cumsum((0, *sizes[:-1]))
        n, first = self._send(torch.from_numpy(np.stack([sizes, first])[..., None]))          # (B, 1) each
        return table[torch.stack([first + pixel // n, first + pixel % n], -1)]

    def _send(self, tensor: Tensor) -> Tensor:
        """To the device; from pinned memory, which needs no waiting until it has been read."""
        if tensor.device.type == self.device.type:
            return tensor
        return tensor.contiguous().pin_memory().to(self.device, non_blocking=True)


@lru_cache(maxsize=1024)
def _matrix(n_in: int, n_out: int, device: torch.device) -> Tensor:
    return resample.matrix(n_in, n_out, border="renormalise").float().to(device)


@lru_cache(maxsize=1024)
def _centres(n_out: int, n_in: int, device: torch.device) -> Tensor:
    return grids.centres(n_out, n_in, device=device)


def ahead(make: Callable[[int], T], steps: Iterable[int], depth: int) -> Iterator[T]:
    """make(step) of each step in turn, up to `depth` of them made in advance by a thread; 0: each when asked for.

    What `make` raises comes out where its result was due. Close the iterator (`contextlib.closing`) to stop early.
    """
    if not depth:
        yield from map(make, steps)
        return
    waiting: deque[Future[T]] = deque()
    pool = ThreadPoolExecutor(1, "batches")
    try:
        for step in steps:
            waiting.append(pool.submit(make, step))
            if len(waiting) > depth:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
