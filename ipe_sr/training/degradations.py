"""How LR patches are made from HR crops in training: bicubic reduction, and reductions that also blur, add noise or compress.

A degradation is a function (crop, reduce, random) -> lr, in the values 0 to 255:
- crop: (3, n, n), the HR crop.   reduce: resizes a (3, n, n) tensor to the LR patch by antialiased bicubic, without rounding.
- random: a generator that depends on seed, step and patch alone. Drawing every number from it keeps trainings repeatable.
- Returns (3, patch, patch). It is rounded and clipped to 8 bits afterwards.

    @degradations.register("gray-noise")            # in a plugin; then --set degradation=gray-noise
    def gray_noise(crop, reduce, random): ...
"""

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from ipe_sr import plugins
from ipe_sr.errors import InputError

Degradation = Callable[[Tensor, Callable[[Tensor], Tensor], np.random.Generator], Tensor]
BLUR = (0.1, 0.5)      # standard deviation, in LR pixels
NOISE = (0.0, 10.0)    # standard deviation, of 255
QUALITY = (40, 96)     # of JPEG


def bicubic(crop: Tensor, reduce: Callable[[Tensor], Tensor], random: np.random.Generator) -> Tensor:
    """The reduction alone, as in the paper."""
    return reduce(crop)


def blur(crop: Tensor, reduce: Callable[[Tensor], Tensor], random: np.random.Generator) -> Tensor:
    """A Gaussian blur of random width, as by a lens that is out of focus, and then the reduction."""
    lr_pixel = crop.shape[-1] / reduce(crop).shape[-1]                             # in HR pixels
    return reduce(gaussian_blurred(crop, random.uniform(*BLUR) * lr_pixel))


def noise(crop: Tensor, reduce: Callable[[Tensor], Tensor], random: np.random.Generator) -> Tensor:
    """The reduction, and Gaussian noise of random strength, independent for each value."""
    lr, deviation = reduce(crop), random.uniform(*NOISE)
    return lr + torch.from_numpy(random.normal(0, deviation, tuple(lr.shape))).to(lr)


def jpeg(crop: Tensor, reduce: Callable[[Tensor], Tensor], random: np.random.Generator) -> Tensor:
    """The reduction, stored as JPEG of random quality and read again."""
    return compressed(reduce(crop), int(random.integers(*QUALITY)))


def camera(crop: Tensor, reduce: Callable[[Tensor], Tensor], random: np.random.Generator) -> Tensor:
    """Blur, reduction, noise and JPEG, one after the other."""
    lr = blur(crop, reduce, random)
    return compressed(noise(lr, lambda reduced: reduced, random), int(random.integers(*QUALITY)))


def gaussian_blurred(crop: Tensor, deviation: float) -> Tensor:
    """(3, n, n), blurred by a Gaussian of this standard deviation, in pixels; the border is mirrored."""
    reach = min(int(3 * deviation) + 1, crop.shape[-1] - 1)
    x = torch.arange(-reach, reach + 1, dtype=crop.dtype, device=crop.device)
    kernel = torch.exp(-0.5 * (x / max(deviation, 1e-3)) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(crop[:, None], (reach,) * 4, mode="reflect")                    # (3, 1, n + 2 reach, n + 2 reach)
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))[:, 0]


def compressed(lr: Tensor, quality: int) -> Tensor:
    """(3, h, w) in 0 to 255, through a JPEG file."""
    pixels = lr.round().clamp(0, 255).byte().movedim(0, -1).cpu().numpy()
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(data))).movedim(-1, 0).to(lr)


DEGRADATIONS: dict[str, Degradation] = {"bicubic": bicubic, "blur": blur, "noise": noise, "jpeg": jpeg, "camera": camera}


def register(name: str) -> Callable[[Degradation], Degradation]:
    """A decorator that adds a function to `DEGRADATIONS`. Raises InputError for a name that another function has."""
    def add(function: Degradation) -> Degradation:
        known = DEGRADATIONS.get(name)
        if known and (known.__module__, known.__qualname__) != (function.__module__, function.__qualname__):
            raise InputError(f"degradation {name!r} is registered already, by {known.__module__}: choose another name")
        DEGRADATIONS[name] = function
        return function

    return add


def named(name: str) -> Degradation:
    """A degradation by name, those of plugins included. Raises InputError for an unknown one."""
    plugins.load()
    if name not in DEGRADATIONS:
        raise InputError(f"degradation {name!r} is unknown: use one of {', '.join(DEGRADATIONS)}, or pairs")
    return DEGRADATIONS[name]
