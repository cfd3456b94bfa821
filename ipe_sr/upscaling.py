"""Upscale a picture of any kind to any size."""

import os
import warnings
from collections.abc import Callable, Iterable
from numbers import Real

import numpy as np
import psutil
import torch
from PIL import Image
from torch import Tensor, nn

from ipe_sr import models, render
from ipe_sr.errors import InputError, first_line
from ipe_sr.imaging import images
from ipe_sr.imaging.images import Picture
from ipe_sr.models import devices

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
LARGEST_SCALE = 1_000_000
Scale = float | tuple[float, float]
Anything = Image.Image | np.ndarray | Tensor


def upscale(
    image: Anything,
    scale: Scale | None = None,
    *,
    size: tuple[int, int] | None = None,
    model: str | os.PathLike | nn.Module = models.DEFAULT,
    dtype: str = "fp32",
    device: str = "auto",
    self_ensemble: bool = False,
) -> Anything:
    """Upscales a picture by a factor or to an exact size, and returns a picture of the same kind.

    image: a PIL picture (see `images.from_pil`); a numpy array (H, W) or (H, W, C), uint8, uint16, or floats in [0, 1]; or a
    torch tensor (C, H, W), uint8 or floats in [0, 1]. C = 1 to 4: gray, gray + alpha, RGB, RGBA. Floats are clamped to
    [0, 1] in the result. Alpha is straight; it is upscaled separately from the colours.
    scale: one factor >= 1, or one for each axis: (y, x).   size: (H, W) in pixels, instead of a scale.
    model: see `ipe_sr.load`.   dtype: "fp32" or "bf16" (autocast).   device: "auto", "cpu", "cuda", ...
    self_ensemble: see `render.self_ensemble`.
    Raises InputError for a bad scale, size or picture, and for a size that exceeds this machine's memory.
    """
    pixels, kind, restore = _unpack(image)                                         # (C, h, w)
    target = target_size(pixels.shape[-2:], scale, size)
    return restore(super_resolve(pixels, target, models.cached(model), kind, dtype, device, self_ensemble))


def upscale_file(
    source: str | os.PathLike, out: str | os.PathLike, scale: Scale | None = None, *, size: tuple[int, int] | None = None,
    model: str | os.PathLike | nn.Module = models.DEFAULT, dtype: str = "fp32", device: str = "auto",
    self_ensemble: bool = False,
) -> tuple[int, int]:
    """Upscales a picture file into another file. The ICC profile is kept, and 16 bits if the format of `out` has them.

    Returns the size written, (H, W). Arguments and errors: see `upscale`, `images.read` and `images.write`.
    """
    images.check_suffix(out)
    picture = images.read(source)
    h, w, channels = picture.pixels.shape
    target = target_size((h, w), scale, size)
    images.check_target(out, (*target, channels))
    network = models.cached(model)
    sr = super_resolve(images.to_tensor(picture.pixels), target, network, picture.pixels.dtype, dtype, device, self_ensemble)
    images.write(out, Picture(sr, picture.icc))
    return target


def target_size(lr_size: tuple[int, int], scale: Scale | None, size: tuple[int, int] | None) -> tuple[int, int]:
    """The output size (H, W) for a scale or a size. Raises InputError if it is malformed or an axis would shrink."""
    if (scale is None) == (size is None):
        raise InputError("give either a scale or a size")
    if size is None:
        scales = tuple(scale) if isinstance(scale, (tuple, list, np.ndarray)) else (scale, scale)
        if len(scales) != 2 or not all(isinstance(s, Real) and 1 <= s <= LARGEST_SCALE for s in scales):   # NaN fails as well
            raise InputError(f"scale must be a number from 1 to {LARGEST_SCALE:,}, or two of them (y, x); got {scale}")
        size = tuple(round(n * s) for n, s in zip(lr_size, scales, strict=True))
    pair = isinstance(size, (tuple, list, np.ndarray)) and len(size) == 2
    if not pair or not all(isinstance(n, (int, np.integer)) for n in size):
        raise InputError(f"size must be two whole numbers, height and width; got {size}")
    if size[0] < lr_size[0] or size[1] < lr_size[1]:
        raise InputError(f"size {size[0]}x{size[1]} is smaller than the picture's {lr_size[0]}x{lr_size[1]}; scales start at 1")
    return int(size[0]), int(size[1])


