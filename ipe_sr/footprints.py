"""Footprints of any shape that a view gives them: pixels that are turned, sheared or seen in perspective.

Beyond the paper: its pixels are boxes along the axes. The pixel of a turned view is a parallelogram, and the mean of a wave
over it has a closed form as simple as Eqs. 4-6, so that weights trained on upright pixels serve rotations too.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ipe_sr.errors import InputError
from ipe_sr.models.fast.liif import FastLIIF
from ipe_sr.models.implicit import MARGIN, queries_at_once
from ipe_sr.models.liif import LIIF

PART = 128   # LR pixels a side that are decoded together, about


def parallelogram(centre: Tensor, edges: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) over the parallelogram of all centre + s a + t b, s and t in [-1, 1].

    centre: (..., D).   edges: (..., 2, D), its half-edges a and b, broadcast against the centre.   frequencies: (L,).
    Returns (..., 2 * D * L), in the order of `encodings.integrated`, which this equals, bit for bit, where a and b lie along
    the axes; edges of length 0 give `encodings.positional`.
    """
    phase = centre[..., None] * frequencies                                        # (..., D, L)
    a, b = torch.sinc(edges[..., None] * frequencies / math.pi).unbind(-3)         # sin(w a) / (w a), 1 at 0
    damping = a * b
    return torch.cat([phase.sin() * damping, phase.cos() * damping], -2).flatten(-2)


class View(NamedTuple):
    """The output pixels of a view.

    position: (H, W, 2), centres (y, x) in LR pixels; NaN behind the viewer.   edges: (H, W, 2, 2), the half-edges down and to
    the right, each (y, x), in local units.
    """

    position: Tensor
    edges: Tensor

    def inside(self, lr_size: tuple[int, int]) -> Tensor:
        """Which centres lie in the picture: (H, W) bool."""
        beyond = torch.tensor(lr_size) - 0.5
        return ((self.position >= -0.5) & (self.position <= beyond)).all(-1)


def view(matrix: Tensor, size: tuple[int, int]) -> View:
    """Where the pixels of an output of `size` (H, W) lie, and their footprints.

    matrix: (3, 3), takes an output pixel (row, column, 1) to its place in LR pixels (y, x, 1), up to a factor; (0, 0, 1) is
    the last row of affine views. Of perspective ones each footprint is what the matrix does near the pixel's centre.
    """
    index = torch.cartesian_prod(*(torch.arange(n, dtype=torch.float64) for n in size)).unflatten(0, size)
    matrix = matrix.double()
    y, x, depth = (index @ matrix[:, :2].T + matrix[:, 2]).unbind(-1)
    depth = torch.where(depth > 0, depth, math.nan)
    position = torch.stack([y, x], -1) / depth[..., None]                          # (H, W, 2)
    # One pixel further is d LR pixels away: half an edge is d / 2 LR pixels, d local units.
    edges = (matrix[:2, :2].T - matrix[2, :2, None] * position[..., None, :]) / depth[..., None, None]
    return View(position, edges)


def turned(size: tuple[int, int], middle: tuple[float, float], zoom: float, degrees: float = 0) -> Tensor:
    """The matrix of a view of `size` that has the LR position `middle` (y, x) in its middle, `zoom` output pixels to an LR
    pixel, and is turned anticlockwise: (3, 3), float64."""
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], dtype=torch.float64) / zoom
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, :2] = turn
    matrix[:2, 2] = torch.tensor(middle, dtype=torch.float64) - turn @ ((torch.tensor(size, dtype=torch.float64) - 1) / 2)
    return matrix


class ParallelogramLIIF(FastLIIF):
    """A LIIF with integrated encoding, asked for parallelograms: what LIIF takes as radius (..., 2), this takes as half-edges
    (..., 4), the two of `View.edges` one after the other. Its parts are the given model's own.

    Raises InputError for a model that is told of its pixels in another way.
    """

    def __init__(self, model: nn.Module):
        if not isinstance(model, LIIF) or model.config.encoding != "integrated" or model.config.cell:
            raise InputError("model: views need a LIIF with integrated encoding and without cell, such as ipe-liif")
        nn.Module.__init__(self)
        self.config, self.encoder, self.pixel, self.decoder = model.config, model.encoder, model.pixel, model.decoder
        self.codes_per_query = model.codes_per_query

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        return parallelogram(centre, radius.unflatten(-1, (2, 2)), self.pixel.frequencies.to(centre))


