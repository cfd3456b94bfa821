"""Where pixels and latent codes are: the coordinates of every grid in this package.

A *position* counts LR pixels: the centre of LR pixel i is at i. An *offset* is a position in the local units of one LR pixel,
which spans [-1, 1] and so is 2 units wide: offset = 2 * (position - i). A *radius* is half the edge of an output pixel in
local units, 1 / s at scale s. The two axes are independent, in the order (y, x). Functions take exact sizes, never a scale.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ipe_sr.errors import InputError


def centres(n_out: int, n_in: int, *, device: torch.device | None = None) -> Tensor:
    """Positions of the centres of n_out equal pixels that together cover n_in LR pixels: (n_out,), float64.

    ((2 i + 1) n_in - n_out) / (2 n_out). The integers are exact, so a centre that falls on an LR centre does so exactly.
    """
    i = torch.arange(n_out, dtype=torch.int64, device=device)
    return ((2 * i + 1) * n_in - n_out).double() / (2 * n_out)


def radii(size: tuple[int, int], lr_size: tuple[int, int], *, device: torch.device | None = None) -> Tensor:
    """Half the edges of an output pixel in local units, (2,), float64: LR size / output size, which is 1 / scale.

    Raises InputError for a size without pixels.
    """
    for name, (height, width) in (("a result", size), ("an LR picture", lr_size)):
        if min(height, width) < 1:
            raise InputError(f"{name} of {height}x{width} has no pixels; each side must be at least 1")
    ratios = [n_in / n_out for n_in, n_out in zip(lr_size, size, strict=True)]
    return torch.tensor(ratios, dtype=torch.float64, device=device)


def mesh(rows: Tensor, columns: Tensor) -> Tensor:
    """All pairs of a row's position (R,) and a column's position (C,), row by row: (R * C, 2)."""
    return torch.cartesian_prod(rows, columns)


class Neighbours(NamedTuple):
    """The K latent codes that answer each position on one axis.

    index: (..., K), int64.   offset: (..., K), of the position from each latent code, in local units.   weight: (..., K), in
    [0, 1], with sum 1.
    """

    index: Tensor
    offset: Tensor
    weight: Tensor


def surrounding(position: Tensor, n: int) -> Neighbours:
    """The lower and the upper of the n latent codes around each position: K = 2.   position: (...,).

    Each is weighted by the distance to the other one. Beyond the first and the last centre, both are the outermost latent code,
    and each has the weight 1/2, as in LIIF's published program. Exactly at the last centre that program differs: there it also
    replaces the weights of the other axis by 1/2. That happens at scale 1 and at odd scales. tests/test_reference.py shows
    that with the official weights the colours of these pixels are then 0.4 dB worse, so we do not repeat it.
    """
    p = position[..., None]                                                        # (..., 1)
    pair = torch.cat([p.floor(), p.floor() + 1], -1).clamp(0, n - 1)               # (..., 2): lower, upper
    offset = 2 * (p - pair)
    distance = offset.abs()
    total = distance.sum(-1, keepdim=True)
    return Neighbours(pair.long(), offset, torch.where(total > 0, distance.flip(-1) / total, 0.5))


def containing(position: Tensor, n: int) -> Neighbours:
    """The one of the n latent codes whose LR pixel contains each position: K = 1, with weight 1.   position: (...,).

    A position on the border between two LR pixels belongs to the upper one; in LIIF's published code, to the even one.
    """
    code = (position + 0.5).floor().clamp(0, n - 1)[..., None]                     # (..., 1)
    return Neighbours(code.long(), 2 * (position[..., None] - code), torch.ones_like(code))


class Corners(NamedTuple):
    """The K latent codes that answer each query: four with the local ensemble, one without.

    index: (..., K), int64, into the (H, W) map flattened row by row.   offset: (..., K, 2), of the query from each latent code
    in local units, in [-2, 2] within the picture.   weight: (..., K), in [0, 1], with sum 1.
    """

    index: Tensor
    offset: Tensor
    weight: Tensor


def corners(position: Tensor, lr_size: tuple[int, int]) -> Corners:
    """The four latent codes around each position, each weighted by the area of the opposite rectangle (Eq. 8).

    position: (..., 2), (y, x).   lr_size: (H, W).   Order of the four: top left, top right, bottom left, bottom right.
    """
    return _product(*(surrounding(position[..., axis], n) for axis, n in enumerate(lr_size)), lr_size[1])


def nearest(position: Tensor, lr_size: tuple[int, int]) -> Corners:
    """The one latent code whose LR pixel contains each position (Eq. 2), with weight 1; offsets are in [-1, 1].

    position: (..., 2), (y, x).   lr_size: (H, W).
    """
    return _product(*(containing(position[..., axis], n) for axis, n in enumerate(lr_size)), lr_size[1])


def _product(y: Neighbours, x: Neighbours, columns: int) -> Corners:
    """All pairs of a latent code on the rows' axis and one on the columns' axis.   columns: of the map."""
    offset = torch.stack(torch.broadcast_tensors(y.offset[..., :, None], x.offset[..., None, :]), -1)   # (..., K, K, 2)
    return Corners(
        (y.index[..., :, None] * columns + x.index[..., None, :]).flatten(-2),
        offset.flatten(-3, -2),
        (y.weight[..., :, None] * x.weight[..., None, :]).flatten(-2),
    )


class Span(NamedTuple):
    """A stretch of output pixels on one axis, and the LR pixels that are needed to decode it.

    out: range of output pixels.   lr: range of LR pixels.   position: (R,), the centres of the output pixels, counted from
    lr.start.
    """

    out: slice
    lr: slice
    position: Tensor


def spans(position: Tensor, n_in: int, step: int, margin: int) -> list[Span]:
    """Cut the output pixels of an axis at every `step` of its n_in LR pixels.

    position: (R,), ascending.   margin: how many LR pixels a span has before the LR centre below its first position, and after
    the LR centre below its last position; fewer at the picture's border.
    """
    part = position.floor().clamp(0, n_in - 1).long() // step                      # (R,), ascending
    made, start = [], 0
    for count in torch.unique_consecutive(part, return_counts=True)[1].tolist():
        inside = position[start : start + count]
        first, last = max(0, int(inside[0].floor()) - margin), min(n_in, int(inside[-1].floor()) + 1 + margin)
        made.append(Span(slice(start, start + count), slice(first, last), inside - first))
        start += count
    return made
