"""The demos of notebooks 00, 01, 03 and 04: footprints, aliasing, encodings of a pixel, Monte Carlo estimates of them."""

import numpy as np
import torch
from matplotlib.patches import Rectangle
from scipy.stats import t as student

from ipe_sr import encodings, figures, grids
from ipe_sr.demos.scenes import bars, scene
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, RED, SKY

AREA = {"fill": True, "color": BLUE, "alpha": 0.4}
CENTRE = {"color": RED, "marker": "o", "linestyle": "none"}
CLOSED_FORM = {"color": GREEN, "linestyle": "--"}
GAUSSIAN = {"color": ORANGE, "linestyle": "--"}
IMPOSTOR = {"color": RED, "linestyle": ":"}
INTERVAL = {"color": ORANGE, "alpha": 0.45}
IPE = {"fill": True, "color": BLUE, "hatch": "//", "edgecolor": "white"}
LR_PIXEL = {"fill": False, "edgecolor": BLACK, "linewidth": 2.2}
ORIGIN = {"color": BLACK, "marker": "+", "markersize": 10, "linestyle": "none"}
PE = {"fill": True, "color": RED}
PIXEL = {"color": ORANGE, "alpha": 0.75}
# Half of a 95% interval in standard errors. Quasi-random estimates have few point sets, 16: Student's t (see notebook 04).
WIDTHS = {"plain": 1.96, "stratified": 1.96, "quasi-random": student.ppf(0.975, 15)}
WAVE = {"color": SKY, "linewidth": 1.2}


def _around_an_lr_pixel():
    fig, axes = figures.panels(columns=2, height=4.2, width_ratios=[3, 2])
    ax, key = axes[0]
    ax.set(xlim=(-2.2, 2.2), ylim=(2.2, -2.2), xlabel="x, local units", ylabel="y, local units", aspect="equal",
           title="an LR pixel and the HR pixels over it")
    ax.grid(False)
    shown = [
        Rectangle((0, 0), 1, 1, **LR_PIXEL, label="an LR pixel: [-1, 1]²"),
        Rectangle((0, 0), 1, 1, **PIXEL, label="an HR pixel: an area"),
        *ax.plot([], [], **CENTRE, label="its centre: a point"),
        *ax.plot([], [], **ORIGIN, label="the feature vector's place"),
    ]
    key.axis("off")
    key.legend(handles=shown, loc="center left", fontsize=9)
    return fig, axes


@scene(_around_an_lr_pixel)
def footprint(axes, scale: float) -> None:
    """Notebook 00: one LR pixel in local coordinates and the HR pixels that cover it. One of these is filled."""
    ax, radius = axes[0, 0], 1 / scale
    centres = 2 * grids.centres(round(4 * scale), 4).numpy() - 2              # local units of the second of 4 LR pixels
    edges = np.append(centres - radius, centres[-1] + radius)
    ax.vlines(edges, -3, 3, color=SKY, linewidth=0.8)
    ax.hlines(edges, -3, 3, color=SKY, linewidth=0.8)
    c = centres[np.abs(centres - 0.5).argmin()]
    ax.add_patch(Rectangle((-1, -1), 2, 2, **LR_PIXEL))
    ax.add_patch(Rectangle((c - radius, c - radius), 2 * radius, 2 * radius, **PIXEL))
    ax.plot([c], [c], **CENTRE, markersize=5)
    ax.plot([0], [0], **ORIGIN)


def footprint_readout(scale: float) -> str:
    return f"scale s = {scale:.2f}   radius r = 1 / s = {1 / scale:.3f}   HR pixels in one LR pixel: {scale**2:.2f}"


ROW = 48   # HR pixels


def _along_a_row():
    fig, axes = figures.panels(height=3.3)
    ax = axes[0, 0]
    ax.set(xlabel="position, HR pixels", ylabel="brightness", ylim=(-1.25, 1.65), xlim=(0, ROW),
           title="a wave, and what LR pixels make of it")
    ax.plot([], [], **WAVE, label="the scene")
    ax.plot([], [], **CENTRE, label="points: values at centres")
    ax.stairs([0], [0, 1], **AREA, label="areas: means over pixels")
    ax.plot([], [], **IMPOSTOR, label="what the points look like")
    ax.legend(loc="upper center", ncols=4, fontsize=8.5, columnspacing=0.8)
    return fig, axes


@scene(_along_a_row)
def aliasing(axes, frequency: float, scale: int) -> None:
    """Notebook 01: a wave, sampled by LR pixels that are `scale` HR pixels wide.   frequency: cycles per HR pixel."""
    ax = axes[0, 0]
    x = np.linspace(0, ROW, 40 * ROW + 1)
    edges = np.arange(0, ROW + scale, scale)
    lr = edges[:-1] + scale / 2
    point = np.cos(2 * np.pi * frequency * lr)
    ax.plot(x, np.cos(2 * np.pi * frequency * x), **WAVE)
    if abs(_alias(frequency, scale) - frequency) > 1e-9:
        phase = 2 * np.pi * (frequency - np.round(frequency * scale) / scale)
        ax.plot(x, np.cos(phase * (x - lr[0]) + 2 * np.pi * frequency * lr[0]), **IMPOSTOR)
    ax.plot(lr, point, **CENTRE, markersize=6)
    ax.stairs(point * np.sinc(frequency * scale), edges, **AREA)


def aliasing_readout(frequency: float, scale: int) -> str:
    kept = np.sinc(frequency * scale)
    return (f"limit of the LR grid: {0.5 / scale:.3f} cycles   point samples look like {_alias(frequency, scale):.3f}"
            f"   the area mean keeps {kept:+.3f} of the amplitude")


