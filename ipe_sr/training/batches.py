"""Training data: pictures are decoded once into one file of bytes, and batches are made from it on the device.

A batch depends only on (seed, step). So a resumed run, and a run on several processes, sees the same batches.
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

import filelock
import numpy as np
import torch
from torch import Tensor

from ipe_sr import files, grids
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, images, resample
from ipe_sr.training import degradations

CPU = torch.device("cpu")
T = TypeVar("T")


@dataclass(frozen=True)
class Store:
    """Decoded pictures, (H, W, 3) each, in one flat uint8 tensor.   index: (name, offset, height, width) of each."""

    pixels: Tensor
    index: tuple[tuple[str, int, int, int], ...]

    def __len__(self) -> int:
        return len(self.index)

    def picture(self, i: int) -> Tensor:
        """Picture i as (H, W, 3) uint8, a view into `pixels`."""
        _, offset, height, width = self.index[i]
        return self.pixels[offset : offset + height * width * 3].view(height, width, 3)

    def near(self, device: torch.device) -> "Store":
        """The same store, moved to the GPU if it takes at most half of its free memory: crops then need no transfer."""
        fits = device.type == "cuda" and self.pixels.numel() <= torch.cuda.mem_get_info(device)[0] // 2
        return Store(self.pixels.to(device), self.index) if fits else self

    @classmethod
    def of(cls, paths: Iterable[Path], cache: Path, advance: Callable[[], None] = lambda: None) -> "Store":
        """The store of these files. The first call decodes them into the folder `cache`; later calls map that file.

        Processes share the mapped memory, and only one of them decodes. The file's name depends on the paths, sizes and
        times of the pictures. advance: called after each picture that is decoded. Raises InputError for an unreadable
        picture and if the cache cannot be written.
        """
        paths = sorted(paths)
        for path in paths:
            images.check_file(path)
        facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
        target = cache / f"{name}.uint8"
        if not _is_decoded(target):
            files.make_folder(cache)
            with filelock.FileLock(target.with_suffix(".lock")):   # the trainings of a sweep start at the same time
                if not _is_decoded(target):
                    _decode(paths, target, advance)
        index = tuple(tuple(row) for row in files.read_json(target.with_suffix(".json")))
        size = sum(height * width * 3 for _, _, height, width in index)
        if target.stat().st_size != size:
            raise InputError(f"{target}: has {target.stat().st_size} bytes instead of {size}; delete it to decode again")
        return cls(torch.from_file(str(target), shared=False, size=size, dtype=torch.uint8), index)


def _is_decoded(target: Path) -> bool:
    return target.is_file() and target.with_suffix(".json").is_file()


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
    with files.replacing(target.with_suffix(".json")) as temporary:   # written last, when the pixels are complete
        temporary.write_text(json.dumps(index), encoding="utf-8")


def cache_folder() -> Path:
    """The folder of decoded stores: what the variable IPE_SR_CACHE names, else ~/.cache/ipe_sr."""
    return Path(os.environ.get("IPE_SR_CACHE") or Path.home() / ".cache" / "ipe_sr")


@dataclass(frozen=True)
class Batch:
    """B patches with Q queries each.

    lr: (B, 3, patch, patch) in [0, 1].   position: (B, Q, 2) float64, centres of HR pixels, in LR pixels.
    radius: (B, 1, 2), local units.   colour: (B, Q, 3) in [0, 1], the HR pixels.   pixel: (B, Q), their row-major index in
    the HR crop.   sizes: B numbers, the crop's pixels a side.
    """

    lr: Tensor
    position: Tensor
    radius: Tensor
    colour: Tensor
    pixel: Tensor
    sizes: tuple[int, ...]


class Draw(NamedTuple):
    """The random choices of one patch.

    picture: its number.   top, left: the crop's corner.   size: the crop's side after reduction.   down, across, transposed:
    its symmetry.   pixel: (Q,) int64, row-major in the crop after the symmetry.   factor: by which the picture is reduced.
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
    """Makes batches by the paper's recipe.

    Each patch draws a picture, a scale s ~ U(scales), a crop of round(patch * s) pixels, one of eight symmetries, and
    `queries` pixels of the crop without replacement. The LR patch is the crop resized by bicubic and rounded to 8 bits, like
    the LR pictures of the test sets. (LIIF's code rounds after each axis, so that one value in about seven differs by one
    level; tests/test_reference.py. The symmetries are LIIF's; the paper does not mention any.) The random numbers are
    drawn on the CPU, so they are the same for every device; the rest is computed on `device`, and the CPU never waits for it.

    reduction: the picture is first reduced by a whole factor, drawn from 1 to this number or to the largest that the
    picture's size allows. Large photographs are softer than test sets: without reduction, their LR patches at small scales
    have no edges as sharp as those of a test set.
    degradation: a name in `degradations.DEGRADATIONS`, how LR patches are made instead of by bicubic alone.
    Raises InputError if a picture is too small for the largest crop, and if the smallest crop has too few pixels.
    """

    store: Store
    batch: int
    patch: int
    queries: int
    scales: tuple[float, float]
    seed: int
    device: torch.device = CPU
    reduction: int = 1
    degradation: str = "bicubic"

    def __post_init__(self):
        largest = round(self.patch * self.scales[1])
        for name, _, height, width in self.store.index:
            if min(height, width) < largest:
                raise InputError(f"{name}: has {height}x{width} pixels where crops of {largest}x{largest} are due")
        smallest = round(self.patch * self.scales[0])
        if self.queries > smallest**2:
            raise InputError(f"queries = {self.queries}: a crop of {smallest}x{smallest} has only {smallest**2} pixels")

    def __call__(self, step: int, items: Iterable[int] | None = None) -> Batch:
        """The batch of one step.   items: the patches to make, for a process that takes a share; all by default."""
        items = list(range(self.batch) if items is None else items)
        draws = [self._draw(step, item) for item in items]
        sizes = tuple(draw.size for draw in draws)
        crops = [self._crop(draw) for draw in draws]
        made = [self._reduced(draw, crop, step, item) for draw, crop, item in zip(draws, crops, items, strict=True)]
        lr = torch.stack(made).round().clamp(0, 255)
        pixel = self._send(torch.from_numpy(np.stack([draw.pixel for draw in draws])))                    # (B, Q)
        colour = torch.stack([crop.flatten(1)[:, some].T for crop, some in zip(crops, pixel, strict=True)])   # (B, Q, 3)
        radius = self._send(torch.stack([grids.radii((n, n), (self.patch, self.patch)) for n in sizes]))[:, None]
        return Batch(lr / 255, self._positions(pixel, sizes), radius, colour / 255, pixel, sizes)

    def item_seed(self, step: int, item: int) -> int:
        """The seed for all random choices of one patch."""
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
        """The crop of HR pixels: (3, n, n) float32 in [0, 255]."""
        rows, columns = (slice(start, start + draw.size * draw.factor) for start in (draw.top, draw.left))
        crop = self._send(self.store.picture(draw.picture)[rows, columns]).movedim(-1, 0).float()
        if draw.factor > 1:
            crop = self._shrunk(crop, draw.size).round().clamp(0, 255)
        return self._turned(crop, draw)

    def _reduced(self, draw: Draw, crop: Tensor, step: int, item: int) -> Tensor:
        """The LR patch of a crop, before rounding: (3, patch, patch) in [0, 255]."""
        if self.degradation == "bicubic":
            return self._shrunk(crop, self.patch)
        random = np.random.default_rng([self.item_seed(step, item), 1])
        return degradations.named(self.degradation)(crop, lambda some: self._shrunk(some, self.patch), random)

    def _turned(self, crop: Tensor, draw: Draw) -> Tensor:
        crop = crop.flip([axis for axis, flipped in ((-2, draw.down), (-1, draw.across)) if flipped])
        return crop.transpose(-1, -2) if draw.transposed else crop

    def _shrunk(self, crop: Tensor, side: int) -> Tensor:
        shrink = _matrix(crop.shape[-1], side, self.device)                        # (side, n)
        return shrink @ crop @ shrink.T

    def _positions(self, pixel: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """(B, Q) pixel indices -> (B, Q, 2) pixel centres in LR pixels, read from one table for all crops."""
        table = torch.cat([_centres(n, self.patch, self.device) for n in sizes])
        first = np.cumsum((0, *sizes[:-1]))
        n, first = self._send(torch.from_numpy(np.stack([sizes, first])[..., None]))          # (B, 1) each
        return table[torch.stack([first + pixel // n, first + pixel % n], -1)]

    def _send(self, tensor: Tensor) -> Tensor:
        """Copies a tensor to the device, from pinned memory: the CPU need not wait for such a copy."""
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
    """Yields make(step) for each step. A thread makes up to `depth` of them in advance; with 0, each is made on demand.

    If `make` raises an error, the iterator raises it in place of that result. To stop early, close the iterator
    (`contextlib.closing`).
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
