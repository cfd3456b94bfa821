"""The demo of notebook 12: tiny MetaSR models, fitted to one picture, and the filters that they generate."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ipe_sr import figures
from ipe_sr.demos.decoder import ENCODER, FittedModel, fitted
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, COLOURS, SKY
from ipe_sr.imaging import resample
from ipe_sr.models import MetaSR, MetaSRConfig

METHODS = {"MetaSR": "coordinate", "MetaSR w/ PE": "positional", "IPE-MetaSR": "integrated"}
SMALL = MetaSRConfig(width=64, encoder=ENCODER)       # without residual blocks the encoder has no ReLU: it is linear
SCALES = tuple(1 + quarter / 4 for quarter in range(13))   # 1, 1.25, ... 4
STEPS = 200
REACH = 4    # LR pixels: an effective filter is zero farther away than this
EDGE = REACH + 0.5
WEIGHTS = {"cmap": "PuOr", "vmin": -0.4, "vmax": 0.4, "interpolation": "nearest"}   # white is zero; above 0.4 all look alike
TICKS = (-0.4, -0.2, 0, 0.2, 0.4)
CROSS = {"color": BLACK, "linewidth": 0.6, "linestyle": ":"}
Pixel = tuple[tuple[float, float], tuple[float, float]]   # centre and radius, each (y, x) in local units


@functools.cache
def tiny_metasr(method: str, steps: int = STEPS, scales: tuple[float, ...] = SCALES, seed: int = 0) -> FittedModel:
    """A MetaSR fitted to the face of notebook 06 at these scales. The first call takes seconds.   method: see `METHODS`."""
    return fitted(dataclasses.replace(SMALL, encoding=METHODS[method]), scales, steps, seed)


@torch.enable_grad()
def effective_filter(model: MetaSR, centre: tuple[float, float], radius: tuple[float, float]) -> Tensor:
    """The weight of each LR pixel of a gray picture in the colour of one pixel: (2 REACH + 1, 2 REACH + 1).

    The model must be linear in the picture, as `SMALL` is. Then encoder and generated filter together are one filter, and
    the derivatives of the colour are its weights.

    centre: of the pixel, in local coordinates of the LR pixel in the middle.   radius: of the pixel, local units.
    """
    lr = torch.zeros(1, 3, 2 * REACH + 1, 2 * REACH + 1, requires_grad=True)
    position = REACH + torch.tensor(centre, dtype=torch.float64) / 2
    colour = model.query(model.encode(lr), position[None, None], torch.tensor(radius, dtype=torch.float64))
    return torch.autograd.grad(colour.mean(), lr)[0][0].sum(0)


def filters(weights: Mapping[str, Tensor], columns: int, pixels: Sequence[Pixel]) -> Figure:
    """Effective filters side by side, on one scale of colours with white at zero. The zeros along the border are left out.

    weights: title -> (2 REACH + 1, 2 REACH + 1).   pixels: centre and radius of each filter's pixel, whose outline is drawn.
    """
    rows = -(-len(weights) // columns)
    height = 0.78 * figures.WIDTH / columns + 0.75
    fig, axes = figures.panels(rows, columns, height=height, sharex=True, sharey=True)
    for ax, (title, each), (centre, radius) in zip(axes.flat, weights.items(), pixels, strict=True):
        drawn = ax.imshow(each.numpy(), extent=(-EDGE, EDGE, EDGE, -EDGE), **WEIGHTS)
        ax.axhline(0, **CROSS)
        ax.axvline(0, **CROSS)
        ax.add_patch(_outline(centre, radius, linewidth=1.5))
        ax.set(title=title, xlim=(1 - EDGE, EDGE - 1), ylim=(EDGE - 1, 1 - EDGE), xticks=(-2, 0, 2), yticks=(-2, 0, 2))
        ax.grid(False)
    for ax in axes[-1]:
        ax.set_xlabel("LR pixels")
    for ax in axes[:, 0]:
        ax.set_ylabel("LR pixels")
    fig.colorbar(drawn, ax=axes, ticks=TICKS, label="weight", extend="max", aspect=15 * rows, pad=0.01)
    return fig


def _outline(centre: tuple[float, float], radius: tuple[float, float], linewidth: float = 2.5) -> Rectangle:
    """The outline of a pixel in LR pixels.   centre, radius: (y, x), local units, 2 to an LR pixel."""
    (y, x), (ry, rx) = centre, radius
    return Rectangle(((x - rx) / 2, (y - ry) / 2), rx, ry, fill=False, edgecolor=SKY, linewidth=linewidth)


def _filters_stage():
    fig, axes = figures.panels(columns=3, height=3.5, width_ratios=[4, 4.4, 2.9])
    effective, across, generated = axes[0]
    effective.set(xlim=(-EDGE, EDGE), ylim=(EDGE, -EDGE), aspect="equal", title="effective filter", xlabel="LR pixels",
               xticks=range(-REACH, REACH + 1, 2), yticks=range(-REACH, REACH + 1, 2))
    across.set(xlim=(-EDGE, EDGE), ylim=(-0.65, 1.45), title="sums of the columns", xlabel="LR pixels", ylabel="weight")
    generated.set(xlim=(-0.5, 8.5), ylim=(15.5, -0.5), title="filter for green", xlabel="3x3 places", ylabel="16 features")
    for ax in (effective, generated):
        ax.grid(False)
    generated.set(xticks=[], yticks=[])
    colours = ScalarMappable(Normalize(WEIGHTS["vmin"], WEIGHTS["vmax"]), WEIGHTS["cmap"])
    fig.colorbar(colours, ax=generated, ticks=TICKS, label="weight, left and right", extend="max")
    return fig, axes


@scene(_filters_stage)
def generated_filter(axes, y: float, x: float, scale: float, method: str) -> None:
    """Notebook 12: the filter of a pixel at this scale. Its centre is (y, x) in local units of an LR pixel."""
    effective, across, generated = axes[0]
    model, r = tiny_metasr(method).model, 1 / scale
    weights = effective_filter(model, (y, x), (r, r))
    effective.imshow(weights, extent=(-EDGE, EDGE, EDGE, -EDGE), **WEIGHTS)
    effective.add_patch(_outline((y, x), (r, r)))
    at = np.arange(-REACH, REACH + 1)
    across.axvspan((x - r) / 2, (x + r) / 2, color=SKY, alpha=0.45, linewidth=0)
    across.plot(at, resample.cubic(np.abs(at - x / 2)), "--s", color=BLACK, markersize=4, linewidth=1.2, label="bicubic")
    colour = COLOURS[list(METHODS).index(method)]   # as `figures.plot_lines` draws the methods in this order
    across.plot(at, weights.sum(0), "-o", color=colour, markersize=5, label=method)
    across.plot([_balance(weights.sum(0))], [-0.55], "^", color=BLACK, markersize=9)
    across.legend(fontsize=8, loc="upper right")
    generated.imshow(_generated_weights(model, y, x, r), aspect="auto", **WEIGHTS)


def generated_filter_readout(y: float, x: float, scale: float, method: str) -> str:
    weights = effective_filter(tiny_metasr(method).model, (y, x), (1 / scale, 1 / scale))
    return (f"centre ({y / 2:+.3f}, {x / 2:+.3f}) LR pixels   sum {weights.sum():.3f}   balance point "
            f"({_balance(weights.sum(1)):+.3f}, {_balance(weights.sum(0)):+.3f})   largest weight {weights.max():.3f}")


@torch.no_grad()
def _generated_weights(model: MetaSR, y: float, x: float, radius: float) -> Tensor:
    """The filter weights that the meta network generates for green: (16 features, 9 places)."""
    size = torch.full((1, 1, 2), radius, dtype=torch.float64)
    around = model.locate(torch.tensor([[[y / 2, x / 2]]], dtype=torch.float64), size, (1, 1))
    encoded = model.describe(around.offset.float(), size[:, :, None].float())
    return model.decoder(encoded).view(-1, 9, 3)[..., 1]


def _balance(profile: Tensor) -> float:
    """The centre of gravity of weights along an axis, in LR pixels from the middle one."""
    return float((profile * torch.arange(-REACH, REACH + 1)).sum() / profile.sum())
