"""The demos of notebooks 00, 01 and 04: pixels over stripes, aliasing, Monte Carlo estimates of an encoding."""

import functools
from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.stats import t as student

from ipe_sr import encodings, figures
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, GREEN, ORANGE, RED, SKY

AREA = {"fill": True, "color": BLUE, "alpha": 0.4}
BORDER = {"color": "gray", "linewidth": 0.8, "linestyle": ":"}
CENTRE = {"color": RED, "marker": "o", "linestyle": "none"}
CLOSED_FORM = {"color": GREEN, "linestyle": "--"}
DOT = {**CENTRE, "color": "white", "markeredgecolor": BLACK, "markersize": 7}   # red would be near to the orange frame
ESTIMATE = {"color": ORANGE, "linewidth": 1.2}
IMPOSTOR = {"color": RED, "linestyle": ":"}
INTERVAL = {"color": ORANGE, "alpha": 0.45}
LIMIT = {"fill": False, "edgecolor": ORANGE, "linewidth": 1.2}
LR_PIXEL = {"fill": False, "edgecolor": BLUE, "linewidth": 3}
SCENE = {"color": "dimgray", "linewidth": 1.2}   # not a blue: in notebook 01 the blue bars lie over it
# Half of a 95% interval in standard errors. Quasi-random estimates have few point sets, 16: Student's t (see notebook 04).
WIDTHS = {"plain": 1.96, "stratified": 1.96, "quasi-random": student.ppf(0.975, 15)}
DRAWS = 40   # the most intervals that the demo of notebook 04 draws
WAVE = {"color": SKY, "linewidth": 1.2}


STRIPES, AT = 9.0, 0.35   # of notebook 00's scene: frequency in rad per local unit; the centre of the pixel, in a dark stripe


def _over_stripes():
    fig, axes = figures.panels(columns=2, height=4.2, width_ratios=[3, 2])
    ax, colours = axes[0]
    large = {"fontsize": 13}   # since the notebook also shows it at half the size
    x = np.linspace(-2.2, 2.2, 881)
    light = {"cmap": "gray", "vmin": 0, "vmax": 1}
    ax.imshow(0.5 + 0.5 * np.cos(STRIPES * x)[None].repeat(2, 0), **light, extent=(-2.2, 2.2, 2.2, -2.2))
    ax.set(xlim=(-2.2, 2.2), ylim=(2.2, -2.2), aspect="equal", xticks=range(-2, 3), yticks=range(-2, 3))
    ax.set_xlabel("x, local units", **large)
    ax.set_ylabel("y, local units", **large)
    ax.set_title("blue: an LR pixel, [-1, 1]²\norange: the pixel asked for", **large)
    ax.tick_params(labelsize=12)
    ax.grid(False)
    colours.set(xlim=(0, 1), ylim=(2, 0), xticks=[], yticks=[])
    colours.set_title("colour of the\norange pixel", **large)
    colours.grid(False)
    return fig, axes


@scene(_over_stripes)
def footprint(axes, scale: float) -> None:
    """Notebook 00: a pixel of this scale over stripes, the colour of its centre, and the mean colour over its area."""
    ax, colours = axes[0]
    c, r = AT, 1 / scale
    ax.add_patch(Rectangle((-1, -1), 2, 2, **LR_PIXEL))
    ax.add_patch(Rectangle((c - r, c - r), 2 * r, 2 * r, fill=False, edgecolor=ORANGE, linewidth=4))
    ax.plot([c], [c], **DOT)
    for level, (name, colour) in enumerate(_stripe_colours(scale).items()):
        colours.add_patch(Rectangle((0, level), 1, 1, facecolor=str(colour)))
        ink = "white" if colour < 0.5 else BLACK
        colours.text(0.5, level + 0.5, f"{name}\n{colour:.2f}", ha="center", va="center", color=ink, fontsize=14)


def footprint_readout(scale: float) -> str:
    at, mean = _stripe_colours(scale).values()
    return f"scale s = {scale:.2f}   radius r = {1 / scale:.3f}   at the centre {at:.2f}   mean over the pixel {mean:.2f}"


def _stripe_colours(scale: float) -> dict[str, float]:
    """Brightness of the stripes at the centre of the pixel, and its mean over the pixel, in [0, 1]."""
    wave = np.cos(STRIPES * AT)
    return {"at the centre": 0.5 + 0.5 * wave, "mean over the pixel": 0.5 + 0.5 * wave * np.sinc(STRIPES / scale / np.pi)}


