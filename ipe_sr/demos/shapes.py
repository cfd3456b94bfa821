"""The demo of notebook 03: a wave, a pixel of some shape over it, the mean of the wave, and the encoding of the pixel.

The still figures of this notebook follow: a grating and its mean, errors by scale, encodings by position, and what decoders
are told.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ipe_sr import encodings, figures
from ipe_sr.demos.scenes import bars, scene
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, RED, SKY
from ipe_sr.imaging import resample

OCTAVES = 10
AREA = {"fill": True, "color": BLUE, "hatch": "//", "edgecolor": "white"}
DENSITY = {"color": ORANGE, "alpha": 0.45, "linewidth": 0}
MEAN = {"color": BLUE, "linewidth": 2.4}
POINT = {"fill": True, "color": RED}
VALUE = {"color": RED, "marker": "o", "linestyle": "none", "markersize": 7}
WAVE = {"color": SKY, "linewidth": 1.6}


def density(shape: str, u: np.ndarray, radius: float) -> np.ndarray:
    """The weight of a pixel at the distance u from its centre, with the integral 1.   u, radius: local units.

    shape: a name in `encodings.SHAPES` that the package defines. Raises KeyError for another one.
    """
    t = u / radius
    return {
        "box": (np.abs(t) <= 1) / 2,
        "tent": np.maximum(1 - np.abs(t), 0),
        "gaussian": np.sqrt(1.5 / np.pi) * np.exp(-1.5 * t**2),   # variance 1 / 3
        "bicubic": resample.cubic(t / 2) / 2,
    }[shape] / radius


def wave_and_mean(ax: Axes, w: float, centre: float, radius: float, shape: str = "box") -> None:
    """Draw sin(w x), the pixel's weight as a shaded area, the wave's value at the centre and its mean over the pixel.

    All lengths are in local units; the weight is drawn so that a box is 0.5 high. `ax` must show [-2, 2] x [-1.2, 1.2] or more.
    """
    x = np.linspace(-2, 2, 2001)
    damping = encodings.SHAPES[shape](torch.tensor(w * radius, dtype=torch.float64)).item()
    ax.fill_between(x, density(shape, x - centre, radius) * radius, **DENSITY)
    ax.plot(x, np.sin(w * x), **WAVE)
    ax.plot([centre], [np.sin(w * centre)], **VALUE)
    ax.plot([centre - radius, centre + radius], [damping * np.sin(w * centre)] * 2, **MEAN)


def _wave_damping_and_encoding():
    fig, axes = figures.panels(columns=3, height=3.5, width_ratios=[5, 3, 3])
    wave, damping, encoding = axes[0]
    wave.set(xlabel="x, local units", xlim=(-2, 2), ylim=(-1.2, 1.9), title="a wave and its mean")
    wave.plot([], [], **WAVE, label="wave sin(w x)")
    wave.fill([], [], **DENSITY, label="the pixel's weight")
    wave.plot([], [], **VALUE, label="value at the centre")
    wave.plot([], [], **MEAN, label="mean over the pixel")
    wave.legend(fontsize=7.5, loc="upper center", ncols=2, columnspacing=0.8, handlelength=1.3)
    damping.set_xscale("log", base=2)
    damping.set(xlabel="w r", xlim=(2**-3, 2**5), ylim=(-0.3, 1.2), title="damping")
    damping.axhline(0, color=BLACK, linewidth=0.8)
    encoding.set(xlabel="k  (w = 2^k)", xlim=(-0.7, 9.7), ylim=(-1.1, 1.9), xticks=range(0, 10, 3), title="its encoding")
    encoding.stairs([0], [0, 1], **POINT, label="PE: the centre")
    encoding.stairs([0], [0, 1], **AREA, label="the pixel")
    encoding.legend(fontsize=7.5, loc="upper right")
    return fig, axes


@scene(_wave_damping_and_encoding)
def pixel_encoding(axes, centre: float, radius: float, k: int, shape: str) -> None:
    """Notebook 03: the wave of octave k under a pixel, the damping of the shape, and the sines of the pixel's encoding."""
    wave, damping, encoding = axes[0]
    w, factors = _factors(radius, shape)
    wave_and_mean(wave, 2.0**k, centre, radius, shape)
    dense = 2 ** np.linspace(-3, 5, 800)
    damping.plot(dense, encodings.SHAPES[shape](torch.from_numpy(dense)), color=BLUE)
    damping.plot(w * radius, factors, "o", color=BLUE, markersize=4)
    damping.plot([2.0**k * radius], [factors[k]], "o", color=ORANGE, markersize=9, markeredgecolor=BLACK)
    bars(encoding, np.arange(OCTAVES) - 0.39, 0.38, np.sin(w * centre), **POINT)
    bars(encoding, np.arange(OCTAVES) + 0.01, 0.38, np.sin(w * centre) * factors, **AREA)


def pixel_encoding_readout(centre: float, radius: float, k: int, shape: str) -> str:
    factor = _factors(radius, shape)[1][k]
    point = np.sin(2.0**k * centre)
    return (f"scale {1 / radius:.2f}   w r = {2.0**k * radius:.2f}   at the centre {point:+.3f}"
            f"   damping of a {shape} {factor:+.3f}   mean {point * factor:+.3f}")


def _factors(radius: float, shape: str) -> tuple[np.ndarray, np.ndarray]:
    """The octaves (10,), and the damping of each."""
    w = 2.0 ** np.arange(OCTAVES)
    return w, encodings.SHAPES[shape](torch.from_numpy(w * radius)).numpy()


