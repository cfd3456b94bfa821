"""The demo of notebook 02: an infinitely wide network learns a signal from samples. Its input is the PE of a point."""

import functools
from typing import NamedTuple

import torch
from torch import Tensor

from ipe_sr import figures
from ipe_sr.demos.scenes import scene
from ipe_sr.encodings import octaves, positional
from ipe_sr.figures import BLACK, BLUE, RED

SAMPLES = 33
FIT = {"color": BLUE, "linewidth": 0.9}   # thin: with many frequencies it jumps
KNOWN = {"color": BLACK, "marker": "o", "markersize": 4, "linestyle": "none"}
TRUTH = {"color": RED, "linestyle": ":", "linewidth": 2.0}


def signal(x: Tensor) -> Tensor:
    """Three waves of falling amplitude. `SAMPLES` samples over [-1, 1] are more than enough for the finest one."""
    return 0.6 * torch.sin(2 * x) + 0.3 * torch.sin(9 * x + 1) + 0.15 * torch.sin(23 * x)


def similarity(x: Tensor, y: Tensor, frequencies: Tensor) -> Tensor:
    """Cosine of the angle between the PEs of two points: the mean of cos(w (x - y)) over w.   (N,), (M,) -> (N, M)."""
    return positional(x[:, None], frequencies) @ positional(y[:, None], frequencies).T / len(frequencies)


def wide_network(similarity: Tensor) -> Tensor:
    """Neural tangent kernel of a ReLU network with one wide hidden layer, for inputs of equal length. It is 2 at similarity 1.

    Jacot et al., arXiv 1806.07572; Cho and Saul, NeurIPS 2009.   similarity: cosine of the angle between two inputs.
    """
    cosine = similarity.clamp(-1, 1)
    share = 1 - torch.arccos(cosine) / torch.pi
    return 2 * cosine * share + (1 - cosine.square()).sqrt() / torch.pi


def descend(kernel: Tensor, cross: Tensor, values: Tensor, steps: int) -> Tensor:
    """The predictions after `steps` steps of gradient descent on the squared error, started at 0.

    The learning rate is 1 / the largest eigenvalue of the kernel.

    kernel: (N, N), among the samples.   cross: (M, N), between other points and the samples.   values: (N,), at the samples.
    Returns (M,), at the other points.
    """
    rates, directions = torch.linalg.eigh(kernel)
    learned = (1 - (1 - rates / rates[-1]) ** steps) / rates.clamp(min=1e-12 * rates[-1])
    return cross @ directions @ (learned * (directions.T @ values))


class Fit(NamedTuple):
    """x, truth, fitted: (M,) over [-1, 1].   at, known: (N,), the samples.   error: RMS, at the samples and between them."""

    x: Tensor
    truth: Tensor
    fitted: Tensor
    at: Tensor
    known: Tensor
    error: tuple[float, float]


@functools.lru_cache(maxsize=1)   # the picture and its readout need the same fit
def fit(frequencies: int, steps: int) -> Fit:
    """Learn the signal from its samples. The PE has this many frequencies."""
    w = octaves(frequencies, dtype=torch.float64)
    at = torch.linspace(-1, 1, SAMPLES, dtype=torch.float64)
    x = torch.linspace(-1, 1, 16 * (SAMPLES - 1) + 1, dtype=torch.float64)
    kernel, cross = (wide_network(similarity(points, at, w)) for points in (at, x))
    truth, known = signal(x), signal(at)
    fitted = descend(kernel, cross, known, steps)
    wrong = (fitted - truth).square()
    between = torch.arange(len(x)) % 16 == 8
    return Fit(x, truth, fitted, at, known, (wrong[::16].mean().sqrt().item(), wrong[between].mean().sqrt().item()))


def _kernel_and_fit():
    fig, axes = figures.panels(columns=2, height=3.3, width_ratios=[2, 3])
    left, right = axes[0]
    left.set(xlabel="distance of two points", ylabel="similarity", xlim=(-1, 1), ylim=(-0.6, 1.1),
             title="how alike two encodings are")
    right.set(xlabel="x", ylabel="signal", xlim=(-1, 1), ylim=(-1.25, 1.7), title="what is learnt from the samples",
              xticks=[-1, -0.5, 0, 0.5, 1])
    right.plot([], [], **KNOWN, label="samples")
    right.plot([], [], **TRUTH, label="truth")
    right.plot([], [], **FIT, label="fit")
    right.legend(loc="upper center", ncols=3, fontsize=9)
    return fig, axes


@scene(_kernel_and_fit)
def spectral_bias(axes, frequencies: int, log2_steps: int) -> None:
    """Notebook 02: the kernel of an encoding, and what gradient descent learns with it from samples of a signal."""
    left, right = axes[0]
    result = fit(frequencies, 2**log2_steps)
    distance = torch.linspace(-1, 1, 1501, dtype=torch.float64)
    left.plot(distance, similarity(distance, distance.new_zeros(1), octaves(frequencies, dtype=torch.float64)), **FIT)
    right.plot(result.x, result.fitted, **FIT)
    right.plot(result.x, result.truth, **TRUTH)   # above the fit, which would hide it
    right.plot(result.at, result.known, **KNOWN)


def spectral_bias_readout(frequencies: int, log2_steps: int) -> str:
    at, between = fit(frequencies, 2**log2_steps).error
    finest = 2.0 ** (frequencies - 1)
    return (f"{2**log2_steps} steps   finest wave: {torch.pi * (SAMPLES - 1) / (2 * finest):.3g} samples per half period"
            f"   RMS error at the samples {at:.3f}, between them {between:.3f}")
