"""Antialiased bicubic resampling, exactly as MATLAB and PIL do it.

Both tools use the cubic convolution kernel with a = -1/2 (Keys 1981), stretched by the scale when an axis shrinks.
They differ at the border and in rounding. MATLAB's `imresize` mirrors the picture ("mirror"; releases before about 2011
repeat the edge, "clamp") and resamples rows first. PIL drops samples outside the picture and renormalises the weights
("renormalise"), and resamples columns first.

Torch is imported only where a tensor is made, so that code which only names data sets starts fast.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from ipe_sr.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

BORDERS = ("mirror", "clamp", "renormalise")


def cubic(x: np.ndarray) -> np.ndarray:
    """The cubic convolution kernel with a = -1/2; support [-2, 2]."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x <= 1, near, np.where(x <= 2, far, 0.0))


@functools.lru_cache(maxsize=64)
def taps(n_in: int, n_out: int, border: str = "mirror") -> tuple[np.ndarray, np.ndarray]:
    """Index and weight of the P input samples of each output sample: (n_out, P) int64, (n_out, P) float64.

    The weights of a row sum to 1. Near a mirrored border, an index may appear twice. Raises ValueError for another border.
    """
    if border not in BORDERS:
        raise ValueError(f"border {border!r} is unknown: use one of {', '.join(BORDERS)}")
    if min(n_in, n_out) < 1:
        raise InputError(f"{n_in} pixels cannot be resampled to {n_out}: both numbers must be at least 1")
    stretch = max(1.0, n_in / n_out)
    centre = (np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5
    first = np.floor(centre - 2 * stretch).astype(np.int64)
    index = first[:, None] + np.arange(int(np.ceil(4 * stretch)) + 2)             # (n_out, P)
    weight = cubic((centre[:, None] - index) / stretch)
    if border == "mirror":                                                        # ... 1 0 | 0 1 ... n-1 | n-1 ...
        index = index % (2 * n_in)
        index = np.minimum(index, 2 * n_in - 1 - index)
    else:
        if border == "renormalise":
            weight = weight * ((index >= 0) & (index < n_in))
        index = index.clip(0, n_in - 1)
    used = np.abs(weight).max(0) > 0
    return index[:, used], (weight / weight.sum(1, keepdims=True))[:, used]


def matrix(n_in: int, n_out: int, border: str = "mirror") -> Tensor:
    """The weights of `taps` as a dense (n_out, n_in) float64 matrix: output = matrix @ input."""
    import torch

    index, weight = taps(n_in, n_out, border)
    dense = np.zeros((n_out, n_in))
    np.add.at(dense, (np.arange(n_out)[:, None], index), weight)
    return torch.from_numpy(dense)


def bicubic(image: Tensor, size: tuple[int, int], border: str = "renormalise") -> Tensor:
    """Resize (..., h, w) floats to (..., H, W) without rounding; differentiable, any device, antialiased.

    border: "renormalise" gives PIL's `Image.resize(..., BICUBIC)` of float images, "mirror" gives MATLAB's of doubles.
    """
    for axis, n_out in ((-1, size[1]), (-2, size[0])):
        image = _apply(image, axis, n_out, border)
    return image


def _apply(image: Tensor, axis: int, n_out: int, border: str) -> Tensor:
    import torch

    n_in = image.shape[axis]
    if n_in == n_out:
        return image
    index, weight = taps(n_in, n_out, border)
    shape = (-1, 1) if axis == -2 else (-1,)
    out = 0
    for p in range(index.shape[1]):       # one tap at a time, so that memory stays at two images
        some = image.index_select(axis, torch.as_tensor(index[:, p].copy(), device=image.device))
        out = out + some * torch.as_tensor(weight[:, p], dtype=image.dtype, device=image.device).reshape(shape)
    return out


def imresize(image: np.ndarray, size: tuple[int, int], border: str = "mirror") -> np.ndarray:
    """MATLAB's `imresize(image, size, 'bicubic')`: uint8 (h, w[, C]) in, uint8 (H, W[, C]) out, bit-exact.

    The axis that shrinks most is resampled first (rows if equal). After each axis, values are rounded half up and clipped
    to uint8; a float image is neither rounded nor clipped. Checked against the distributed LR files of Set5.
    """
    import torch

    order = sorted((0, 1), key=lambda axis: size[axis] / image.shape[axis])
    rounded = image.dtype == np.uint8
    out = torch.from_numpy(np.ascontiguousarray(image, np.float64)).movedim((0, 1), (-2, -1))
    for axis in order:
        out = _apply(out, axis - 2, size[axis], border)
        if rounded:
            out = (out + 0.5).floor().clamp(0, 255)
    return out.movedim((-2, -1), (0, 1)).contiguous().numpy().astype(image.dtype)
