"""The demo and the figures of notebook 07: a pixel between four latent codes, their weights (areas), and what they answer."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ipe_sr import figures, grids
from ipe_sr.demos.decoder import SIDE, STEPS, each_answer, tiny_liif
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, PURPLE
from ipe_sr.imaging import images

WEIGHTS = ("opposite", "own")   # whose rectangle weights a latent code: as in Eq. 8, or (wrongly) its own
TOP_LEFT = (10, 8)              # row and column of the top left latent code, near an eye
RADIUS = 0.25                   # of the pixel: scale 4
STYLES = {"top left": (BLUE, "//"), "top right": (ORANGE, "\\\\"), "bottom left": (GREEN, ".."), "bottom right": (PURPLE, "xx")}


def _between_four_codes():
    fig, axes = figures.panels(columns=2, height=3.7, width_ratios=[1, 1.1])
    square, answers = axes[0]
    square.set(xlim=(-0.15, 1.15), ylim=(1.15, -0.15), xlabel="right of the top left latent code, LR pixels", ylabel="down",
               aspect="equal", title="four latent codes, four rectangles", xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    answers.set(xlim=(0, 1.14), ylim=(4.6, -0.6), xlabel="weight", title="each latent code's colour and weight",
                yticks=range(5), yticklabels=[*STYLES, "together"])
    for ax in axes[0]:
        ax.grid(False)
    return fig, axes


@scene(_between_four_codes)
def four_codes(axes, down: float, right: float, weights: str) -> None:
    """Notebook 07: a pixel between four latent codes.   weights: see `WEIGHTS`.

    down, right: the pixel's place from the top left latent code (0) to the bottom right one (1).
    """
    square, answers = axes[0]
    share, colours = _answers(down, right, weights)
    for k, (colour, hatch) in enumerate(STYLES.values()):
        corner = np.array([k % 2, k // 2])                                         # x, y of the latent code
        far = np.array([right, down]), (corner if weights == "own" else 1 - corner)   # the rectangle's other end
        low, high = np.minimum(*far), np.maximum(*far)
        square.add_patch(Rectangle(low, *(high - low), facecolor=colour, edgecolor="white", hatch=hatch, alpha=0.75))
        square.plot(*corner, "s", color=colour, markersize=13, markeredgecolor=BLACK, clip_on=False)
        bar = {"facecolor": np.clip(colours[k], 0, 1), "edgecolor": colour, "linewidth": 2.5}
        answers.add_patch(Rectangle((0, k - 0.36), share[k], 0.72, **bar))
        answers.text(share[k] + 0.02, k, f"{share[k]:.2f}", va="center")
    square.plot([right], [down], "o", color=BLACK, markersize=8, markeredgecolor="white")
    answers.add_patch(Rectangle((0, 3.64), 1, 0.72, facecolor=np.clip(share @ colours, 0, 1), edgecolor=BLACK))


def four_codes_readout(down: float, right: float, weights: str) -> str:
    share, colours = _answers(down, right, weights)
    rgb = ", ".join(f"{value:.3f}" for value in share @ colours)
    return f"weights {' + '.join(f'{w:.3f}' for w in share)} = {share.sum():.3f}   colour ({rgb})"


@torch.no_grad()
def _answers(down: float, right: float, weights: str) -> tuple[np.ndarray, np.ndarray]:
    """The weights of the four latent codes (4,), and the colour that each predicts alone (4, 3)."""
    model, lr, _ = tiny_liif(True, STEPS)   # its own short training, so that the sliders soon respond
    position = torch.tensor([[TOP_LEFT[0] + down, TOP_LEFT[1] + right]], dtype=torch.float64)
    around = grids.corners(position, (SIDE, SIDE))
    colours = each_answer(model, lr, around, torch.tensor([[RADIUS, RADIUS]]))
    share = around.weight[0] if weights == "opposite" else around.weight[0].flip(0)   # 3 - k is opposite to latent code k
    return share.numpy(), colours[0].numpy()


def along_a_walk(lr: Tensor, path: Tensor, curves: Mapping[str, Tensor], cut: Collection[str] = ()) -> Figure:
    """Notebook 07: a walk over an LR picture, and how the green value changes on the way.

    lr: (3, h, w).   path: (N, 2), from left to right along one row.   curves: name -> green values (N,).
    cut: the names of curves that are cut at the borders of LR pixels, so that no line is drawn where they jump.
    """
    fig, axes = figures.panels(columns=2, height=2.8, width_ratios=[1, 2.6])
    picture, along = axes[0]
    x, row = path[:, 1].numpy(), path[0, 0].item()
    pixels, pixel = images.to_pixels(lr), np.floor(x + 0.5)                        # (h, w, 3); of each step (N,)
    picture.imshow(pixels, interpolation="nearest")
    picture.plot(x, path[:, 0], color=BLUE, linewidth=2.5)
    middle = (x[0] + x[-1]) / 2
    picture.set(xlim=(middle - 7, middle + 7), ylim=(row + 7, row - 7), xlabel="x, LR pixels", ylabel="y, LR pixels",
                title="the walk, LR picture", xticks=(5, 10, 15), yticks=(5, 10, 15))
    borders = np.flatnonzero(np.diff(pixel))                                       # the last step before each
    drawn = {name: values.double().numpy().copy() for name, values in curves.items()}
    low, high = min(map(np.min, drawn.values())), max(map(np.max, drawn.values()))
    for name in cut:
        drawn[name][borders] = np.nan
    figures.plot_lines(along, x, drawn)
    for line in along.lines:
        line.set_linestyle("-")                                                    # a dash would look like a jump
    if len(drawn) > 1:
        along.legend(fontsize=9, loc="lower center", bbox_to_anchor=(0.42, 0.15))   # above the band
    for border in borders:
        along.axvline(pixel[border] + 0.5, color="gray", linewidth=0.8, linestyle=":")
    first, last = int(pixel[0]), int(pixel[-1])
    step = (high - low) / 10
    band = pixels[None, round(row), first : last + 1]                              # (1, LR pixels, 3)
    along.imshow(band, extent=(first - 0.5, last + 0.5, low - 2 * step, low - step), aspect="auto", interpolation="nearest")
    along.set(xlim=(x[0], x[-1]), ylim=(low - 2 * step, high + step), xticks=range(first, last + 1), xlabel="x, LR pixels",
              ylabel="green", title="green along the walk")
    picture.grid(False)
    return fig


def at_the_border(different: Tensor, largest: Tensor, lr_size: tuple[int, int]) -> Figure:
    """Notebook 07: how many different latent codes answer each place of a picture, and their largest coordinate: (H, W) both.

    lr_size: of the picture, in LR pixels.
    """
    fig, axes = figures.panels(columns=2, height=2.5)
    height, width = lr_size
    maps = (("different latent codes", different, (1, 2, 4), {"norm": BoundaryNorm([0.5, 1.5, 2.5, 5.5], 256)}),   # 3 colours
            ("largest coordinate, local units", largest, (0, 1, 2), {"vmin": 0, "vmax": 2}))
    for ax, (title, values, ticks, scale) in zip(axes[0], maps, strict=True):
        shown = ax.imshow(values.numpy(), extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="nearest", **scale)
        fig.colorbar(shown, ax=ax, ticks=ticks, shrink=0.7)
        ax.vlines(np.arange(width - 1) + 0.5, -0.5, height - 0.5, color=BLACK, linewidth=0.8, linestyle=":")
        ax.hlines(np.arange(height - 1) + 0.5, -0.5, width - 0.5, color=BLACK, linewidth=0.8, linestyle=":")
        ax.set(title=title, xlabel="x, LR pixels", ylabel="y, LR pixels")
        ax.grid(False)
    return fig
