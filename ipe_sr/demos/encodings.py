"""Of notebooks 00, 01, 03 and 04: footprints, aliasing, codes of pixels, their estimates."""

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ipe_sr import encodings, figures, grids
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, RED, SKY


def footprint(scale: float) -> Figure:
    """Notebook 00: one LR pixel in local coordinates, the HR pixels that cover it, one of them filled."""
    fig, axes = figures.panels(height=4.2)
    ax = axes[0, 0]
    radius = 1 / scale
    centres = 2 * grids.centres(round(3 * scale), 3).numpy() - 2              # local to the middle one of 3 LR pixels
    edges = np.append(centres - radius, centres[-1] + radius)
    ax.vlines(edges, -3, 3, color=SKY, linewidth=0.8)
    ax.hlines(edges, -3, 3, color=SKY, linewidth=0.8)
    lr_label, hr_label = "an LR pixel: [-1, 1] along each axis", "an HR pixel: an area"
    ax.add_patch(Rectangle((-1, -1), 2, 2, fill=False, edgecolor=BLACK, linewidth=2.2, label=lr_label))
    c = centres[np.abs(centres - 0.5).argmin()]
    ax.add_patch(Rectangle((c - radius, c - radius), 2 * radius, 2 * radius, color=ORANGE, alpha=0.75, label=hr_label))
    ax.plot([c], [c], "o", color=RED, markersize=5, label="its centre: a point")
    ax.plot([0], [0], "k+", markersize=10, label="where the feature vector sits")
    ax.set(xlim=(-2.2, 2.2), ylim=(2.2, -2.2), xlabel="x, local units", ylabel="y, local units", aspect="equal",
           title=f"scale {scale:.3g}: an HR pixel has radius {radius:.3g}")
    ax.grid(False)
    ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=9)
    return fig


def footprint_readout(scale: float) -> str:
    return f"scale s = {scale:.2f}   radius r = 1 / s = {1 / scale:.3f}   HR pixels in one LR pixel: {scale**2:.2f}"


def aliasing(frequency: float, scale: int) -> Figure:
    """Notebook 01: a wave, and what LR pixels of `scale` HR pixels make of it.   frequency: cycles per HR pixel."""
    fig, axes = figures.panels(height=3.3)
    ax, length = axes[0, 0], 48
    x = np.linspace(0, length, 1921)
    lr = np.arange(scale / 2, length, scale)
    point = np.cos(2 * np.pi * frequency * lr)
    alias = _alias(frequency, scale)
    ax.plot(x, np.cos(2 * np.pi * frequency * x), color=SKY, linewidth=1, label="the scene")
    if abs(alias - frequency) > 1e-9:
        phase = 2 * np.pi * (frequency - np.round(frequency * scale) / scale)
        impostor = np.cos(phase * (x - lr[0]) + 2 * np.pi * frequency * lr[0])
        ax.plot(x, impostor, color=RED, linestyle=":", label="the impostor it looks like")
    ax.plot(lr, point, "o", color=RED, markersize=6, label="point: value at the centre")
    area = point * np.sinc(frequency * scale)
    ax.bar(lr, area, width=scale, color=BLUE, alpha=0.35, edgecolor=BLUE, label="area: mean over the pixel")
    ax.set(xlabel="position, HR pixels", ylabel="brightness", ylim=(-1.25, 1.25), xlim=(0, length),
           title=f"{frequency:.3g} cycles per HR pixel, LR pixels {scale} wide")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=4, fontsize=8.5)
    return fig


def aliasing_readout(frequency: float, scale: int) -> str:
    kept = np.sinc(frequency * scale)
    return (f"limit of the LR grid: {0.5 / scale:.3f} cycles   point samples look like {_alias(frequency, scale):.3f}"
            f"   the area mean keeps {kept:+.3f} of the amplitude")


def _alias(frequency: float, scale: int) -> float:
    return abs(frequency - np.round(frequency * scale) / scale)


