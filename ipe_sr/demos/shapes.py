"""The demo of notebook 03: a wave, a pixel of some shape over it, the mean of the wave, and the encoding of the pixel."""

import numpy as np
import torch
from matplotlib.axes import Axes

from ipe_sr import encodings, figures
from ipe_sr.demos.scenes import bars, scene
from ipe_sr.figures import BLACK, BLUE, ORANGE, RED, SKY
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
