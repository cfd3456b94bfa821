"""Training on pairs of LR and HR pictures that were taken or made elsewhere: a folder with HR/ and LR/, equal file names.

All pairs have one scale, the ratio of their sizes, which may be a fraction. Crops start where LR and HR pixels share a border.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.training import batches
from ipe_sr.training.batches import Draw, Sampler, Store


@dataclass(frozen=True)
class Pairs:
    """lr, hr: stores of the same length and order.   scale: of all pairs."""

    lr: Store
    hr: Store
    scale: Fraction


def load(names: tuple[str, ...]) -> Pairs:
    """The pairs of some folders. Raises InputError for a picture without partner, and where sizes are not of one scale."""
    large, small = [], []
    for found in map(datasets.find, names):
        if found.pairs is None:
            raise InputError(f"{found.name}: holds no pairs; a folder of pairs has HR/ and LR/ with files of the same names")
        for path in found.hr:
            partner = found.pairs / path.name
            if not partner.is_file():
                raise InputError(f"{path}: has no partner {partner}")
            large.append(path)
            small.append(partner)
    order = sorted(range(len(large)), key=lambda i: large[i])   # the order of a store
    if sorted(small) != [small[i] for i in order]:
        raise InputError(f"{', '.join(names)}: the pictures of several folders must sort alike; train on one folder")
    hr, lr = (Store.of(paths, batches.cache_folder()) for paths in (large, small))
    scales = {}
    for (name, _, *sides), (_, _, *lr_sides) in zip(hr.index, lr.index, strict=True):
        for n, m in zip(sides, lr_sides, strict=True):
            scales.setdefault(Fraction(n, m), name)
    if len(scales) > 1:
        (first, one), (second, other), *_ = scales.items()
        raise InputError(f"pairs need one scale, but {one} has {float(first):.4g} and {other} has {float(second):.4g}")
    return Pairs(lr, hr, next(iter(scales)))


@dataclass(frozen=True)
class PairSampler(Sampler):
    """`Sampler` for pairs: the LR patch is cut from the LR picture; the scale is that of the pairs.   lr: their LR store."""

    lr: Store | None = None
    scale: Fraction = Fraction(1)

    def __post_init__(self):
        wanted = (float(self.scale),) * 2
        if tuple(self.scales) != wanted:
            remedy = f"give --set scales='{list(wanted)}'"
            raise InputError(f"scales = {list(self.scales)}: the pairs have one scale; {remedy}")
        if self.reduction != 1:
            raise InputError(f"reduction = {self.reduction}: pairs cannot be reduced further")
        if (self.patch * self.scale).denominator != 1:
            raise InputError(f"patch = {self.patch}: times the scale {self.scale} it is not whole; take a multiple of "
                             f"{self.scale.denominator}")
        super().__post_init__()

    def _draw(self, step: int, item: int) -> Draw:
        """As there, with crops that start at a pixel border of both pictures."""
        draw = super()._draw(step, item)
        unit = self.scale.numerator                                                # HR pixels between common borders
        return draw._replace(top=draw.top // unit * unit, left=draw.left // unit * unit)

    def _reduced(self, draw: Draw, crop: Tensor, step: int, item: int) -> Tensor:
        rows, columns = (
            slice(start, start + self.patch)
            for start in (math.floor(draw.top / self.scale), math.floor(draw.left / self.scale))
        )
        return self._turned(self._send(self.lr.picture(draw.picture)[rows, columns]).movedim(-1, 0).float(), draw)


def sampler(names: tuple[str, ...], device: torch.device, **recipe: Any) -> PairSampler:
    """The sampler of these folders of pairs.   recipe: the other arguments of `Sampler`."""
    pairs = load(names)
    return PairSampler(pairs.hr.near(device), device=device, lr=pairs.lr.near(device), scale=pairs.scale, **recipe)
