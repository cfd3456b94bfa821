"""Upscale a picture of any kind to any size."""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from ipe_sr import memory, models, render
from ipe_sr.errors import InputError, first_line
from ipe_sr.imaging import alpha, images
from ipe_sr.imaging.images import Picture
from ipe_sr.models import devices

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
LARGEST_SCALE = 1_000_000
LEAST, MOST = -0.25, 1.25   # of floats: resampling overshoots [0, 1] by less
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
    [0, 1] in the result. Alpha is straight; it is upscaled separately from the colours, and invisible pixels do not count.
    scale: one factor >= 1, or one for each axis: (y, x).   size: (H, W) in pixels, instead of a scale.
    model: see `ipe_sr.load`.   dtype: "fp32" or "bf16" (autocast).   device: "auto", "cpu", "cuda", ...
    self_ensemble: see `render.self_ensemble`.
    Raises InputError for a bad scale, size or picture, and for a size that exceeds this machine's memory.
    """
    pixels, kind, restore = _unpack(image)                                         # (C, h, w)
    target = target_size(pixels.shape[-2:], scale, size)
    return restore(super_resolve(pixels, target, models.cached(model), kind, dtype, device, self_ensemble))


def enlarged_picture(
    picture: Picture, size: tuple[int, int], model: nn.Module, dtype: str = "fp32", device: str = "auto",
    self_ensemble: bool = False, advance: Callable[[float], None] = lambda share: None,
) -> Picture:
    """A picture at another size, with its profile, and with metadata that fit. Arguments and errors: see `super_resolve`."""
    old, kind = picture.pixels.shape[:2], picture.pixels.dtype
    sr = super_resolve(images.to_tensor(picture.pixels), size, model, kind, dtype, device, self_ensemble, advance)
    return picture._replace(pixels=sr, metadata=picture.metadata.enlarged(old, size))


def target_size(lr_size: tuple[int, int], scale: Scale | None, size: tuple[int, int] | None) -> tuple[int, int]:
    """The output size (H, W) for a scale or a size. Raises InputError if it is malformed or an axis would shrink."""
    return Target(scale, size).of(lr_size)


@dataclass(frozen=True)
class Target:
    """What size a picture gets; exactly one is given.

    scale: one factor >= 1, or one for each axis: (y, x).   size: (H, W).   width, height: of one side, and the other follows;
    both together are a size.   fit: (H, W) into which the picture just fits. Only `scale` and `size` change the aspect ratio.
    """

    scale: Scale | None = None
    size: tuple[int, int] | None = None
    width: int | None = None
    height: int | None = None
    fit: tuple[int, int] | None = None

    def of(self, lr_size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) for a picture of this size (h, w). Raises InputError if it is malformed or an axis would shrink."""
        one_side = self.width is not None or self.height is not None
        if sum((self.scale is not None, self.size is not None, one_side, self.fit is not None)) != 1:
            raise InputError("give either a scale or a size (or a width, a height, or a size to fit)")
        size = self._size(lr_size)
        if size[0] < lr_size[0] or size[1] < lr_size[1]:
            raise InputError(
                f"size {size[0]}x{size[1]} is smaller than the picture's {lr_size[0]}x{lr_size[1]}; scales start at 1"
            )
        return size

    def distorts(self, lr_size: tuple[int, int]) -> bool:
        """Whether a size that was given changes the aspect ratio by more than rounding does."""
        size = self.of(lr_size)
        y, x = (new / old for new, old in zip(size, lr_size, strict=True))
        return self.scale is None and abs(y - x) * min(lr_size) > 1 and abs(y / x - 1) > 0.01

    def _size(self, lr_size: tuple[int, int]) -> tuple[int, int]:
        if self.scale is not None:
            return self._scaled(lr_size)
        if self.fit is not None:
            factor = min(n / m for n, m in zip(_two_numbers(self.fit), lr_size, strict=True))
            return tuple(max(1, min(n, round(m * factor))) for n, m in zip(self.fit, lr_size, strict=True))
        if self.size is not None:
            return _two_numbers(self.size)
        if self.width is None or self.height is None:   # the other side follows
            factor = self.width / lr_size[1] if self.height is None else self.height / lr_size[0]
            free = max(1, round(lr_size[0 if self.height is None else 1] * factor))
            return (free, self.width) if self.height is None else (self.height, free)
        return _two_numbers((self.height, self.width))

    def _scaled(self, lr_size: tuple[int, int]) -> tuple[int, int]:
        scale = self.scale
        scales = tuple(scale) if isinstance(scale, (tuple, list, np.ndarray)) else (scale, scale)
        if len(scales) != 2 or not all(_is(s, Real) and 1 <= s <= LARGEST_SCALE for s in scales):   # NaN fails as well
            raise InputError(f"scale must be a number from 1 to {LARGEST_SCALE:,}, or two of them (y, x); got {scale}")
        return tuple(round(n * s) for n, s in zip(lr_size, scales, strict=True))


