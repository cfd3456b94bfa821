"""Diagrams that stand still: the blocks of the encoders, how features become a latent code, and a LIIF decoder's parts."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from ipe_sr import figures
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY

MAPS = (SKY, ORANGE, GREEN)   # the colours of three feature maps


def residual_blocks() -> Figure:
    """Notebook 05: a residual block, and an EDSR of such blocks. Each has a shortcut."""
    fig, axes = figures.panels(height=1.7)
    ax = axes[0, 0]
    ax.set(xlim=(0, 19), ylim=(0, 4.25))
    ax.axis("off")
    ax.add_patch(Rectangle((0.7, 0.2), 6.6, 3.25, facecolor=SKY, alpha=0.25, edgecolor=SKY))
    for x, text in ((1.4, "conv\n3x3"), (3.15, "ReLU"), (4.9, "conv\n3x3")):
        _box(ax, (x, 1.2), text)
    for start, end in ((0, 1.4), (2.65, 3.15), (4.4, 4.9)):
        _arrow(ax, (start, 1.2), (end, 1.2))
    _sum(ax, (6.8, 1.2), before=6.15, taken=1.0, end=7.9)
    for x, text, colour in ((9.6, "conv\n3x3", "white"), (11.75, "block\n1", SKY), (14.2, "block\n16", SKY),
                            (15.9, "conv\n3x3", "white")):
        _box(ax, (x, 1.2), text, colour)
    for start, end in ((8.9, 9.6), (10.85, 11.75), (13.0, 13.35), (13.8, 14.2), (15.45, 15.9)):
        _arrow(ax, (start, 1.2), (end, 1.2))
    ax.text(13.57, 1.2, "...", ha="center", va="center", fontsize=9.5)
    _sum(ax, (17.8, 1.2), before=17.15, taken=11.2, end=18.9)
    ax.text(4.0, 3.75, "residual block", ha="center", fontsize=9.5, weight="bold")
    ax.text(13.9, 3.75, "EDSR-baseline", ha="center", fontsize=9.5, weight="bold")
    ax.text(3.9, 2.95, "shortcut", ha="center", fontsize=8.5)
    ax.text(14.5, 2.95, "shortcut around all blocks", ha="center", fontsize=8.5)
    return fig


def dense_block() -> Figure:
    """Notebook 05: a dense block with three layers. Each reads all that is stacked before it and adds a group of channels."""
    fig, axes = figures.panels(height=2.0)
    ax = axes[0, 0]
    ax.set(xlim=(0, 19), ylim=(-0.75, 4.25))
    ax.axis("off")
    groups = (("x", "white"), ("1", SKY), ("2", ORANGE), ("3", GREEN))
    for i in range(4):
        left = 1.0 + 4.0 * i
        for j, (text, colour) in enumerate(groups[:i + 1]):
            _box(ax, (left, 1.2 + 0.5 * (j - i / 2)), text, colour, (0.6, 0.5))
        ax.text(left + 0.3, -0.55, f"{64 * (i + 1)} channels", ha="center", fontsize=8.5)
        text, colour = ("conv 3x3\nReLU", groups[i + 1][1]) if i < 3 else ("conv\n1x1", "white")
        _arrow(ax, (left + 0.65, 1.2), (left + 1.25, 1.2))
        _box(ax, (left + 1.25, 1.2), text, colour, (1.95 if i < 3 else 1.25, 1.3))
        if i < 3:
            _arrow(ax, (left + 3.2, 1.2), (left + 3.95, 1.2))
    _arrow(ax, (0.1, 1.2), (0.95, 1.2))
    _sum(ax, (16.45, 1.2), before=15.5, taken=0.5, end=17.8)
    ax.text(9.5, 2.95, "shortcut", ha="center", fontsize=8.5)
    ax.text(9.5, 3.75, "dense block, drawn with 3 layers (RDN has 8)", ha="center", fontsize=9.5, weight="bold")
    return fig


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
    key.set(xlabel="weight: area of the opposite rectangle / S", title="their weights", xlim=(0, 0.6))
    key.invert_yaxis()
    ax.axis("off")
    return fig


def _box(
    ax: Axes, left: tuple[float, float], text: str, colour: str = "white", size: tuple[float, float] = (1.25, 1.3)
) -> None:
    """A box with a word in it.   left: the middle of its left edge."""
    (x, y), (width, height) = left, size
    ax.add_patch(Rectangle((x, y - height / 2), width, height, facecolor=colour, edgecolor=BLACK, linewidth=0.9))
    ax.text(x + width / 2, y, text, ha="center", va="center", fontsize=8.5)


def _sum(ax: Axes, middle: tuple[float, float], before: float, taken: float, end: float) -> None:
    """A plus sign in a circle, which adds what comes from the left to a shortcut that leaves the line at `taken`."""
    x, y = middle
    _arrow(ax, (before, y), (x - 0.32, y))
    ax.plot([taken, taken, x], [y, 2.7, 2.7], color=BLUE, linewidth=1)
    _arrow(ax, (x, 2.7), (x, y + 0.4), BLUE)
    ax.plot([x], [y], "o", markersize=14, markerfacecolor="white", markeredgecolor=BLACK)
    ax.text(x, y, "+", ha="center", va="center", fontsize=12)
    _arrow(ax, (x + 0.32, y), (end, y))


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = BLACK) -> None:
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=10, color=colour, shrinkA=0, shrinkB=0))