@torch.inference_mode()
def super_resolve(
    pixels: Tensor, size: tuple[int, int], model: nn.Module, kind: type | np.dtype = np.uint8, dtype: str = "fp32",
    device: str = "auto", self_ensemble: bool = False,
) -> np.ndarray:
    """(C, h, w) floats in [0, 1], C = 1 to 4  ->  (H, W, C) of the numpy type `kind`: integers over its range, or [0, 1].

    The result is computed in tiles, so that only the result itself takes memory in proportion to its size. A self-ensemble
    keeps three whole pictures besides. Raises InputError for an unknown dtype or device, and if the memory is too small.
    """
    if dtype not in DTYPES:
        raise InputError(f"dtype {dtype!r} is unknown: use one of {', '.join(DTYPES)}")
    device = devices.device_named(device)
    if dtype == "bf16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        warnings.warn("this CPU has no bfloat16 arithmetic (AVX512 or AMX), so bf16 is far slower than fp32", stacklevel=2)
    kept = 3 * 3 * 4 * size[0] * size[1] if self_ensemble and device.type == "cpu" else 0   # sum, term, term turned back
    _check_memory(model, tuple(pixels.shape[-2:]), size, len(pixels), np.dtype(kind), device, kept)
    model = model.to(device)
    sr = np.empty((*size, len(pixels)), kind)
    colours = slice(0, len(pixels) - (len(pixels) in (2, 4)))
    for plane in (colours, slice(colours.stop, None)):                             # first the colours, then alpha
        lr = pixels[plane].float()
        if len(lr):
            lr = lr.expand(3, -1, -1)[None].to(device)                             # gray: three equal channels
            for tile in _tiles(model, lr, size, DTYPES[dtype], self_ensemble):
                rgb = tile.rgb[0] if len(pixels[plane]) == 3 else tile.rgb[0].mean(0, keepdim=True)
                sr[tile.rows, tile.columns, plane] = images.to_pixels(rgb, kind)
    return sr


def _tiles(
    model: nn.Module, lr: Tensor, size: tuple[int, int], dtype: torch.dtype, self_ensemble: bool
) -> Iterable[render.Band]:
    if not self_ensemble:
        return render.bands(model, lr, size, dtype)
    return [render.Band(slice(None), slice(None), render.self_ensemble(model, lr, size, dtype))]


def _check_memory(
    model: nn.Module, lr_size: tuple[int, int], size: tuple[int, int], channels: int, kind: np.dtype, device: torch.device,
    kept: int,
) -> None:
    result = size[0] * size[1] * channels * 2 * kind.itemsize   # the pixels, and a copy while the file is written
    need = result + kept + (render.peak_bytes(model, lr_size, size) if device.type == "cpu" else 0)
    free = psutil.virtual_memory().available
    if need > free:
        raise InputError(
            f"{size[0]}x{size[1]} pixels would take about {need / 2**30:,.1f} GiB of memory, {free / 2**30:,.1f} GiB are free; "
            "choose a smaller scale or upscale the picture in parts"
        )


def _unpack(image: Anything) -> tuple[Tensor, np.dtype, Callable[[np.ndarray], Anything]]:
    """Any picture as (C, h, w) floats in [0, 1]; the numpy type of its result; a function that makes a result of its kind."""
    if isinstance(image, (np.ndarray, Tensor)) and 0 in image.shape:
        raise InputError(f"the picture is empty: shape {tuple(image.shape)}")
    if isinstance(image, Image.Image):
        try:
            picture = images.from_pil(image)
        except OSError as error:   # PIL reads the pixels of a file only now
            raise InputError(f"the picture is damaged ({first_line(error)})") from None
        return images.to_tensor(picture.pixels), picture.pixels.dtype, lambda sr: images.to_pil(Picture(sr, picture.icc))
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in images.MODES):
            raise InputError(f"a numpy picture is (H, W) or (H, W, 1 to 4), got shape {image.shape}")
        whole = image.reshape(*image.shape[:2], -1)
        flatten = (lambda sr: sr[..., 0]) if image.ndim == 2 else (lambda sr: sr)
        if image.dtype in (np.uint8, np.uint16):
            return images.to_tensor(whole), image.dtype, flatten
        if image.dtype.kind == "f":
            tensor = torch.from_numpy(np.ascontiguousarray(whole, np.float32)).movedim(-1, 0)
            return _finite(tensor), np.dtype("float32"), lambda sr: flatten(sr.astype(image.dtype))
        raise InputError(f"a numpy picture is uint8, uint16 or floating point, got {image.dtype}")
    if isinstance(image, Tensor):
        if image.ndim != 3 or image.shape[0] not in images.MODES:
            raise InputError(f"a torch picture is (1 to 4, H, W), got shape {tuple(image.shape)}")

        def restore(sr: np.ndarray) -> Tensor:
            return torch.from_numpy(sr).movedim(-1, 0).contiguous().to(image)

        if image.dtype == torch.uint8:
            return image.float() / 255, np.dtype("uint8"), restore
        if image.is_floating_point():
            return _finite(image), np.dtype("float32"), restore
        raise InputError(f"a torch picture is uint8 or floating point, got {image.dtype}")
    raise InputError(f"a picture is a PIL image, a numpy array or a torch tensor, got {type(image).__name__}")


def _finite(tensor: Tensor) -> Tensor:
    if not tensor.isfinite().all():
        raise InputError("the picture holds NaN or infinite values")
    if tensor.max() > 2:   # resampling overshoots 1, but stays below 2
        raise InputError(f"the picture holds floats up to {tensor.max():g}, where 1 is white; divide it by its range first")
    return tensor
