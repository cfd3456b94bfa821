"""Diagrams that stand still: how features are unfolded into a latent code, and how a LIIF decoder is put together."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from ipe_sr import figures
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY

MAPS = (SKY, ORANGE, GREEN)   # the colours of three feature maps


def unfolding() -> Figure:
    """Notebook 05: three feature maps, the 3x3 neighbourhood of one place in each, and the row of numbers that it becomes."""
    fig, axes = figures.panels(height=1.6)
    ax = axes[0, 0]
    ax.set(xlim=(0, 19), ylim=(1.2, 5.2))
    ax.axis("off")
    for channel, colour in enumerate(MAPS):
        left, bottom = 0.1 + 2.25 * channel, 2.05   # side by side, so that every neighbourhood is seen
        for row in range(5):
            for column in range(5):
                near = 1 <= row <= 3 and 1 <= column <= 3
                face = colour if near else "white"
                ax.add_patch(Rectangle((left + 0.4 * column, bottom + 0.4 * (4 - row)), 0.4, 0.4, facecolor=face,
                                       edgecolor=BLACK, linewidth=0.6))
                if near:
                    middle = left + 0.4 * (column + 0.5), bottom + 0.4 * (4.5 - row)
                    ax.text(*middle, str(3 * (row - 1) + column), fontsize=7, ha="center", va="center")
    ax.text(3.35, 4.5, "features: 3 maps of 5 x 5", ha="center", fontsize=9.5, weight="bold")
    for place in range(27):
        x = 7.6 + 0.41 * place
        ax.add_patch(Rectangle((x, 2.6), 0.41, 0.9, facecolor=MAPS[place // 9], edgecolor=BLACK, linewidth=0.6))
        ax.text(x + 0.205, 3.05, str(place % 9 + 1), fontsize=7, ha="center", va="center")
    _arrow(ax, (6.7, 3.05), (7.5, 3.05))
    ax.text(13.1, 4.1, "the latent code of the middle place: 27 numbers", ha="center", fontsize=9.5, weight="bold")
    ax.text(13.1, 1.9, "map by map, each neighbourhood row by row", ha="center", fontsize=9)
    return fig


def mlp() -> Figure:
    """Notebook 06: what enters a LIIF decoder, its layers, and the colour that leaves it."""
    fig, axes = figures.panels(height=2.5)
    ax = axes[0, 0]
    ax.set(xlim=(0, 19), ylim=(0, 6.2))
    ax.axis("off")
    inputs = (("latent code", "576 numbers", 4.4, 1.5, SKY), ("coordinate", "2 numbers", 2.9, 0.9, ORANGE),
              ("cell", "2 numbers", 1.6, 0.9, GREEN))
    for name, size, y, height, colour in inputs:
        ax.add_patch(Rectangle((0.2, y - height / 2), 3.6, height, facecolor=colour, edgecolor=BLACK))
        ax.text(2.0, y, f"{name}\n{size}", ha="center", va="center", fontsize=8.5)
        _arrow(ax, (3.9, y), (5.2, 3.1))
    for layer in range(4):
        x = 5.4 + 2.4 * layer
        ax.add_patch(Rectangle((x, 1.1), 1.5, 4.0, facecolor="white", edgecolor=BLUE, linewidth=1.6))
        ax.text(x + 0.75, 3.1, "linear\n256\n\nReLU", ha="center", va="center", fontsize=8.5)
        _arrow(ax, (x + 1.55, 3.1), (x + 2.3, 3.1))
    ax.add_patch(Rectangle((15.0, 1.9), 1.3, 2.4, facecolor="white", edgecolor=BLUE, linewidth=1.6))
    ax.text(15.65, 3.1, "linear\n3", ha="center", va="center", fontsize=8.5)
    _arrow(ax, (16.4, 3.1), (17.1, 3.1))
    for i, (letter, colour) in enumerate(zip("RGB", ("#D55E00", "#009E73", "#0072B2"), strict=True)):
        ax.add_patch(Rectangle((17.2, 3.7 - 0.9 * i), 0.9, 0.9, facecolor=colour, edgecolor=BLACK))
        ax.text(17.65, 4.15 - 0.9 * i, letter, ha="center", va="center", color="white", weight="bold")
    ax.text(2.0, 5.7, "side by side", ha="center", fontsize=9.5, weight="bold")
    ax.text(10.2, 5.7, "the MLP: the same weights for all pixels", ha="center", fontsize=9.5, weight="bold")
    ax.text(17.65, 5.7, "colour", ha="center", fontsize=9.5, weight="bold")
    return fig


def opposite_rectangles() -> Figure:
    """Notebook 07: the square between four latent codes, cut by a pixel's centre, with the areas and their shares."""
    fig, axes = figures.panels(columns=2, height=3.1)
    x0, y0, colours = 0.3, 0.35, (BLUE, ORANGE, GREEN, PURPLE)   # as in `ensemble.four_codes`
    x1, y1 = 1 - x0, 1 - y0
    ax, key = axes[0]
    codes = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    names = ("$z_{00}$", "$z_{01}$", "$z_{10}$", "$z_{11}$")
    corners = ((x0, y0, x1, y1), (0, y0, x0, y1), (x0, 0, x1, y0), (0, 0, x0, y0))   # opposite to each latent code
    for (x, y, w, h), colour, (cx, cy), name in zip(corners, colours, codes, names, strict=True):
        ax.add_patch(Rectangle((x, y), w, h, facecolor=colour, alpha=0.55, edgecolor=BLACK))
        ax.plot([cx], [cy], "s", color=colour, markersize=13, markeredgecolor=BLACK)
        ax.text(cx + (0.09 if cx else -0.09), cy, name, ha="left" if cx else "right", va="center", fontsize=12)
    ax.plot([x0], [y0], "o", color=BLACK, markersize=8)
    edges = (("x_0", x0 / 2, -0.09), ("x_1", (1 + x0) / 2, -0.09), ("y_0", -0.09, y0 / 2), ("y_1", -0.09, (1 + y0) / 2))
    for text, x, y in edges:
        ax.text(x, y, f"${text}$", ha="center", va="center", fontsize=12)
    ax.set(xlim=(-0.32, 1.32), ylim=(1.15, -0.18), aspect="equal", title="areas between four latent codes")
    shares = [w * h for *_, w, h in corners]
    key.barh(range(4), shares, color=colours, alpha=0.75, edgecolor=BLACK)
    key.set_yticks(range(4), names, fontsize=12)
    key.set(xlabel="weight: area of the opposite rectangle", title="their weights", xlim=(0, 0.6))
    key.invert_yaxis()
    ax.axis("off")
    return fig


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, color=BLACK, shrinkA=0, shrinkB=0))
