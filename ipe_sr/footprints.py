"""Views of a picture that turn, shear or tilt it, and the parallelograms that their pixels cover.

This goes beyond the paper, whose pixels are boxes along the axes. A pixel of a turned view covers a parallelogram. The mean of
a wave over it has a closed form as simple as Eqs. 4-6, so weights that were trained on upright pixels serve turned views too.
IPE-LIIF gets this closed form. Every other implicit model is told the upright box that has the parallelogram's variance along
each axis. For a model that integrates the colour, such as the field, this is an approximation: its integral over the box is
exact, but the box is not the parallelogram.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr.encodings import box_damping
from ipe_sr.errors import InputError
from ipe_sr.imaging import resample
from ipe_sr.models.fast.liif import FastLIIF
from ipe_sr.models.implicit import ImplicitModel, margin, queries_at_once
from ipe_sr.models.liif import LIIF

POINT = 1e-6      # the radius of a point, in local units: the field divides by a pixel's length
TILE_SIDE = 128   # about how many LR pixels a tile has along each axis


def parallelogram(centre: Tensor, edges: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) over the parallelogram of all points centre + s a + t b, with s and t in [-1, 1].

    centre: (..., D), in local units.   edges: (..., 2, D), the half-edges a and b in local units, broadcast against the centre.
    frequencies: (L,), in rad per local unit.   Returns (..., 2 * D * L), in [-1, 1], in the order of `encodings.integrated`.
    With a and b along the axes it equals `encodings.integrated` bit for bit; with edges of length 0, `encodings.positional`.
    """
    phase = centre[..., None] * frequencies                                        # (..., D, L)
    a, b = box_damping(edges[..., None] * frequencies).unbind(-3)                  # (..., D, L) each
    damping = a * b
    return torch.cat([phase.sin() * damping, phase.cos() * damping], -2).flatten(-2)


class View(NamedTuple):
    """The output pixels of a view.

    position: (H, W, 2), centres (y, x) in LR pixels; NaN where the picture's plane lies behind the viewer.
    edges: (H, W, 2, 2), the half-edges of each pixel, the one downwards and then the one to the right, each (y, x) in local
    units.
    """

    position: Tensor
    edges: Tensor

    def coverage(self, lr_size: tuple[int, int], factor: float = 1.0) -> Tensor:
        """The share of each pixel's area that lies within a picture of this size (h, w): (H, W), float64, in [0, 1].

        It is counted at 8 x 8 points of the pixels at the picture's border.   factor: on the edges; 0 means points.
        """
        covered = self.inside(lr_size).double()
        low, high = torch.full((2,), -0.5), torch.tensor(lr_size) - 0.5
        reach = factor * self.edges.abs().sum(-2) / 2                              # (H, W, 2): half of its height and width
        near = (((self.position - low).abs() <= reach) | ((self.position - high).abs() <= reach)).any(-1)
        steps = (torch.arange(8, dtype=torch.float64) + 0.5) / 4 - 1               # in [-1, 1]
        down, across = torch.cartesian_prod(steps, steps).T[..., None]             # (64, 1) each
        a, b = (factor * self.edges[near] / 2)[:, None].unbind(-2)                 # (N, 1, 2) each, in LR pixels
        points = self.position[near][:, None] + down * a + across * b              # (N, 64, 2)
        covered[near] = ((points >= low) & (points <= high)).all(-1).double().mean(-1)
        return covered

    def nearest(self, lr_size: tuple[int, int]) -> Tensor:
        """The point of a picture of this size (h, w) that is nearest to each centre: (H, W, 2)."""
        return self.position.clamp(torch.full((2,), -0.5), torch.tensor(lr_size) - 0.5)

    def inside(self, lr_size: tuple[int, int]) -> Tensor:
        """Which centres lie within a picture of this size (h, w): (H, W), bool."""
        beyond = torch.tensor(lr_size) - 0.5
        return ((self.position >= -0.5) & (self.position <= beyond)).all(-1)


def view(matrix: Tensor, size: tuple[int, int]) -> View:
    """The pixels of an output of `size` (H, W): where they lie in the picture, and what they cover.

    matrix: (3, 3). It maps an output pixel (row, column, 1) to a multiple of its position (y, x, 1) in LR pixels. The last
    row of an affine view is (0, 0, 1). In a perspective view, the edges are those of the map's linear approximation at the
    pixel's centre.
    """
    index = torch.cartesian_prod(*(torch.arange(n, dtype=torch.float64) for n in size)).unflatten(0, size)
    matrix = matrix.double()
    y, x, depth = (index @ matrix[:, :2].T + matrix[:, 2]).unbind(-1)
    depth = torch.where(depth > 0, depth, math.nan)
    position = torch.stack([y, x], -1) / depth[..., None]                          # (H, W, 2)
    # If the next output pixel lies d LR pixels away, a half-edge is d / 2 LR pixels long, which is d local units.
    edges = (matrix[:2, :2].T - matrix[2, :2, None] * position[..., None, :]) / depth[..., None, None]
    return View(position, edges)


