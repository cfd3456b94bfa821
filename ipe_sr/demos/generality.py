"""Of notebook 12: small MetaSRs that were fitted to one picture, and the filters that they generate."""

import dataclasses
import functools

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from ipe_sr import figures
from ipe_sr.demos.decoder import ENCODER, Pocket, fitted
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, ORANGE, RED
from ipe_sr.imaging import resample
from ipe_sr.models import MetaSR, MetaSRConfig

METHODS = {"MetaSR": "coordinate", "MetaSR w/ PE": "positional", "IPE-MetaSR": "integrated"}
SMALL = MetaSRConfig(width=64, encoder=ENCODER)       # no ReLU in the encoder: what its filters do is linear in the picture
SCALES = tuple(1 + quarter / 4 for quarter in range(13))   # 1, 1.25, ... 4
STEPS = 200
REACH = 4    # LR pixels that an effective filter shows to each side; it ends after 4
EDGE = REACH + 0.5
PIXEL = {"fill": False, "edgecolor": ORANGE, "linewidth": 2.5}


@functools.cache
def meta_pocket(method: str, steps: int = STEPS) -> Pocket:
    """A MetaSR fitted to the picture of notebook 06; made at the first call, in seconds.   method: see `METHODS`."""
    return fitted(dataclasses.replace(SMALL, encoding=METHODS[method]), SCALES, steps)


@torch.enable_grad()
def effective_filter(model: MetaSR, centre: tuple[float, float], radius: tuple[float, float]) -> Tensor:
    """How much of each LR pixel of a gray picture is in a pixel: (2 REACH + 1, 2 REACH + 1), around one LR pixel.

    centre: of the pixel, in that LR pixel's local coordinates.   The model must be linear in the picture, as `SMALL` is:
    encoder and generated filter together are then one filter, and its weights are the derivatives.
    """
    lr = torch.zeros(1, 3, 2 * REACH + 1, 2 * REACH + 1, requires_grad=True)
    position = REACH + torch.tensor(centre, dtype=torch.float64) / 2
    colour = model.query(model.encode(lr), position[None, None], torch.tensor(radius, dtype=torch.float64))
    return torch.autograd.grad(colour.mean(), lr)[0][0].sum(0)


def _filters_stage():
    fig, axes = figures.panels(columns=3, height=3.5, width_ratios=[4, 5, 2.2])
    acting, across, written = axes[0]
    acting.set(xlim=(-EDGE, EDGE), ylim=(EDGE, -EDGE), aspect="equal", title="the filter at work", xlabel="LR pixels",
               xticks=range(-REACH, REACH + 1, 2), yticks=range(-REACH, REACH + 1, 2))
    across.set(xlim=(-EDGE, EDGE), ylim=(-0.65, 1.45), title="summed over rows", xlabel="LR pixels")
    written.set(xlim=(-0.5, 8.5), ylim=(15.5, -0.5), title="as written", xlabel="3x3 places", ylabel="16 features")
    for ax in (acting, written):
        ax.grid(False)
    written.set(xticks=[], yticks=[])
    return fig, axes


@scene(_filters_stage)
def generated_filter(axes, y: float, x: float, scale: float, method: str) -> None:
    """Notebook 12: the filter of a pixel at scale `scale` with its centre at (y, x), local units of the LR pixel there."""
    acting, across, written = axes[0]
    model, r = meta_pocket(method).model, 1 / scale
    weights = effective_filter(model, (y, x), (r, r))
    shades = {"cmap": "cividis", "interpolation": "nearest"}
    acting.imshow(weights, extent=(-EDGE, EDGE, EDGE, -EDGE), vmin=-0.3, vmax=0.9, **shades)
    acting.add_patch(Rectangle(((x - r) / 2, (y - r) / 2), r, r, **PIXEL))
    at = np.arange(-REACH, REACH + 1)
    across.axvspan((x - r) / 2, (x + r) / 2, color=ORANGE, alpha=0.35, linewidth=0)
    across.plot(at, resample.cubic(np.abs(at - x / 2)), "--s", color=BLACK, markersize=4, linewidth=1.2, label="bicubic")
    across.plot(at, weights.sum(0), "-o", color=BLUE, markersize=5, label=method)
    across.plot([_balance(weights.sum(0))], [-0.55], "^", color=RED, markersize=9)
    across.legend(fontsize=8, loc="upper right")
    written.imshow(_written(model, y, x, r), aspect="auto", vmin=-0.3, vmax=0.3, **shades)


def generated_filter_readout(y: float, x: float, scale: float, method: str) -> str:
    weights = effective_filter(meta_pocket(method).model, (y, x), (1 / scale, 1 / scale))
    return (f"centre ({y / 2:+.3f}, {x / 2:+.3f}) LR pixels   sum {weights.sum():.3f}   balance point "
            f"({_balance(weights.sum(1)):+.3f}, {_balance(weights.sum(0)):+.3f})   largest weight {weights.max():.3f}")


@torch.no_grad()
def _written(model: MetaSR, y: float, x: float, radius: float) -> Tensor:
    """What the meta network writes for green: (16 features, 9 places)."""
    size = torch.full((1, 1, 2), radius, dtype=torch.float64)
    around = model.locate(torch.tensor([[[y / 2, x / 2]]], dtype=torch.float64), size, (1, 1))
    told = model.describe(around.offset.float(), size[:, :, None].float())
    return model.decoder(told).view(-1, 9, 3)[..., 1]


def _balance(profile: Tensor) -> float:
    """Where weights along an axis balance, in LR pixels from the middle one."""
    return float((profile * torch.arange(-REACH, REACH + 1)).sum() / profile.sum())