ROW = 48   # HR pixels


def _along_a_row():
    fig, axes = figures.panels(height=3.3)
    ax = axes[0, 0]
    ax.set(ylim=(-1.25, 2.25), xlim=(0, ROW), yticks=(-1, 0, 1))
    ax.set_xlabel("position, HR pixels", fontsize=13)   # large, since the notebook also shows it at half the size
    ax.set_ylabel("brightness", fontsize=13)
    ax.tick_params(labelsize=12)
    ax.grid(False)
    ax.plot([], [], **SCENE, label="the scene")
    ax.plot([], [], **CENTRE, label="points: values at centres")
    ax.stairs([0], [0, 1], **AREA, label="areas: means over pixels")
    ax.plot([], [], **IMPOSTOR, label="what the points look like")
    ax.legend(loc="upper center", ncols=2, fontsize=12, columnspacing=2)
    return fig, axes


@scene(_along_a_row)
def aliasing(axes, frequency: float, scale: int) -> None:
    """Notebook 01: a wave, sampled by LR pixels that are `scale` HR pixels wide.   frequency: cycles per HR pixel."""
    ax = axes[0, 0]
    x = np.linspace(0, ROW, 40 * ROW + 1)
    edges = np.arange(0, ROW + scale, scale)
    lr = edges[:-1] + scale / 2
    point = np.cos(2 * np.pi * frequency * lr)
    ax.vlines(edges, -1.25, 1.25, **BORDER)
    ax.plot(x, np.cos(2 * np.pi * frequency * x), **SCENE)
    if abs(_alias(frequency, scale) - frequency) > 1e-9:
        phase = 2 * np.pi * (frequency - np.round(frequency * scale) / scale)
        ax.plot(x, np.cos(phase * (x - lr[0]) + 2 * np.pi * frequency * lr[0]), **IMPOSTOR)
    ax.plot(lr, point, **CENTRE, markersize=6)
    ax.stairs(point * np.sinc(frequency * scale), edges, **AREA)


def aliasing_readout(frequency: float, scale: int) -> str:
    kept = np.sinc(frequency * scale)
    return (f"limit of the LR grid: {0.5 / scale:.3f} cycles per HR pixel   "
            f"point samples look like {_alias(frequency, scale):.3f}   the area mean keeps {kept:+.3f} of the amplitude")


def _alias(frequency: float, scale: int) -> float:
    """The frequency that point samples of a wave seem to have, cycles per HR pixel."""
    return abs(frequency - np.round(frequency * scale) / scale)


def plates(scene: np.ndarray, point: np.ndarray, area: np.ndarray) -> Figure:
    """Notebook 01: a zone plate (1024, 1024), and beside it its point samples and its pixel means, both (64, 64).

    A square marks the limit of the LR grid: at 1/4 of the size it is a quarter as wide as the plate. Every pixel covers a
    whole number of stored dots. Otherwise the drawing itself would add false rings.
    """
    wide, high, top = figures.WIDTH * figures.DPI, 1074, 1024   # in dots; the first row of titles is above `top`
    fig = Figure(figsize=(figures.WIDTH, high / figures.DPI))
    shown = {"the scene": (scene, 0, 0, 1024), "point samples, 1/4": (point, wide - 448, top - 448, 448),
             "pixel means, 1/4": (area, wide - 448, 0, 448)}
    for title, (picture, x, y, edge) in shown.items():
        ax = fig.add_axes((x / wide, y / high, edge / wide, edge / high))
        ax.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        ax.add_patch(Rectangle((3 / 8, 3 / 8), 1 / 4, 1 / 4, transform=ax.transAxes, **LIMIT))
        ax.set_title(title)
        ax.axis("off")
    return fig


def colours_by_size(widths: np.ndarray, curves: dict[str, Sequence[float]], periods: dict[str, float]) -> Figure:
    """Notebook 01: colours at some places, against the width of the pixel, and against it in periods of the waves there.

    curves: place -> its colour for each width (N,).   periods: of those places that have waves, in HR pixels like the widths.
    """
    fig, axes = figures.panels(columns=2, height=3.2, sharey=True)
    in_pixels, in_periods = axes[0]
    figures.plot_lines(in_pixels, widths, curves)
    for line in in_pixels.get_lines():
        if period := periods.get(line.get_label()):
            in_periods.plot(widths / period, line.get_ydata(), color=line.get_color(), linestyle=line.get_linestyle())
    for whole in (1, 2, 3):
        in_periods.axvline(whole, **BORDER)
    in_pixels.set(xlabel="width of the pixel, HR pixels", ylabel="its colour (1 is white)", title="larger and larger pixels")
    in_periods.set(xlabel="width of the pixel, local periods", xlim=(0, 5), title="the same, in periods of the waves there")
    return fig