def turned(size: tuple[int, int], middle: tuple[float, float], zoom: float, degrees: float = 0) -> Tensor:
    """The matrix of a view of `size` (H, W): (3, 3), float64.

    middle: the position (y, x), in LR pixels, that the middle of the view shows.   zoom: output pixels for each LR pixel.
    degrees: by how much the picture is turned anticlockwise.
    """
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], dtype=torch.float64) / zoom
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, :2] = turn
    matrix[:2, 2] = torch.tensor(middle, dtype=torch.float64) - turn @ ((torch.tensor(size, dtype=torch.float64) - 1) / 2)
    return matrix


def photographed(picture: Tensor, matrix: Tensor, size: tuple[int, int], factor: float, samples: int = 6) -> Tensor:
    """The view of a picture that a camera would record.

    The view is interpolated at `samples` times its size, then reduced bicubically, as the training pictures are.

    picture: (3, H, W) in [0, 1].   matrix: see `view`.   factor: pixels of `picture` along the side of one of the
    LR pixels in which `matrix` measures.   Returns (3, *size) in [0, 1], white outside the picture.
    """
    finer = torch.diag(torch.tensor([1 / samples, 1 / samples, 1], dtype=torch.float64))
    finer[:2, 2] = (1 / samples - 1) / 2                                           # from a pixel's centre to its first sample
    position = view(matrix.double() @ finer, tuple(n * samples for n in size)).position
    edge = torch.tensor(picture.shape[-2:], dtype=torch.float64) / factor
    at = ((position + 0.5) / edge * 2 - 1).flip(-1).to(picture)                    # x, y in [-1, 1], as `grid_sample` counts
    seen = F.grid_sample((picture - 1)[None], at[None], mode="bicubic", align_corners=False)[0] + 1
    return resample.bicubic(seen, size).clamp(0, 1)


class ParallelogramLIIF(FastLIIF):
    """A LIIF whose pixels are parallelograms. It shares the encoder and decoder of the given model.

    Wherever a LIIF takes a radius (..., 2), this takes half-edges (..., 4): the two of `View.edges`, one after the other.
    Raises InputError for a model without the integrated encoding, or with a cell.
    """

    def __init__(self, model: nn.Module):
        if not has_parallelograms(model):
            raise InputError("model: parallelograms need a LIIF with integrated encoding and without cell, such as ipe-liif")
        nn.Module.__init__(self)
        self.config, self.encoder, self.pixel, self.decoder = model.config, model.encoder, model.pixel, model.decoder
        self.codes_per_query = model.codes_per_query

    def describe(self, offset: Tensor, half_edges: Tensor) -> Tensor:
        return parallelogram(offset, half_edges.unflatten(-1, (2, 2)), self.pixel.frequencies.to(offset))


def has_parallelograms(model: nn.Module) -> bool:
    return isinstance(model, LIIF) and model.config.encoding == "integrated" and not model.config.cell


def boxes(edges: Tensor) -> Tensor:
    """The radii of the upright boxes with the variance of the parallelograms along each axis: (..., 2, 2) -> (..., 2)."""
    return edges.square().sum(-2).sqrt()


Look = Callable[..., Tensor]   # (matrix, size, factor=1.0, outside=1.0, covered=None) -> (B, 3, H, W)


@torch.no_grad()
def viewer(model: nn.Module, lr: Tensor) -> Look:
    """Encode a picture once, and return a function that renders views of it.   lr: (B, 3, h, w), in [0, 1].

    The function is look(matrix, size, factor=1.0, outside=1.0, covered=None) -> (B, 3, H, W), about [0, 1]. For matrix and size
    see `view`. factor: on the pixels' edges; 0 means points.   outside: the value beyond the picture. A pixel at the
    border mixes it with the nearest colour, by area.   covered: see `View.coverage`, which is used if it is None.
    Raises InputError for a model that cannot be asked for single pixels, such as a fixed-scale model.
    """
    model = _viewable(model)
    return _look(model, model.encode(lr))


def _viewable(model: nn.Module) -> ImplicitModel:
    if not isinstance(model, ImplicitModel):
        raise InputError("model: views need an implicit model, which can be asked for any pixel, such as ipe-liif")
    return ParallelogramLIIF(model) if has_parallelograms(model) else model