Look = Callable[..., Tensor]   # (matrix, size, area=1.0, outside=1.0) -> (B, 3, H, W)


@torch.no_grad()
def viewer(model: nn.Module, lr: Tensor) -> Look:
    """Encode a picture once, to be looked at through many matrices.   lr: (B, 3, h, w) in [0, 1].

    Returns look(matrix, size, area=1.0, outside=1.0) -> (B, 3, H, W), about [0, 1]; for the first two see `view`. area: how
    long the edges are that the decoder is told of, as parts of the true ones; 0 makes points of the pixels. outside: the
    value of pixels whose centre is not in the picture. Raises InputError as `ParallelogramLIIF`.
    """
    asked = ParallelogramLIIF(model)
    return _look(asked, asked.encode(lr))


def _look(asked: ParallelogramLIIF, features: Tensor) -> Look:
    batch, lr_size = len(features), tuple(features.shape[-2:])
    read = asked.reader(features, features.new_zeros(1, 1, 4))

    @torch.no_grad()
    def look(matrix: Tensor, size: tuple[int, int], area: float = 1.0, outside: float = 1.0) -> Tensor:
        position, edges = seen = view(matrix, size)
        inside, made = seen.inside(lr_size), []
        for some in inside.flatten().nonzero()[:, 0].split(queries_at_once(features)):
            centre = position.flatten(0, 1)[some].to(features.device).expand(batch, -1, -1)
            footprint = (area * edges).flatten(2).flatten(0, 1)[some].to(features)[None]
            made.append(read(centre, footprint))
        sr = features.new_full((batch, *size, 3), outside)
        sr[:, inside] = torch.cat([*made, sr.new_empty(batch, 0, 3)], 1).to(sr)
        return sr.movedim(-1, 1)

    return look


@torch.no_grad()
def warp(model: nn.Module, lr: Tensor, matrix: Tensor, size: tuple[int, int], outside: float = 1.0) -> Tensor:
    """A view of a picture: (B, 3, H, W), about [0, 1]. Arguments and errors as in `viewer`, whose picture it equals.

    In parts that each encode a bounded piece of the picture: beside the result, memory does not grow with its size.
    """
    asked, lr_size = ParallelogramLIIF(model), tuple(lr.shape[-2:])
    sr = lr.new_full((len(lr), 3, *size), outside)
    for (rows, columns), (y, x) in _parts(matrix, (slice(0, size[0]), slice(0, size[1])), lr_size):
        (seen_y, kept_y), (seen_x, kept_x) = (asked.surroundings(side, n) for side, n in zip((y, x), lr_size, strict=True))
        look = _look(asked, asked.encode(lr[:, :, seen_y, seen_x])[:, :, kept_y, kept_x])
        part = _shift(-y.start, -x.start) @ matrix.double() @ _shift(rows.start, columns.start)
        sr[:, :, rows, columns] = look(part, (rows.stop - rows.start, columns.stop - columns.start), outside=outside)
    return sr


Rectangle = tuple[slice, slice]


def _parts(matrix: Tensor, out: Rectangle, lr_size: tuple[int, int]) -> Iterator[tuple[Rectangle, Rectangle]]:
    """A rectangle of a view, halved until each part shows a small tile of the picture; and that tile, in LR pixels.

    Parts that show nothing are left out.
    """
    size = tuple(side.stop - side.start for side in out)
    seen = view(matrix.double() @ _shift(*(side.start for side in out)), size)
    shown = seen.position[seen.inside(lr_size)]
    if not len(shown):
        return
    low = (shown.amin(0) - MARGIN).floor().long().tolist()
    high = (shown.amax(0) + MARGIN).ceil().long().tolist()
    if math.prod(b - a for a, b in zip(low, high, strict=True)) <= (PART + 2 * MARGIN) ** 2 or max(size) == 1:
        yield out, tuple(slice(max(0, a), min(n, b + 1)) for a, b, n in zip(low, high, lr_size, strict=True))
        return
    axis = size.index(max(size))
    middle = (out[axis].start + out[axis].stop) // 2
    for half in (slice(out[axis].start, middle), slice(middle, out[axis].stop)):
        yield from _parts(matrix, (half, out[1]) if axis == 0 else (out[0], half), lr_size)


def _shift(y: float, x: float) -> Tensor:
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, 2] = torch.tensor([y, x], dtype=torch.float64)
    return matrix
