"""The last demo of notebook 15: a picture, perhaps the reader's own, is made small, then viewed zoomed and turned.

The pixels of the view are areas, as they should be, or points. `enlarging` has the first demo, which keeps the picture's size.
"""

import functools
import math
from typing import NamedTuple

import ipywidgets
import numpy as np
import torch
from torch import Tensor

from ipe_sr import footprints, models
from ipe_sr.demos.scenes import picture_panels, scene
from ipe_sr.errors import InputError
from ipe_sr.imaging import images, resample, samples
from ipe_sr.widgets import Explorer

SIDE, FACTOR = 48, 4     # LR pixels along the longer side; pixels of the original along the side of one LR pixel
OUT = (64, 64)           # pixels of a view: few enough to be decoded while a key is held down
CORNERS = {"chelsea": (60, 150), "coffee": (150, 250)}   # top and left of the square that is shown
SAME = (0.5 / 255) ** 2   # a squared error that 8 bits do not show
PIXELS = {"areas": 1.0, "points": 0.0}


class Opened(NamedTuple):
    """A picture that can be viewed.   original: (3, FACTOR h, FACTOR w).   lr: (3, h, w), made from it.

    look: the function that views lr, see `footprints.viewer`.
    """

    original: Tensor
    lr: Tensor
    look: footprints.Look


_own: dict[str, Tensor] = {}        # uploaded pictures by name: (3, H, W); the last one was uploaded last
_made_from_pictures: list = []      # cached functions of a picture's name, which a new picture of that name makes wrong


def depends_on_pictures(cached):
    """Register a function with an `lru_cache` whose first argument is the name of a picture. A decorator."""
    _made_from_pictures.append(cached)
    return cached


@depends_on_pictures
@functools.lru_cache(maxsize=8)
@torch.no_grad()
def opened(name: str) -> Opened:
    """A sample or an uploaded picture, reduced to `SIDE` pixels along its longer side and encoded by the released IPE-LIIF."""
    picture = _own[name] if name in _own else _sample(name)
    lr_size = [max(1, round(n * SIDE / max(picture.shape[-2:]))) for n in picture.shape[-2:]]
    original = resample.bicubic(picture, tuple(FACTOR * n for n in lr_size)).clamp(0, 1)
    lr = resample.bicubic(original, tuple(lr_size)).clamp(0, 1)
    return Opened(original, lr, footprints.viewer(models.cached("ipe-liif"), lr[None]))


def _sample(name: str) -> Tensor:
    whole = images.to_tensor(samples.image(name, SIDE * FACTOR))
    top, left = CORNERS.get(name, (0, 0))
    return whole[:, top : top + SIDE * FACTOR, left : left + SIDE * FACTOR]


def upload(name: str, data: bytes) -> None:
    """Add a picture from the bytes of a file, for `opened(name)`. Raises InputError if the bytes are not a picture."""
    pixels = images.decode(data, name).pixels
    _own.pop(name, None)
    _own[name] = images.to_tensor(pixels[..., :3] if pixels.shape[2] > 2 else pixels[..., :1]).expand(3, -1, -1)
    for cached in _made_from_pictures:
        cached.cache_clear()


def whole(name: str) -> Tensor:
    """An uploaded picture or a sample, at its own size: (3, H, W)."""
    return _own[name] if name in _own else images.to_tensor(samples.image(name))


def own_picture(default: str) -> np.ndarray:
    """The picture that was uploaded last, or the sample `default` if none was: (H, W, 3) uint8."""
    return images.to_pixels(whole(next(reversed(_own), default)))


@scene(picture_panels(("bicubic interpolation", "IPE-LIIF", "the original"), OUT, height=2.9))
def photo_view(axes, picture: str, zoom: float, turn: int, pixels: str) -> None:
    """Notebook 15: one view of a picture, by bicubic interpolation, by IPE-LIIF, and of the original.

    zoom: view pixels along the side of an LR pixel.   turn: degrees, anticlockwise.   pixels: see `PIXELS`.
    """
    lr, sr, original = _views(picture, zoom, turn, pixels)
    for ax, seen in zip(axes[0], (lr, sr, original), strict=True):
        ax.imshow(images.to_pixels(seen), extent=(0, OUT[1], OUT[0], 0), interpolation="nearest")


def photo_view_readout(picture: str, zoom: float, turn: int, pixels: str) -> str:
    _, sr, original = _views(picture, zoom, turn, pixels)
    a, b = footprints.view(_matrix(picture, zoom, turn), OUT).edges[0, 0].tolist()
    edges = "none: a point" if pixels == "points" else f"({a[0]:+.2f}, {a[1]:+.2f}) and ({b[0]:+.2f}, {b[1]:+.2f})"
    inside = footprints.view(_matrix(picture, zoom, turn), OUT).inside(opened(picture).lr.shape[-2:])
    error = (sr.clamp(0, 1) - original)[:, inside].square().mean().item()
    likeness = f"PSNR against the original {-10 * math.log10(error):.2f} dB" if error > SAME else "the same as the original"
    return f"{picture}   half-edges {edges}   {likeness}"


@depends_on_pictures
@functools.lru_cache(maxsize=2)   # the picture and its readout need the same views
@torch.no_grad()
def _views(picture: str, zoom: float, turn: int, pixels: str) -> tuple[Tensor, Tensor, Tensor]:
    """One view of the LR picture interpolated, of the LR picture by the network, and of the original: three of (3, *OUT)."""
    original, lr, look = opened(picture)
    matrix = _matrix(picture, zoom, turn)
    sr = look(matrix, OUT, factor=PIXELS[pixels])[0]
    near = footprints.photographed(lr, matrix, OUT, 1, samples=1)
    return near, sr, footprints.photographed(original, matrix, OUT, FACTOR, samples=FACTOR)


def _matrix(picture: str, zoom: float, turn: int) -> Tensor:
    middle = tuple((n - 1) / 2 for n in opened(picture).lr.shape[-2:])
    return footprints.turned(OUT, middle, zoom, turn)


def with_upload(explorer: Explorer) -> Explorer:
    """Add an upload button to an explorer. A chosen picture file becomes an option of the explorer's `picture` control."""
    button = ipywidgets.FileUpload(accept="image/*", multiple=False, description="your own picture")
    button.layout.width = "14em"
    message = ipywidgets.Label("it stays on this computer")

    def add(change: dict) -> None:
        for file in change["new"]:
            name = file["name"]
            try:
                upload(name, bytes(file["content"]))
            except InputError as error:
                message.value = str(error)
                return
            control = explorer.controls["picture"]
            control.options = [*(other for other in control.options if other != name), name]
            control.value = name
            explorer.update()   # a second picture of the same name does not move the control
            message.value = f"{name} is shown, and is one of the pictures from now on"

    button.observe(add, "value")
    explorer.children = (ipywidgets.HBox([button, message]), *explorer.children)
    return explorer