def grating(finest: float = 8.0, length: float = 40.0) -> Figure:
    """A grating whose frequency w grows from left to right; below it, its mean over a box.

    Lines stand where the box has the width of one period and of two.
    finest: w r at the right end.   length: of the grating, in radii of the box.
    """
    step = 200                                                    # samples in a radius
    x = np.arange(-step, (length + 1) * step) / step
    wave = np.cos(finest * x**2 / length / 2)                     # the derivative of the phase is w = finest x / length
    up_to = np.cumsum(wave) / step
    mean = (up_to[2 * step :] - up_to[: -2 * step]) / 2
    fig, axes = figures.panels(height=2.0)
    ax = axes[0, 0]
    ax.imshow(np.stack([wave[step:-step], mean]), aspect="auto", extent=(0, finest, 0, 2), cmap="gray", vmin=-1, vmax=1,
              interpolation="nearest")
    for zero in (np.pi, 2 * np.pi):
        ax.axvline(zero, color=ORANGE, linewidth=1.6)
    ax.set(xlabel="w r", xticks=(0, 1, 2, np.pi, 4, 5, 2 * np.pi, 7, 8), xticklabels=(0, 1, 2, "pi", 4, 5, "2 pi", 7, 8))
    ax.set_yticks((1.5, 0.5), ("grating", "mean over\na box"))
    ax.grid(False)
    return fig


def errors_by_scale(panels: Mapping[str, tuple[Sequence[float], Mapping[str, Sequence[float]], Sequence[float]]]) -> Figure:
    """Errors against the scale, and the level 0.01.   panels: title -> (scales, named errors, the estimate u x scale)."""
    fig, axes = figures.panels(columns=len(panels), height=3.0)
    for ax, (title, (scales, curves, estimate)) in zip(axes[0], panels.items(), strict=True):
        ax.plot(scales, estimate, color=GREEN, linewidth=0.9, label="estimate, u x scale")
        figures.plot_lines(ax, scales, curves, markers="so")
        ax.axhline(0.01, color=BLACK, linewidth=0.8)
        ax.set(xlabel="scale 1 / r", ylabel="largest error", title=title, yscale="log")
        ax.set_xscale("log", base=2)
    return fig


def rows_by_position(encoded: Mapping[str, tuple[torch.Tensor, float | None]]) -> Figure:
    """Sines of encodings: a panel for each title, a column for each position in [-2, 2], a row for each octave.

    encoded: title -> (sines (positions, octaves), scale). Vertical lines show the borders of the LR pixel. A dotted line is at
    w = pi / (2 r), the finest octave that the scale allows; None for points, which have no scale.
    """
    fig, axes = figures.panels(-(-len(encoded) // 2), 2, height=1.75, sharex=True, sharey=True)
    for ax, (title, (sines, scale)) in zip(axes.flat, encoded.items(), strict=True):
        last = sines.shape[1] - 0.5
        image = ax.imshow(sines.T, aspect="auto", extent=(-2, 2, last, -0.5), vmin=-1, vmax=1, interpolation="nearest",
                          cmap="PuOr")
        for border in (-1, 1):
            ax.axvline(border, color=BLACK, linewidth=0.8)
        if scale:
            ax.plot([-2, 2], [np.log2(np.pi * scale / 2)] * 2, color=BLUE, linestyle=":", linewidth=1.2)
        ax.set(title=title, xlim=(-2, 2), ylim=(last, -0.5), yticks=range(0, sines.shape[1], 3))
        ax.grid(False)
    fig.supxlabel("position, local units", fontsize=10)
    fig.supylabel("k  (frequency 2^k)", fontsize=10)
    fig.colorbar(image, ax=axes, label="sine component", shrink=0.7, ticks=(-1, 0, 1))
    return fig


def numbers_told(told: Mapping[str, torch.Tensor], labels: Sequence[str]) -> Figure:
    """The numbers that decoders get of some pixels: a panel for each decoder, a row for each pixel.

    told: title -> (pixels, 1) the centre, (pixels, 2) centre and cell, or (pixels, 2 L) sines and cosines.
    labels: of the rows.
    """
    widths = [{1: 1.5, 2: 2.5}.get(rows.shape[1], 8) for rows in told.values()]   # room for the titles of narrow panels
    fig, axes = figures.panels(columns=len(told), height=2.2, width_ratios=widths)
    for ax, (title, rows) in zip(axes[0], told.items(), strict=True):
        waves = [f"{kind}{k}" for kind in ("s", "c") for k in range(rows.shape[1] // 2)]
        names = {1: ["x"], 2: ["x", "cell"]}.get(rows.shape[1], waves)
        image = ax.imshow(rows, aspect="auto", vmin=-1, vmax=1, cmap="PuOr")
        ax.set(title=title, yticks=[])
        ax.set_xticks(range(len(names)), names, fontsize=8)
        ax.grid(False)
        if "cell" in names:   # colours end at 1, and cells are larger
            for row, cell in enumerate(rows[:, 1].tolist()):
                ax.text(1, row, f"{cell:g}", ha="center", va="center", color=BLACK if cell < 1 else "white")
    axes[0, 0].set_yticks(range(len(labels)), labels)
    fig.colorbar(image, ax=axes, ticks=(-1, 0, 1), label="value", extend="max")
    return fig
