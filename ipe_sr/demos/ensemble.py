"""The demo of notebook 07: a pixel between four latent codes, their weights (areas), and the colour that each predicts."""

import numpy as np
import torch
from matplotlib.patches import Rectangle

from ipe_sr import figures, grids
from ipe_sr.demos.decoder import SIDE, STEPS, each_answer, tiny_liif
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, PURPLE

WEIGHTS = ("opposite", "own")   # whose rectangle weights a latent code: as in Eq. 8, or (wrongly) its own
TOP_LEFT = (10, 8)              # row and column of the top left latent code, near an eye
RADIUS = 0.25                   # of the pixel: scale 4
STYLES = {"top left": (BLUE, "//"), "top right": (ORANGE, "\\\\"), "bottom left": (GREEN, ".."), "bottom right": (PURPLE, "xx")}


def _between_four_codes():
    fig, axes = figures.panels(columns=2, height=3.7, width_ratios=[1, 1.1])
    square, answers = axes[0]
    square.set(xlim=(-0.3, 2.3), ylim=(2.3, -0.3), xlabel="x from the top left latent code, local units", ylabel="y",
               aspect="equal", title="four latent codes, four rectangles", xticks=[0, 1, 2], yticks=[0, 1, 2])
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
    y, x = 2 * down, 2 * right
    for k, (colour, hatch) in enumerate(STYLES.values()):
        corner = np.array([2 * (k % 2), 2 * (k // 2)])                             # x, y of the latent code
        far = np.array([x, y]), (corner if weights == "own" else 2 - corner)       # the rectangle's other end
        low, high = np.minimum(*far), np.maximum(*far)
        square.add_patch(Rectangle(low, *(high - low), facecolor=colour, edgecolor="white", hatch=hatch, alpha=0.75))
        square.plot(*corner, "s", color=colour, markersize=13, markeredgecolor=BLACK, clip_on=False)
        bar = {"facecolor": np.clip(colours[k], 0, 1), "edgecolor": colour, "linewidth": 2.5}
        answers.add_patch(Rectangle((0, k - 0.36), share[k], 0.72, **bar))
        answers.text(share[k] + 0.02, k, f"{share[k]:.2f}", va="center")
    square.plot([x], [y], "o", color=BLACK, markersize=8, markeredgecolor="white")
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