def _look(model: ImplicitModel, features: Tensor) -> Look:
    """The function that `viewer` returns, for features of the picture."""
    batch, lr_size = len(features), tuple(features.shape[-2:])
    exact = isinstance(model, ParallelogramLIIF)

    @torch.no_grad()
    def look(
        matrix: Tensor, size: tuple[int, int], factor: float = 1.0, outside: float = 1.0, covered: Tensor | None = None
    ) -> Tensor:
        seen = view(matrix, size)
        covered = seen.coverage(lr_size, factor) if covered is None else covered   # (H, W)
        position, edges = seen.nearest(lr_size), seen.edges
        told = (factor * edges).flatten(2) if exact else boxes(factor * edges).clamp(min=POINT)   # (H, W, 4 or 2)
        alike = bool((matrix[2, :2] == 0).all())                                   # an affine view: all pixels are alike
        inside, made = covered > 0, []
        read = model.reader(features, told[:1, :1].to(features) if alike else told.flatten(0, 1)[None].to(features))
        for block in inside.flatten().nonzero()[:, 0].split(queries_at_once(features)):
            centre = position.flatten(0, 1)[block].to(features.device).expand(batch, -1, -1)   # (B, Q, 2)
            sizes = told[:1, :1] if alike else told.flatten(0, 1)[block][None]     # (1, 1 or Q, 4 or 2)
            made.append(read(centre, sizes.to(features)))                          # (B, Q, 3)
        sr = features.new_full((batch, *size, 3), outside)
        share = covered[inside][:, None].to(sr)                                    # (Q, 1)
        sr[:, inside] = torch.cat([*made, sr.new_empty(batch, 0, 3)], 1).to(sr) * share + outside * (1 - share)
        return sr.movedim(-1, 1)

    return look


@torch.no_grad()
def warp(model: nn.Module, lr: Tensor, matrix: Tensor, size: tuple[int, int], outside: float = 1.0) -> Tensor:
    """One view of a picture: (B, 3, H, W), about [0, 1]. Arguments, errors and values as in `viewer`.

    Each tile of the picture is encoded by itself, which bounds the encoder's memory, whatever the picture's size.
    """
    model, lr_size = _viewable(model), tuple(lr.shape[-2:])
    sr, covered = lr.new_full((len(lr), 3, *size), outside), view(matrix, size).coverage(lr_size)
    for (rows, columns), (y, x) in _tiles(matrix, (slice(0, size[0]), slice(0, size[1])), lr_size):
        (seen_y, kept_y), (seen_x, kept_x) = (model.surroundings(side, n) for side, n in zip((y, x), lr_size, strict=True))
        look = _look(model, model.encode(lr[:, :, seen_y, seen_x])[:, :, kept_y, kept_x])
        part = _shift(-y.start, -x.start) @ matrix.double() @ _shift(rows.start, columns.start)
        side = (rows.stop - rows.start, columns.stop - columns.start)
        sr[:, :, rows, columns] = look(part, side, outside=outside, covered=covered[rows, columns])
    return sr


Rectangle = tuple[slice, slice]


def _tiles(matrix: Tensor, out: Rectangle, lr_size: tuple[int, int]) -> Iterator[tuple[Rectangle, Rectangle]]:
    """Halve a rectangle of a view until each part shows no more than a tile of the picture.

    Yields (part of the view, tile in LR pixels), each as ranges of rows and columns. A tile includes the LR pixels that its
    decoding reads. Parts that show nothing of the picture are left out.
    """
    size = tuple(side.stop - side.start for side in out)
    seen = view(matrix.double() @ _shift(*(side.start for side in out)), size)
    inside = seen.coverage(lr_size) > 0
    shown = seen.nearest(lr_size)[inside]
    if not len(shown):
        return
    around = margin(boxes(seen.edges[inside]))
    low = (shown.amin(0) - around).floor().long().tolist()
    high = (shown.amax(0) + around).ceil().long().tolist()
    if math.prod(b - a for a, b in zip(low, high, strict=True)) <= (TILE_SIDE + 2 * around) ** 2 or max(size) == 1:
        yield out, tuple(slice(max(0, a), min(n, b + 1)) for a, b, n in zip(low, high, lr_size, strict=True))
        return
    axis = size.index(max(size))
    middle = (out[axis].start + out[axis].stop) // 2
    for half in (slice(out[axis].start, middle), slice(middle, out[axis].stop)):
        yield from _tiles(matrix, (half, out[1]) if axis == 0 else (out[0], half), lr_size)


def _shift(y: float, x: float) -> Tensor:
    """The matrix that adds (y, x) to a position: (3, 3)."""
    matrix = torch.eye(3, dtype=torch.float64)
    matrix[:2, 2] = torch.tensor([y, x], dtype=torch.float64)
    return matrix
