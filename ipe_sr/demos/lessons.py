"""The figure of notebook 09 that shows how a training makes its lessons: crop, turn, shrink, ask."""

import numpy as np
from matplotlib.figure import Figure

from ipe_sr import figures
from ipe_sr.figures import YELLOW
from ipe_sr.imaging import resample, samples

PATCH, QUERIES = 48, 2304   # of the paper's recipe
# Picture, top, left, side of the crop, what is flipped (axes), and whether rows and columns change places.
LESSONS = (
    ("astronaut", 76, 180, 48, (1,), False),
    ("motorcycle", 215, 95, 96, (), True),
    ("astronaut", 30, 150, 144, (0,), False),
    ("rocket", 100, 280, 192, (0, 1), True),
)


def four_lessons() -> Figure:
    """Four lessons at the scales 1 to 4: the crop, the turned crop with a tenth of the pixels asked for, and the LR patch."""
    fig, axes = figures.panels(rows=3, columns=len(LESSONS), height=1.85)
    random = np.random.default_rng(0)
    for (whole, turned, shrunk), (name, top, left, n, flipped, transposed) in zip(axes.T, LESSONS, strict=True):
        crop = samples.image(name)[top : top + n, left : left + n]
        turn = np.flip(crop, flipped)
        turn = turn.swapaxes(0, 1) if transposed else turn
        pixel = random.choice(n * n, QUERIES, replace=False)[::10]
        whole.imshow(crop, interpolation="nearest")
        whole.set_title(f"{n} x {n}, s = {n / PATCH:g}")
        turned.imshow(turn, interpolation="nearest")
        turned.plot(pixel % n, pixel // n, ".", color=YELLOW, markersize=1 + n / 192)
        for ax in (whole, turned):
            ax.set(xlim=(0, 192), ylim=(192, 0))   # all pixels equally large
        shrunk.imshow(resample.imresize(turn, (PATCH, PATCH)), interpolation="nearest")
        shrunk.set_title(f"{PATCH} x {PATCH}")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set_visible(False)
    for ax, step in zip(axes[:, 0], ("1 crop", "2 turn, 4 ask", "3 shrink"), strict=True):
        ax.set_ylabel(step, fontweight="bold")
    return fig