def pixel_code(centre: float, radius: float, frequencies: int) -> Figure:
    """Notebook 03: damping over frequency, and the sines of one pixel: its centre's code against its area's."""
    fig, axes = figures.panels(columns=2, height=3.3)
    w = encodings.octaves(frequencies, dtype=torch.float64)
    c, r = (torch.tensor([v], dtype=torch.float64) for v in (centre, radius))
    dense = 2 ** np.linspace(-0.5, frequencies - 0.5, 800)
    left, right = axes[0]
    left.plot(dense, np.sinc(radius * dense / np.pi), color=BLUE, label="pixel: sinc(w r)")
    left.plot(dense, np.exp(-((radius * dense) ** 2) / 6), color=ORANGE, linestyle="--", label="Gaussian of equal variance")
    left.plot(w, torch.sinc(r * w / np.pi), "o", color=BLUE, markersize=5)
    left.set(xscale="log", xlabel="frequency w", ylabel="damping", ylim=(-0.3, 1.08), title="what the area keeps")
    left.set_xscale("log", base=2)
    left.legend(fontsize=9, loc="upper right")
    k = np.arange(frequencies)
    point, area = (code[:frequencies].numpy() for code in (encodings.positional(c, w), encodings.integrated(c, r, w)))
    right.bar(k - 0.2, point, 0.38, color=RED, label="PE: the centre")
    right.bar(k + 0.2, area, 0.38, color=BLUE, hatch="//", edgecolor="white", label="IPE: the area")
    right.set(xlabel="k  (w = 2^k)", ylabel="sine component", ylim=(-1.1, 1.45), title="the code of one pixel")
    right.legend(fontsize=9, loc="upper right", ncols=2)
    return fig


def pixel_code_readout(centre: float, radius: float, frequencies: int) -> str:
    kept = (radius * 2.0 ** np.arange(frequencies) < 1).sum()
    return (f"centre {centre:+.2f}   radius {radius:.3f} (scale {1 / radius:.2f})   "
            f"frequencies with w r < 1: {kept} of {frequencies}")


def sampling(log2_samples: int, radius: float, sampler: str) -> Figure:
    """Notebook 04: estimates of E[sin(w x)] with their 95% intervals, by number of samples, against the closed form."""
    fig, axes = figures.panels(columns=2, height=3.2)
    centre, w, shown = 0.4, 8.0, 2**log2_samples
    c, r, frequency = (torch.tensor([v], dtype=torch.float64) for v in (centre, radius, w))
    exact = encodings.integrated(c, r, frequency)[0].item()
    left, right = axes[0]
    x = np.linspace(centre - radius, centre + radius, 400)
    left.plot(x, np.sin(w * x), color=SKY)
    left.axhline(exact, color=GREEN, linestyle="--", label=f"closed form {exact:+.4f}")
    estimate = _estimate(c, r, frequency, shown, sampler)
    left.axhspan(*_interval(estimate), color=ORANGE, alpha=0.45, label="95% interval")
    left.set(xlabel="x in the pixel", ylabel="sin(8 x)", title=f"{shown} samples, {sampler}", ylim=(-1.35, 1.35))
    left.legend(fontsize=9, loc="lower left")
    n = 2 ** np.arange(5, 13)
    errors = [1.96 * _estimate(c, r, frequency, int(i), sampler).standard_error[0].item() for i in n]
    right.plot(n, errors, "o-", color=ORANGE, label="half of the interval")
    right.axvline(shown, color=BLACK, linewidth=0.8, linestyle=":")
    right.set(yscale="log", xlabel="samples", ylabel="half width", ylim=(1e-7, 1), title="it shrinks with the samples")
    right.set_xscale("log", base=2)
    return fig


def sampling_readout(log2_samples: int, radius: float, sampler: str) -> str:
    c, r, w = (torch.tensor([v], dtype=torch.float64) for v in (0.4, radius, 8.0))
    estimate = _estimate(c, r, w, 2**log2_samples, sampler)
    error = (estimate.mean - encodings.integrated(c, r, w))[0].item()
    return f"{2**log2_samples} {sampler} samples   error {error:+.2e}   standard error {estimate.standard_error[0].item():.2e}"


def _estimate(c: torch.Tensor, r: torch.Tensor, w: torch.Tensor, samples: int, sampler: str) -> encodings.Estimate:
    return encodings.monte_carlo(c, r, w, samples, sampler, generator=torch.Generator().manual_seed(0))


def _interval(estimate: encodings.Estimate) -> tuple[float, float]:
    mean, half = estimate.mean[0].item(), 1.96 * estimate.standard_error[0].item()
    return mean - half, mean + half