def _two_numbers(size: tuple[int, int]) -> tuple[int, int]:
    pair = isinstance(size, (tuple, list, np.ndarray)) and len(size) == 2
    if not pair or not all(_is(n, (int, np.integer)) for n in size):
        raise InputError(f"size must be two whole numbers, height and width; got {size}")
    return int(size[0]), int(size[1])


def _is(value: object, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, (bool, np.bool_))   # for Python, True is the number 1


@torch.inference_mode()
def super_resolve(
    pixels: Tensor, size: tuple[int, int], model: nn.Module, kind: type | np.dtype = np.uint8, dtype: str = "fp32",
    device: str = "auto", self_ensemble: bool = False, advance: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """(C, h, w) floats in [0, 1], C = 1 to 4  ->  (H, W, C) of the numpy type `kind`: integers over its range, or [0, 1].

    The result is computed in tiles, so that only the result itself takes memory in proportion to its size. A self-ensemble
    keeps three whole pictures besides. Equal channels stay equal and constant channels stay constant, whatever the model.
    Invisible pixels take the colour of the nearest visible one. Opaque areas stay opaque, and invisible ones invisible.
    advance: is called with the share of the picture that each tile has; the shares add up to 1.
    Raises InputError for an unknown dtype or device, and if the memory is too small.
    """
    dtype = check_dtype(dtype)
    device = devices.device_named(device)
    if dtype == "bf16" and device.type == "cpu" and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        warnings.warn("this CPU has no bfloat16 arithmetic (AVX512 or AMX), so bf16 is far slower than fp32", stacklevel=2)
    kept = 3 * 3 * 4 * size[0] * size[1] if self_ensemble and device.type == "cpu" else 0   # sum, term, term turned back
    _check_memory(model, tuple(pixels.shape[-2:]), size, len(pixels), np.dtype(kind), device, kept)
    sr = np.empty((*size, len(pixels)), kind)
    planes = _planes(pixels)
    for plane in planes:
        lr = plane.lr.float()
        if lr.amin() == lr.amax():
            sr[..., plane.channels] = images.to_pixels(lr[:1, :1, :1], kind)
            advance(1 / len(planes))
            continue
        of_three = lr.expand(3, -1, -1)[None].to(device)                           # gray: three equal channels
        for tile in _tiles(model.to(device), of_three, size, DTYPES[dtype], self_ensemble):
            rgb = tile.rgb[0] if len(lr) == 3 else tile.rgb[0].mean(0, keepdim=True)
            if plane.is_alpha:
                rgb = alpha.settled(lr[0], rgb.float().cpu(), size, tile.rows, tile.columns)
            sr[tile.rows, tile.columns, plane.channels] = images.to_pixels(rgb, kind)
            advance(rgb[0].numel() / (size[0] * size[1] * len(planes)))
        for channel, values in zip(range(plane.channels.start, plane.channels.stop), lr, strict=False):
            if values.amin() == values.amax():
                sr[..., channel] = images.to_pixels(values[None, :1, :1], kind)
    return sr


def check_dtype(name: str) -> str:
    """The name of a dtype in small letters. Raises InputError for an unknown one."""
    if name.lower() not in DTYPES:
        raise InputError(f"dtype {name!r} is unknown: use one of {', '.join(DTYPES)}")
    return name.lower()


class _Plane(NamedTuple):
    """Channels that are upscaled together.   lr: (1 or 3, h, w).   channels: of the picture, to which the result belongs."""

    lr: Tensor
    channels: slice
    is_alpha: bool = False


def _planes(pixels: Tensor) -> list[_Plane]:
    """First the colours, then alpha. Three equal channels are one."""
    has_alpha = len(pixels) in (2, 4)
    colours = pixels[: len(pixels) - has_alpha]
    if has_alpha:
        colours = alpha.bled(colours, pixels[-1])
    if len(colours) == 3 and alpha.is_neutral(colours):
        planes = [_Plane(colours[:1], slice(0, 3))]
    else:
        planes = [_Plane(colours, slice(0, len(colours)))]
    return planes + ([_Plane(pixels[-1:], slice(len(colours), len(pixels)), True)] if has_alpha else [])


def _tiles(
    model: nn.Module, lr: Tensor, size: tuple[int, int], dtype: torch.dtype, self_ensemble: bool
) -> Iterator[render.Band]:
    """Raises InputError if the memory does not suffice, however it was estimated."""
    try:
        if self_ensemble:
            yield render.Band(slice(0, size[0]), slice(0, size[1]), render.self_ensemble(model, lr, size, dtype))
        else:
            yield from render.bands(model, lr, size, dtype)
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):   # torch has no class of its own for CPUs
            raise
        raise InputError(f"{size[0]}x{size[1]} pixels take more memory than is free; choose a smaller scale") from None


