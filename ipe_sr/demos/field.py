"""The demo of notebook 14: a tiny field, fitted to the face of notebook 06, and one of its LR pixels at any scale."""

import dataclasses
import functools
import math

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from ipe_sr import figures, grids
from ipe_sr.demos.decoder import ENCODER, SCALES, SIDE, STEPS, FittedModel, fitted
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, ORANGE
from ipe_sr.imaging import images
from ipe_sr.models import FieldConfig
from ipe_sr.models.field import Field

SMALL = FieldConfig(waves=32, width=64, encoder=ENCODER)
REACH = 1.5          # LR pixels that the close views show to each side of the LR pixel's centre
FINE = 32            # points along the edge of an LR pixel in the view of the picture itself
LARGEST_DOT = 160    # points^2: the area of the dot of the strongest wave


@functools.cache
def tiny_field(steps: int = STEPS) -> FittedModel:
    """A field with box pixels, fitted to the face. The first call takes seconds."""
    return fitted(SMALL, SCALES, steps)


@functools.cache
def tiny_field_as(shape: str) -> Field:
    """The tiny field's weights with pixels of another shape.   shape: a name in `models.field.shapes`."""
    return with_shape(tiny_field().model, shape)


def with_shape(model: Field, shape: str) -> Field:
    """A copy of a field whose pixels have another shape. The weights are the same, and need no gradients."""
    other = dataclasses.replace(model.config, shape=shape).build().to(model.frequencies.dtype)
    other.load_state_dict(model.state_dict())
    return other.eval().requires_grad_(False)


def _lr_pixel_stage():
    fig, axes = figures.panels(columns=4, height=2.5, width_ratios=[2, 3, 3, 3])
    whole, waves, inside, pixels = axes[0]
    whole.imshow(images.to_pixels(tiny_field().lr[0]), interpolation="nearest")
    whole.set(title="LR picture", xticks=[], yticks=[])
    waves.set(title="its waves", xlim=(-2.6, 2.6), ylim=(2.6, -0.4), aspect="equal")
    waves.set(xlabel="cycles per LR pixel, x", ylabel="cycles per LR pixel, y")
    for ax, title in ((inside, "the picture itself"), (pixels, "pixels of this scale")):
        ax.set(title=title, xlim=(-REACH, REACH), ylim=(REACH, -REACH), aspect="equal", xlabel="LR pixels")
    for ax in (whole, inside, pixels):
        ax.grid(False)
    return fig, axes


@scene(_lr_pixel_stage)
def field_pixel(axes, y: int, x: int, scale: float, shape: str) -> None:
    """Notebook 14: the waves of LR pixel (y, x), and the colours that they make at a scale.

    shape: of the pixels, a name in `models.field.shapes`.
    """
    whole, waves, inside, pixels = axes[0]
    amplitude, damping = _waves(y, x, scale, shape)
    dots = LARGEST_DOT * amplitude / amplitude.max()
    at = (tiny_field().model.frequencies.detach() / math.pi).numpy()               # cycles per LR pixel
    whole.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))
    waves.scatter(at[:, 1], at[:, 0], s=dots, facecolor="none", edgecolor=BLACK, linewidth=0.8)
    waves.scatter(at[:, 1], at[:, 0], s=dots * np.abs(damping), facecolor=BLUE, edgecolor="none", alpha=0.7)
    for ax, (rgb, extent) in ((inside, _colours(y, x, FINE, "point")), (pixels, _colours(y, x, scale, shape))):
        ax.imshow(rgb, extent=extent, interpolation="nearest")
        ax.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))


def field_pixel_readout(y: int, x: int, scale: float, shape: str) -> str:
    amplitude, damping = _waves(y, x, scale, shape)
    left = np.square(amplitude * damping).sum() / np.square(amplitude).sum()
    rgb, _ = _colours(y, x, scale, shape)
    return (f"LR pixel ({y}, {x})   {shape} of {1 / scale:.2f} LR pixels   squared amplitude left {left:.0%}"
            f"   contrast of the pixels shown {rgb.mean(-1).std() / 255:.3f}")


@torch.no_grad()
def _waves(y: int, x: int, scale: float, shape: str) -> tuple[np.ndarray, np.ndarray]:
    """The amplitude of each wave of an LR pixel, over all colours, and its damping in a pixel of this scale: 2 x (K,)."""
    model, held = tiny_field_as(shape), _amplitudes()[y, x]                        # held: (3, 2K + 1)
    amplitude = held[:, :-1].unflatten(-1, (2, -1)).square().sum((0, 1)).sqrt()
    return amplitude.numpy(), model.damping(model.frequencies / scale).prod(-1).numpy()


@functools.cache
@torch.no_grad()
def _amplitudes() -> Tensor:
    model, lr, _ = tiny_field()
    return model.codes(model.encode(lr))[0]                                        # (h, w, 3, 2K + 1)


@torch.no_grad()
def _colours(y: int, x: int, scale: float, shape: str) -> tuple[np.ndarray, tuple[float, ...]]:
    """The pixels of the whole picture at a scale that lie near LR pixel (y, x): (R, C, 3) uint8, and where they are.

    The extent (left, right, bottom, top) counts LR pixels from the centre of the LR pixel.
    """
    model, n = tiny_field_as(shape), round(SIDE * scale)
    every, edge = grids.centres(n, SIDE), SIDE / n
    near = [every[(every - centre).abs() < REACH + edge / 2] for centre in (y, x)]
    radius = torch.full((2,), edge, dtype=torch.float64)
    rgb = model.paint(model.encode(tiny_field().lr), *near, radius)[0].movedim(-1, 0)
    (top, bottom), (left, right) = (
        (some[0].item() - edge / 2 - centre, some[-1].item() + edge / 2 - centre)
        for some, centre in zip(near, (y, x), strict=True)
    )
    return images.to_pixels(rgb), (left, right, bottom, top)
