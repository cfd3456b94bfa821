"""Whole pictures in bounded memory: the exact fast form, and the textbook form that tests compare it with.

Every model's `forward` computes the fast form (see `models.fast`). Here a picture is encoded in tiles and decoded in bands, so
that neither the encoder nor the decoder ever holds all of a large picture, and the result can be written band by band.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ipe_sr import grids
from ipe_sr.models.implicit import LR_PIXELS_AT_ONCE, MARGIN, ImplicitModel, margin, paint_by

WORKING_SET = {"cpu": 256 << 20, "gpu": 8 << 30}   # bytes: about what encoding one tile may take
BYTES_PER_LR_PIXEL, BYTES_PER_COLUMN = 1 << 13, 1 << 14   # upper estimates for decoding a band, and for its tables


class Band(NamedTuple):
    """A part of the output: which rows and columns, and their colours (B, 3, R, C), about [0, 1]."""

    rows: slice
    columns: slice
    rgb: Tensor


@torch.no_grad()
def render(model: nn.Module, lr: Tensor, size: tuple[int, int], dtype: torch.dtype | None = None) -> Tensor:
    """Super-resolve to exactly `size`, whatever the size of the input.   lr: (B, 3, h, w) in [0, 1]  ->  (B, 3, H, W).

    dtype: what to compute in, torch.bfloat16, torch.float16, or None for lr's own; the result has lr's. Equal to
    `model(lr, size)` but for rounding; without gradients.
    """
    sr = lr.new_empty(len(lr), 3, *size)
    for band in bands(model, lr, size, dtype):
        sr[:, :, band.rows, band.columns] = band.rgb
    return sr


def bands(model: nn.Module, lr: Tensor, size: tuple[int, int], dtype: torch.dtype | None = None) -> Iterator[Band]:
    """The picture of `render`, in bands of its tiles; each as soon as it is computed.

    The encoder sees each tile together with all surrounding pixels that influence its features, so there are no seams. Models
    that are not implicit give one band.
    """
    def precision() -> AbstractContextManager:
        return torch.autocast(lr.device.type, dtype, enabled=dtype not in (None, lr.dtype))

    return _each_within(precision, _bands(model, lr, size))


@torch.no_grad()
def textbook(model: nn.Module, lr: Tensor, size: tuple[int, int]) -> Tensor:
    """The reference form: the papers' equations for every query. Shapes as in `render`; equal to it but for rounding."""
    if not isinstance(model, ImplicitModel):
        return model(lr, size)
    features, lr_size = model.encode(lr), lr.shape[-2:]
    rows, columns = (grids.centres(n_out, n_in) for n_out, n_in in zip(size, lr_size, strict=True))
    radius = grids.radii(size, lr_size, device=lr.device)[None, None]

    def read(position: Tensor, radius: Tensor) -> Tensor:
        return model.textbook(features, position, radius)

    return paint_by(read, features, rows, columns, radius).movedim(-1, 1)


@torch.no_grad()
def self_ensemble(model: nn.Module, lr: Tensor, size: tuple[int, int], dtype: torch.dtype | None = None) -> Tensor:
    """The mean of eight renderings: of the picture flipped and transposed in every way, each turned back.

    The geometric self-ensemble (Timofte, Rothe, Van Gool, CVPR 2016): a bit better, eight times as slow. Shapes as in `render`.
    """
    total = lr.new_zeros(len(lr), 3, *size)
    for flips in ((), (-1,), (-2,), (-2, -1)):
        flipped = lr.flip(flips)
        total += render(model, flipped, size, dtype).flip(flips)
        total += render(model, flipped.mT, size[::-1], dtype).mT.flip(flips)
    return total / 8


def peak_bytes(model: nn.Module, lr_size: tuple[int, int], size: tuple[int, int], kind: str = "cpu") -> int:
    """About how much memory `bands` takes for one float32 picture, weights and result left out.   kind: of device."""
    if not isinstance(model, ImplicitModel):
        return model.peak_bytes(lr_size, size) if hasattr(model, "peak_bytes") else 0
    seen = _tile_side(model, lr_size, 1, kind) + 2 * (model.reach or 0) + 2 * MARGIN
    encoded = 4 * min(lr_size[0], seen) * min(lr_size[1], seen) * (model.config.encoder.activations or 0)
    return encoded + BYTES_PER_LR_PIXEL * LR_PIXELS_AT_ONCE + BYTES_PER_COLUMN * size[1]


def _bands(model: nn.Module, lr: Tensor, size: tuple[int, int]) -> Iterator[Band]:
    if not isinstance(model, ImplicitModel):
        yield Band(slice(0, size[0]), slice(0, size[1]), model(lr, size).to(lr))
        return
    lr_size, radius = lr.shape[-2:], grids.radii(size, lr.shape[-2:])
    side = _tile_side(model, lr_size, len(lr), lr.device.type)
    of_rows, of_columns = (
        grids.spans(grids.centres(n_out, n_in), n_in, side, margin(radius))
        for n_out, n_in in zip(size, lr_size, strict=True)
    )
    for y in of_rows:
        for x in of_columns:
            (seen_y, kept_y), (seen_x, kept_x) = (
                model.surroundings(span.lr, n) for span, n in zip((y, x), lr_size, strict=True)
            )
            features = model.encode(lr[:, :, seen_y, seen_x])[:, :, kept_y, kept_x]   # (B, C, tile's h, tile's w)
            for rows, rgb in model.bands(features, y.position, x.position, radius):
                at = slice(y.out.start + rows.start, y.out.start + rows.stop)
                yield Band(at, x.out, rgb.movedim(-1, 1).to(lr))


def _each_within(context: Callable[[], AbstractContextManager], items: Iterator[Band]) -> Iterator[Band]:
    """Computes each item of an iterator within a context and without gradients; the caller's code runs outside of both."""
    end = object()
    while True:
        with context(), torch.no_grad():
            item = next(items, end)
        if item is end:
            return
        yield item


def _tile_side(model: ImplicitModel, lr_size: tuple[int, int], batch: int, kind: str) -> int:
    """The side of a tile in LR pixels, such that encoding it with its surroundings fits the working set."""
    encoder = model.config.encoder
    if model.reach is None or encoder.activations is None:   # it sees all of the picture, or its memory is unknown
        return max(lr_size)
    affordable = math.isqrt(WORKING_SET["cpu" if kind == "cpu" else "gpu"] // (4 * max(1, batch) * encoder.activations))
    if lr_size[0] * lr_size[1] <= affordable**2:
        return max(lr_size)
    return max(affordable - 2 * (model.reach + MARGIN), model.reach, 1)   # smaller tiles would be mostly surroundings