def _estimates_and_the_truth():
    fig, axes = figures.panels(columns=2, height=3.4, width_ratios=[3, 4])
    left, right = axes[0]
    left.set(xlabel="x in the pixel", ylabel="sin(8 x)", title="the last estimate", xlim=(-0.65, 1.45), ylim=(-1.15, 1.75))
    left.plot([], [], **WAVE, label="the wave over the pixel")
    left.plot([], [], **CLOSED_FORM, label="closed form: its mean")
    left.plot([], [], **ESTIMATE, label="estimate")
    left.fill([], [], **INTERVAL, label="95% interval")
    left.legend(fontsize=8, loc="upper center", ncols=2, columnspacing=1)
    right.set(xlabel="error, in standard errors", yticks=[], xlim=(-6, 6), ylim=(-1, 1.2 * DRAWS), title="all intervals so far")
    right.plot([0, 0], [-1, DRAWS], **CLOSED_FORM)   # ends below the legend
    right.plot([], [], color=BLUE, label="contains the truth")
    right.plot([], [], color=RED, linestyle=":", label="misses it")
    right.legend(fontsize=8, loc="upper center", ncols=2)
    return fig, axes


@scene(_estimates_and_the_truth)
def sampling(axes, draw: int, log2_samples: int, radius: float, sampler: str) -> None:
    """Notebook 04: estimate number `draw` of E[sin(w x)] with its 95% interval, and the intervals of all draws up to it."""
    left, right = axes[0]
    centre, w, truth = _mean_of_wave(radius)
    x = np.linspace(centre - radius, centre + radius, 400)
    left.plot(x, np.sin(w * x), **WAVE)
    mean, error = _estimate(draw, radius, 2**log2_samples, sampler)
    half = WIDTHS[sampler]
    left.axhspan(mean - half * error, mean + half * error, **INTERVAL)
    left.axhline(mean, **ESTIMATE)
    left.axhline(truth, **CLOSED_FORM)
    for number in range(1, draw + 1):
        z = _score(number, radius, 2**log2_samples, sampler)
        missed = abs(z) > half
        look = {"color": RED, "linestyle": ":"} if missed else {"color": BLUE}
        right.plot([z - half, z + half], [number - 1] * 2, **look, linewidth=1.6)


def sampling_readout(draw: int, log2_samples: int, radius: float, sampler: str) -> str:
    scores = [_score(number, radius, 2**log2_samples, sampler) for number in range(1, draw + 1)]
    missed = sum(abs(z) > WIDTHS[sampler] for z in scores)
    mean, error = _estimate(draw, radius, 2**log2_samples, sampler)
    return (f"{2**log2_samples} {sampler} samples   error {mean - _mean_of_wave(radius)[2]:+.2e}   standard error {error:.2e}"
            f"   {missed} of {draw} intervals miss")


def _mean_of_wave(radius: float) -> tuple[float, float, float]:
    """Centre and frequency of notebook 04's wave, and its mean over a pixel of this radius."""
    c, r, w = (torch.tensor([v], dtype=torch.float64) for v in (0.4, radius, 8.0))
    return c.item(), w.item(), encodings.integrated(c, r, w)[0].item()


def _score(draw: int, radius: float, samples: int, sampler: str) -> float:
    """How many standard errors an estimate lies from the truth."""
    mean, error = _estimate(draw, radius, samples, sampler)
    return (mean - _mean_of_wave(radius)[2]) / error


@functools.lru_cache(maxsize=4096)
def _estimate(draw: int, radius: float, samples: int, sampler: str) -> tuple[float, float]:
    """Mean and standard error.   draw: the seed, so that every draw is another one and the same again."""
    c, r, w = (torch.tensor([v], dtype=torch.float64) for v in (0.4, radius, 8.0))
    estimate = encodings.monte_carlo(c, r, w, samples, sampler, generator=torch.Generator().manual_seed(draw))
    return estimate.mean[0].item(), estimate.standard_error[0].item()
