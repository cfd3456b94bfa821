"""Training data: folders of pictures decoded once into one file of bytes, and batches made from it on the device.

A batch depends on (seed, step) alone: a resumed run, or one spread over several processes, sees the same batches.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ipe_sr import datasets, files, grids, resample
from ipe_sr.errors import InputError

CPU = torch.device("cpu")


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

    def to(self, device: torch.device) -> "Store":
        """The same on another device: on a GPU that has room, crops need no transfer."""
        return Store(self.pixels.to(device), self.index)

    @classmethod
    def of(cls, paths: Iterable[Path], cache: Path) -> "Store":
        """The store of these files; decoded into `cache` at the first call, memory-mapped (and shared) ever after.

        The cache's name depends on the files' names, sizes and times. Raises InputError for an unreadable picture.
        """
        paths = sorted(paths)
        facts = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
        target = cache / f"{name}.uint8"
        if not target.with_suffix(".json").is_file():
            cache.mkdir(parents=True, exist_ok=True)
            _decode(paths, target)
        index = tuple(tuple(row) for row in json.loads(target.with_suffix(".json").read_text()))
        size = sum(height * width * 3 for _, _, height, width in index)
        if target.stat().st_size != size:
            raise InputError(f"{target}: holds {target.stat().st_size} bytes where {size} are due; delete it to decode again")
        return cls(torch.from_file(str(target), shared=False, size=size, dtype=torch.uint8), index)


def _decode(paths: Sequence[Path], target: Path) -> None:
    index, offset = [], 0
    with files.replacing(target) as temporary, open(temporary, "wb") as file:
        for path in paths:
            pixels = datasets.colours(path)
            pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
            file.write(np.ascontiguousarray(pixels).tobytes())
            index.append((path.name, offset, *pixels.shape[:2]))
            offset += pixels.size
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


@dataclass(frozen=True)
class Sampler:
    """Makes batches by the paper's recipe: a random picture, scale s ~ U(scales), a crop of round(patch * s) pixels,
    flips and transposition, its bicubic LR version, and `queries` of its pixels without replacement.

    LR pictures are rounded to 8 bits, as the test sets' are. Everything is computed on `device`.
    """

    store: Store
    batch: int
    patch: int
    queries: int
    scales: tuple[float, float]
    seed: int
    device: torch.device = CPU

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
        return _join([self._item(step, item) for item in (range(self.batch) if items is None else items)])

    def item_seed(self, step: int, item: int) -> int:
        """The seed of everything random in one patch."""
        return int(np.random.SeedSequence([self.seed, step, item]).generate_state(1, np.uint32)[0])

    def _item(self, step: int, item: int) -> Batch:
        random = np.random.default_rng(self.item_seed(step, item))
        picture = self.store.picture(int(random.integers(len(self.store))))
        n = round(self.patch * random.uniform(*self.scales))
        top, left = (int(random.integers(length - n + 1)) for length in picture.shape[:2])
        crop = picture[top : top + n, left : left + n].to(self.device, non_blocking=True).movedim(-1, 0).float()   # (3, n, n)
        down, across, transposed = random.random(3) < 0.5
        crop = crop.flip([axis for axis, flipped in ((-2, down), (-1, across)) if flipped])
        crop = crop.transpose(-1, -2) if transposed else crop
        shrink = _matrix(n, self.patch, self.device)                               # (patch, n)
        lr = (shrink @ crop @ shrink.T).round().clamp(0, 255)
        pixel = torch.from_numpy(random.choice(n * n, self.queries, replace=False, shuffle=False)).to(self.device)
        centres = grids.centres(n, self.patch, device=self.device)
        position = torch.stack([centres[pixel // n], centres[pixel % n]], -1)      # (Q, 2)
        colour = crop.flatten(1)[:, pixel].T                                       # (Q, 3)
        radius = grids.radii((n, n), (self.patch, self.patch), device=self.device)
        return Batch(lr[None] / 255, position[None], radius[None, None], colour[None] / 255, pixel[None], (n,))


def _join(parts: list[Batch]) -> Batch:
    tensors = (torch.cat([getattr(part, name) for part in parts]) for name in ("lr", "position", "radius", "colour", "pixel"))
    return Batch(*tensors, sum((part.sizes for part in parts), ()))


@lru_cache(maxsize=1024)
def _matrix(n_in: int, n_out: int, device: torch.device) -> Tensor:
    return resample.matrix(n_in, n_out, border="renormalise").float().to(device)
