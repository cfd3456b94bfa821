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

    position: (..., 2), (y, x) in LR pixels. Order of the four: top left, top right, bottom left, bottom right. Beyond
    the border's centres both neighbours are the border code and share its weight, as in the reference implementation.
    """
    axes = []
    for axis, n in enumerate(lr_size):
        p = position[..., axis, None]                                              # (..., 1)
        pair = torch.cat([p.floor(), p.floor() + 1], -1).clamp(0, n - 1)           # (..., 2): lower, upper
        offset = 2 * (p - pair)
        area = offset.abs()
        total = area.sum(-1, keepdim=True)
        share = torch.where(total > 0, area.flip(-1) / total, 0.5)                 # opposite side over the whole
        axes.append((pair.long(), offset, share))
    (iy, oy, wy), (ix, ox, wx) = axes
    y, x = [0, 0, 1, 1], [0, 1, 0, 1]
    return Corners(
        iy[..., y] * lr_size[1] + ix[..., x],
        torch.stack([oy[..., y], ox[..., x]], -1),
        wy[..., y] * wx[..., x],
    )


def nearest(position: Tensor, lr_size: tuple[int, int]) -> Corners:
    """The one code whose pixel contains each position (Eq. 2), with weight 1 and offsets in [-1, 1]. Ties go up."""
    limit = torch.tensor(lr_size, device=position.device) - 1
    code = torch.minimum((position + 0.5).floor().clamp(min=0), limit)
    return Corners(
        (code[..., 0] * lr_size[1] + code[..., 1]).long()[..., None],
        2 * (position - code)[..., None, :],
        torch.ones_like(position[..., :1]),
    )
