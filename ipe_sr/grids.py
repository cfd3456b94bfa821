"""Where pixels are: the coordinates of every grid in this package.

Positions are in units of low-resolution pixels: the centre of LR pixel i is i. *Local* coordinates are relative to one
LR pixel, which spans [-1, 1] (2 units wide), so local = 2 * (position - i). A high-resolution pixel at scale s has
radius 1 / s in local units. Axes are independent, and sizes are given exactly: a scale is a ratio of sizes, not input.
"""

from typing import NamedTuple

import torch
from torch import Tensor


def centres(n_out: int, n_in: int, *, device: torch.device | None = None) -> Tensor:
    """Positions of the centres of n_out equal pixels that cover n_in LR pixels: (n_out,), float64, LR pixels.

    ((2 i + 1) n_in - n_out) / (2 n_out) with exact integers: a centre that falls on an LR centre does so exactly.
    """
    i = torch.arange(n_out, dtype=torch.int64, device=device)
    return ((2 * i + 1) * n_in - n_out).double() / (2 * n_out)


def radii(size: tuple[int, int], lr_size: tuple[int, int], *, device: torch.device | None = None) -> Tensor:
    """Half the edge of an output pixel in local units, per axis: (2,), float64; 1 / scale."""
    ratios = [n_in / n_out for n_in, n_out in zip(lr_size, size, strict=True)]
    return torch.tensor(ratios, dtype=torch.float64, device=device)


def mesh(rows: Tensor, columns: Tensor) -> Tensor:
    """All pairs of a row position (R,) and a column position (C,), row by row: (R * C, 2)."""
    return torch.cartesian_prod(rows, columns)


class Neighbours(NamedTuple):
    """The K latent codes along one axis that answer each position.

    index: (..., K) int64.   offset: (..., K), the position in each code's local coordinates.   weight: (..., K), sum 1.
    """

    index: Tensor
    offset: Tensor
    weight: Tensor


def surrounding(position: Tensor, n: int) -> Neighbours:
    """The lower and the upper of n codes around each position (LR pixels), weighted by the distance to the other one.

    Beyond the first and last centres both are the border code and share its weight, as in the reference implementation.
    """
    p = position[..., None]                                                        # (..., 1)
    pair = torch.cat([p.floor(), p.floor() + 1], -1).clamp(0, n - 1)               # (..., 2): lower, upper
    offset = 2 * (p - pair)
    distance = offset.abs()
    total = distance.sum(-1, keepdim=True)
    return Neighbours(pair.long(), offset, torch.where(total > 0, distance.flip(-1) / total, 0.5))


def containing(position: Tensor, n: int) -> Neighbours:
    """The one of n codes whose LR pixel contains each position, with weight 1. Ties go up."""
    code = (position + 0.5).floor().clamp(0, n - 1)[..., None]                     # (..., 1)
    return Neighbours(code.long(), 2 * (position[..., None] - code), torch.ones_like(code))


class Corners(NamedTuple):
    """The latent codes that answer each query: four with the local ensemble, one without.

    index: (..., K) int64, into the flattened H x W map.   offset: (..., K, 2), the query in each code's local
    coordinates, in [-2, 2].   weight: (..., K), summing to 1.
    """

    index: Tensor
    offset: Tensor
    weight: Tensor


def corners(position: Tensor, lr_size: tuple[int, int]) -> Corners:
    """The four codes around each position, weighted by the areas of the opposite rectangles (Eq. 8).

    position: (..., 2), (y, x) in LR pixels. Order of the four: top left, top right, bottom left, bottom right.
    """
    return _product(*(surrounding(position[..., axis], n) for axis, n in enumerate(lr_size)), lr_size[1])


def nearest(position: Tensor, lr_size: tuple[int, int]) -> Corners:
    """The one code whose pixel contains each position (Eq. 2), with weight 1 and offsets in [-1, 1]. Ties go up."""
    return _product(*(containing(position[..., axis], n) for axis, n in enumerate(lr_size)), lr_size[1])


def _product(y: Neighbours, x: Neighbours, columns: int) -> Corners:
    offset = torch.stack(torch.broadcast_tensors(y.offset[..., :, None], x.offset[..., None, :]), -1)   # (..., K, K, 2)
    return Corners(
        (y.index[..., :, None] * columns + x.index[..., None, :]).flatten(-2),
        offset.flatten(-3, -2),
        (y.weight[..., :, None] * x.weight[..., None, :]).flatten(-2),
    )


class Span(NamedTuple):
    """A stretch of output pixels and the LR pixels that make it.

    out, lr: ranges on one axis.   position: (len of out,), the centres of the output pixels, counted from lr.start.
    """

    out: slice
    lr: slice
    position: Tensor


def spans(position: Tensor, n_in: int, step: int, margin: int) -> list[Span]:
    """Pixels of an axis, cut at every `step` of its n_in LR pixels; a window has `margin` LR pixels more on both sides, where
    there are any.   position: (R,), ascending, LR pixels."""
    owner = position.floor().clamp(0, n_in - 1).long() // step
    made, start = [], 0
    for count in torch.unique_consecutive(owner, return_counts=True)[1].tolist():
        some = position[start : start + count]
        first, last = max(0, int(some[0].floor()) - margin), min(n_in, int(some[-1].floor()) + 1 + margin)
        made.append(Span(slice(start, start + count), slice(first, last), some - first))
        start += count
    return made
