"""The demo of notebook 10: the results of two methods for one crop, on both sides of a divider, and their errors."""

import functools

import numpy as np
import torch

from ipe_sr import figures, models
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import ORANGE
from ipe_sr.imaging import images, metrics, resample, samples

CROP = ("chelsea", slice(67, 163), slice(124, 220))   # an eye, and fur
SIDE = 96                                             # HR pixels; a multiple of every scale
SCALES = ("2", "3", "4", "6", "8")
METHODS = ("LR pixels", "bicubic", "IPE-LIIF", "original")
WORST = 0.2                                           # mean absolute error over the channels; the brightest shade
LABEL = {"color": "white", "fontsize": 9, "va": "top", "bbox": {"facecolor": "black", "alpha": 0.6, "pad": 2, "linewidth": 0}}


@functools.cache
@torch.no_grad()
def versions() -> dict[tuple[str, str], torch.Tensor]:
    """(scale, method) -> (3, 96, 96) in [0, 1]. The first call computes all, so that no key press waits for a network."""
    name, rows, columns = CROP
    pixels = samples.image(name)[rows, columns]
    hr, network, plain = images.to_tensor(pixels), models.load("ipe-liif"), models.load("bicubic")
    made = {}
    for scale in SCALES:
        lr = images.to_tensor(resample.imresize(pixels, (SIDE // int(scale),) * 2))[None]
        blocks = lr[0].repeat_interleave(int(scale), 1).repeat_interleave(int(scale), 2)
        answers = (blocks, plain(lr, (SIDE, SIDE))[0], network(lr, (SIDE, SIDE))[0], hr)
        made |= {(scale, method): sr.clamp(0, 1) for method, sr in zip(METHODS, answers, strict=True)}
    return made


def _two_views():
    fig, axes = figures.panels(columns=2, height=3.9)
    for ax, title in zip(axes[0], ("pictures", f"errors x {1 / WORST:g}: brightest at {WORST} or more"), strict=True):
        ax.set(xlim=(0, SIDE), ylim=(SIDE, 0), aspect="equal", xticks=[], yticks=[], title=title)
        ax.grid(False)
    versions()   # compute them now, while the notebook runs, rather than at the first key press
    return fig, axes


@scene(_two_views)
def wipe(axes, divider: int, scale: str, left: str, right: str) -> None:
    """Notebook 10: a crop by two methods, one on each side of a divider, and the errors of both.

    divider: the number of HR pixels on its left.   left, right: see `METHODS`.
    """
    whole = {"extent": (0, SIDE, SIDE, 0), "interpolation": "nearest"}
    pair = [versions()[scale, method] for method in (left, right)]
    error = [(sr - versions()[scale, "original"]).abs().mean(0) for sr in pair]
    axes[0, 0].imshow(images.to_pixels(_beside(*pair, divider)), **whole)
    axes[0, 1].imshow(_beside(*error, divider), vmin=0, vmax=WORST, **whole)
    for ax in axes[0]:
        ax.axvline(divider, color=ORANGE, linewidth=2)
        ax.text(2, 2, left, ha="left", **LABEL)
        ax.text(SIDE - 2, 2, right, ha="right", **LABEL)


def wipe_readout(divider: int, scale: str, left: str, right: str) -> str:
    return f"x{scale}   left {_quality(scale, left)}   right {_quality(scale, right)}   divider at {divider} of {SIDE}"


def _beside(left: torch.Tensor, right: torch.Tensor, divider: int) -> torch.Tensor:
    return torch.cat([left[..., :divider], right[..., divider:]], -1)


def _quality(scale: str, method: str) -> str:
    """The method with its PSNR on the whole crop; the original has none."""
    psnr = metrics.psnr(versions()[scale, method], versions()[scale, "original"], "div2k", float(scale))
    return f"{method}: {psnr:.2f} dB" if np.isfinite(psnr) else method
