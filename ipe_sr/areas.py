"""How much a model uses the area of a pixel.

- `render_told`: its picture if it is told another size of the pixels than the right one. A model that uses the area gets worse.
- `views`: the same in views that are turned or smaller than the LR picture, where a pixel's area matters most.
- `gap`: by how much its colour of a pixel differs from the mean of its colours of the pixel's parts. A network that is not
  linear has such a gap (Jensen's inequality), even if its encoding of the pixel is an exact mean. The field has none.
"""

import functools
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import evaluation, footprints, grids
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, images, resample
from ipe_sr.imaging.datasets import ImageSet
from ipe_sr.models.families import BicubicConfig
from ipe_sr.models.implicit import ImplicitModel

FACTORS = (0.0, 1 / 8, 1 / 2, 1.0, 2.0)   # the size that a model is told, over the right one
REDUCTION = 4    # of the pictures whose views are taken
SIDE = 48        # LR pixels along the square on which `gap` is measured


@dataclass(frozen=True)
class Told:
    """PSNR of a set of pictures with one told size.   scale: output pixels for each LR pixel, along an axis.
    degrees: by how much the view is turned.   psnr: dB, the mean of `each`, the PSNR of each picture."""

    scale: float
    degrees: float
    factor: float
    psnr: float
    each: tuple[float, ...]


@torch.inference_mode()
def render_told(model: nn.Module, lr: Tensor, size: tuple[int, int], factor: float) -> Tensor:
    """The picture of `model(lr, size)` if the model is told pixels of `factor` times their size: (B, 3, H, W), about [0, 1].

    lr: (B, 3, h, w) in [0, 1].   factor: from 0 (points). Raises InputError for a model that does not ask for a size.
    """
    _check(model)
    features = model.encode(lr)
    rows, columns = (grids.centres(n, m) for n, m in zip(size, lr.shape[-2:], strict=True))
    radius = (factor * grids.radii(size, lr.shape[-2:])).clamp(min=footprints.POINT)
    return torch.cat([rgb for _, rgb in model.bands(features, rows, columns, radius)], 1).movedim(-1, 1)


def upright(
    model: nn.Module, pictures: ImageSet, scales: Sequence[float], factors: Sequence[float] = FACTORS
) -> Iterator[Told]:
    """The PSNR of each scale and factor, under the set's own protocol (see `evaluation.evaluate`)."""
    for scale in scales:
        for factor in factors:
            score, = evaluation.evaluate(model, pictures, [scale], renderer=functools.partial(render_told, factor=factor))
            yield Told(scale, 0, factor, score.psnr, tuple(image.psnr for image in score.images))


def views(
    model: nn.Module, pictures: ImageSet, zooms: Sequence[float] = (2, 1, 0.5), degrees: Sequence[float] = (0, 45),
    factors: Sequence[float] = FACTORS,
) -> Iterator[Told]:
    """The PSNR (RGB) of views of the middle of each picture against what a camera would record (`footprints.photographed`).

    The model gets the picture reduced by 4. `footprints` says how it is told the turned squares that the pixels are. Bicubic
    interpolation is a baseline that is told nothing (factor 1 alone): its views are what a camera would record of the
    reduced picture.
    """
    factors = [1.0] if isinstance(model.config, BicubicConfig) else factors
    originals = [images.to_tensor(datasets.colours(path)).expand(3, -1, -1) for path in pictures.hr]   # (3, H, W) each
    looks = [_viewer(model, _reduced(hr)) for hr in originals]
    for zoom in zooms:
        for turn in degrees:
            shown = [_window(hr, zoom, turn) for hr in originals]
            for factor in factors:
                each = [
                    _psnr(look(matrix, truth.shape[-2:], factor=factor)[0], truth)
                    for look, (matrix, truth) in zip(looks, shown, strict=True)
                ]
                yield Told(zoom, turn, factor, statistics.fmean(each), tuple(each))


@torch.inference_mode()
def view_of(model: nn.Module, hr: Tensor, zoom: float, degrees: float = 0) -> tuple[Tensor, Tensor]:
    """A view of a picture (3, H, W) as `views` scores it: the model's, and what a camera would record, (3, N, N) each."""
    matrix, truth = _window(hr, zoom, degrees)
    return _viewer(model, _reduced(hr))(matrix, truth.shape[-2:], factor=1.0)[0], truth


@torch.inference_mode()
def gap(model: nn.Module, pictures: ImageSet, scale: int, parts: int) -> float:
    """The PSNR in dB between the model's picture at `scale` and the mean of its picture at `scale * parts` over the
    parts x parts pixels that make up each pixel. The mean over the pictures' middles of 48 x 48 LR pixels; inf if equal."""
    found = []
    for path in pictures.hr:
        lr = _reduced(images.to_tensor(datasets.colours(path)).expand(3, -1, -1))
        top, left = ((n - SIDE) // 2 for n in lr.shape[-2:])
        lr = lr[None, :, max(0, top) :, max(0, left) :][..., :SIDE, :SIDE]         # (1, 3, h, w)
        size = tuple(scale * n for n in lr.shape[-2:])
        fine = model(lr, tuple(parts * n for n in size))
        found.append(_psnr(F.avg_pool2d(fine, parts), model(lr, size)))
    return statistics.fmean(found)


def _check(model: nn.Module) -> None:
    if not isinstance(model, ImplicitModel):
        raise InputError("model: it has to be an implicit model, which is told the size of each pixel")


def _reduced(hr: Tensor) -> Tensor:
    """(3, H, W) -> (3, H / 4, W / 4), rounded to 8 bits; H and W are cut to multiples of 4 first."""
    height, width = (n // REDUCTION for n in hr.shape[-2:])
    cut = hr[:, : height * REDUCTION, : width * REDUCTION]
    return (resample.bicubic(cut, (height, width)) * 255).round().clamp(0, 255) / 255


def _viewer(model: nn.Module, lr: Tensor) -> footprints.Look:
    if isinstance(model.config, BicubicConfig):
        return lambda matrix, size, factor: footprints.photographed(lr, matrix, size, 1, _samples(matrix))[None]
    return footprints.viewer(model, lr[None])


def _window(hr: Tensor, zoom: float, degrees: float) -> tuple[Tensor, Tensor]:
    """The matrix of a square view of a picture's middle that lies within the picture at any angle, and the true view."""
    lr_size = [n // REDUCTION for n in hr.shape[-2:]]
    side = int(zoom * (min(lr_size) / math.sqrt(2) - 2))
    matrix = footprints.turned((side, side), tuple((n - 1) / 2 for n in lr_size), zoom, degrees)
    return matrix, footprints.photographed(hr, matrix, (side, side), REDUCTION, _samples(matrix))


def _samples(matrix: Tensor) -> int:
    """Along each axis of a view's pixel, in what a camera would record: 1.5 for each HR pixel, and at least 6."""
    return math.ceil(max(6, 1.5 * REDUCTION * matrix[0, :2].norm().item()))


def _psnr(one: Tensor, other: Tensor) -> float:
    error = (one.clamp(0, 1) - other.clamp(0, 1)).double().square().mean()
    return float(-10 * error.log10()) if error else math.inf