def _check_memory(
    model: nn.Module, lr_size: tuple[int, int], size: tuple[int, int], channels: int, kind: np.dtype, device: torch.device,
    kept: int,
) -> None:
    result = size[0] * size[1] * channels * 2 * kind.itemsize   # the pixels, and a copy while the file is written
    need = result + kept + (render.peak_bytes(model, lr_size, size) if device.type == "cpu" else 0)
    memory.check(need, f"{size[0]}x{size[1]} pixels", "choose a smaller scale or upscale the picture in parts")


def _unpack(image: Anything) -> tuple[Tensor, np.dtype, Callable[[np.ndarray], Anything]]:
    """Any picture as (C, h, w) floats in [0, 1]; the numpy type of its result; a function that makes a result of its kind."""
    if isinstance(image, (np.ndarray, Tensor)) and 0 in image.shape:
        raise InputError(f"the picture is empty: shape {tuple(image.shape)}")
    if isinstance(image, Image.Image):
        try:
            picture = images.from_pil(image)
        except InputError:
            raise
        except Exception as error:   # PIL reads the pixels of a file only now, and its decoders raise errors of many kinds
            raise InputError(f"the picture is damaged ({first_line(error)})") from None
        if picture.notes:
            warnings.warn(f"the picture: {'; '.join(picture.notes)}", stacklevel=3)
        old = picture.pixels.shape[:2]

        def as_pil(sr: np.ndarray) -> Image.Image:
            return images.to_pil(picture._replace(pixels=sr, metadata=picture.metadata.enlarged(old, sr.shape[:2])))

        return images.to_tensor(picture.pixels), picture.pixels.dtype, as_pil
    if isinstance(image, np.ndarray):
        if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in images.MODES):
            raise InputError(f"a numpy picture is (H, W) or (H, W, 1 to 4), got shape {image.shape}")
        if isinstance(image, np.ma.MaskedArray):
            raise InputError("a masked array hides some of its pixels; fill it (image.filled(0)) or give an alpha channel")
        whole = image.reshape(*image.shape[:2], -1)
        flatten = (lambda sr: sr[..., 0]) if image.ndim == 2 else (lambda sr: sr)
        if image.dtype.newbyteorder("=") in (np.uint8, np.uint16):   # of any byte order
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
    least, most = tensor.min().item(), tensor.max().item()
    if least < LEAST or most > MOST:
        raise InputError(
            f"the picture holds floats from {least:g} to {most:g}, where 0 is black and 1 is white; scale it to [0, 1] first"
        )
    return tensor