def _alias(frequency: float, scale: int) -> float:
    """The frequency that point samples of a wave seem to have, cycles per HR pixel."""
    return abs(frequency - np.round(frequency * scale) / scale)


def _damping_and_encoding():
    fig, axes = figures.panels(columns=2, height=3.3)
    left, right = axes[0]
    left.set_xscale("log", base=2)
    left.set(xlabel="frequency w", ylabel="damping", xlim=(2**-0.5, 2**15.5), ylim=(-0.3, 1.25), title="what the area keeps")
    left.plot([], [], color=BLUE, label="pixel: sinc(w r)")
    left.plot([], [], **GAUSSIAN, label="Gaussian of equal variance")
    left.legend(fontsize=9, loc="upper right")
    right.set(xlabel="k  (w = 2^k)", ylabel="sine component", xlim=(-0.7, 15.7), ylim=(-1.1, 1.45), xticks=range(0, 16, 3),
              title="the code of one pixel")
    right.stairs([0], [0, 1], **PE, label="PE: the centre")
    right.stairs([0], [0, 1], **IPE, label="IPE: the area")
    right.legend(fontsize=9, loc="upper right", ncols=2)
    return fig, axes


@scene(_damping_and_encoding)
def pixel_encoding(axes, centre: float, radius: float, frequencies: int) -> None:
    """Notebook 03: damping over frequency, and the sines in the encodings of one pixel: PE of its centre, IPE of its area."""
    w = encodings.octaves(frequencies, dtype=torch.float64)
    c, r = (torch.tensor([v], dtype=torch.float64) for v in (centre, radius))
    dense = 2 ** np.linspace(-0.5, 15.5, 1200)
    left, right = axes[0]
    left.plot(dense, np.sinc(radius * dense / np.pi), color=BLUE)
    left.plot(dense, np.exp(-((radius * dense) ** 2) / 6), **GAUSSIAN)
    left.plot(w, torch.sinc(r * w / np.pi), "o", color=BLUE, markersize=5)
    point, area = (encoded[:frequencies].numpy() for encoded in (encodings.positional(c, w), encodings.integrated(c, r, w)))
    bars(right, np.arange(frequencies) - 0.39, 0.38, point, **PE)
    bars(right, np.arange(frequencies) + 0.01, 0.38, area, **IPE)


def pixel_encoding_readout(centre: float, radius: float, frequencies: int) -> str:
    kept = (radius * 2.0 ** np.arange(frequencies) < 1).sum()
    return (f"centre {centre:+.2f}   radius {radius:.3f} (scale {1 / radius:.2f})   "
            f"frequencies with w r < 1: {kept} of {frequencies}")


def _estimate_and_its_error():
    fig, axes = figures.panels(columns=2, height=3.2)
    left, right = axes[0]
    left.set(xlabel="x in the pixel", ylabel="sin(8 x)", title="one estimate", xlim=(-0.65, 1.45), ylim=(-1.15, 1.75))
    left.plot([], [], **WAVE, label="the wave over the pixel")
    left.plot([], [], **CLOSED_FORM, label="closed form: its mean")
    left.fill([], [], **INTERVAL, label="95% interval")
    left.legend(fontsize=8.5, loc="upper center", ncols=2, columnspacing=1)
    right.set_xscale("log", base=2)
    right.set(yscale="log", xlabel="samples", ylabel="half of the interval", xlim=(2**4.7, 2**12.3), ylim=(1e-7, 1),
              title="it shrinks with the samples")
    return fig, axes


@scene(_estimate_and_its_error)
def sampling(axes, log2_samples: int, radius: float, sampler: str) -> None:
    """Notebook 04: an estimate of E[sin(w x)] with its 95% interval, the closed form, and the interval by samples."""
    centre, w, shown = 0.4, 8.0, 2**log2_samples
    c, r, frequency = (torch.tensor([v], dtype=torch.float64) for v in (centre, radius, w))
    left, right = axes[0]
    x = np.linspace(centre - radius, centre + radius, 400)
    left.plot(x, np.sin(w * x), **WAVE)
    left.axhline(encodings.integrated(c, r, frequency)[0].item(), **CLOSED_FORM)
    left.axhspan(*_interval(_estimate(c, r, frequency, shown, sampler), WIDTHS[sampler]), **INTERVAL)
    n = 2 ** np.arange(5, 13)
    errors = [WIDTHS[sampler] * _estimate(c, r, frequency, int(i), sampler).standard_error[0].item() for i in n]
    right.plot(n, errors, "o-", color=ORANGE)
    right.axvline(shown, color=BLACK, linewidth=0.8, linestyle=":")


def sampling_readout(log2_samples: int, radius: float, sampler: str) -> str:
    c, r, w = (torch.tensor([v], dtype=torch.float64) for v in (0.4, radius, 8.0))
    estimate = _estimate(c, r, w, 2**log2_samples, sampler)
    error = (estimate.mean - encodings.integrated(c, r, w))[0].item()
    return f"{2**log2_samples} {sampler} samples   error {error:+.2e}   standard error {estimate.standard_error[0].item():.2e}"


def _estimate(c: torch.Tensor, r: torch.Tensor, w: torch.Tensor, samples: int, sampler: str) -> encodings.MonteCarloEstimate:
    return encodings.monte_carlo(c, r, w, samples, sampler, generator=torch.Generator().manual_seed(0))


def _interval(estimate: encodings.MonteCarloEstimate, width: float) -> tuple[float, float]:
    """Lower and upper end.   width: half of the interval in standard errors."""
    mean, half = estimate.mean[0].item(), width * estimate.standard_error[0].item()
    return mean - half, mean + half
