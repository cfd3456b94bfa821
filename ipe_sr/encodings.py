"""Positional encodings of a point, of an area in closed form, and of an area by sampling.

All return (..., 2 * D * L): the sines of axis 0, of axis 1, ..., then the cosines in the same order; each with its L
frequencies in the order given. They work in the dtype and on the device of their input and are differentiable, at
radius 0 too. Lengths are in local units: a low-resolution pixel is 2 wide (see `grids`).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

CONVENTIONS = {"mip-nerf": (1.0, 1.0), "nerf": (math.pi, 1.0), "half-octaves": (0.5, 0.5)}   # lowest; octaves to the next
SAMPLERS = ("plain", "stratified", "quasi-random")


def octaves(
    count: int, convention: str = "mip-nerf", *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """The angular frequencies w_k of Eq. 3, k = 0 .. count - 1: (count,), in rad per unit.

    convention: "mip-nerf" gives 2^k (arXiv 2103.13415), "nerf" 2^k pi (arXiv 2003.08934), "half-octaves" our 2^(k/2 - 1).
    Raises ValueError for an unknown convention or a negative count.
    """
    if convention not in CONVENTIONS:
        raise ValueError(f"convention {convention!r} is unknown: use one of {', '.join(CONVENTIONS)}")
    if count < 0:
        raise ValueError(f"count must not be negative, got {count}")
    lowest, interval = CONVENTIONS[convention]
    exponents = interval * torch.arange(count, dtype=torch.float64)
    return (lowest * 2.0**exponents).to(dtype=dtype or torch.get_default_dtype(), device=device)


# The transform of each shape of pixel, as a function of t = w r: the factor by which a pixel of radius r damps a wave of
# frequency w. All shapes are symmetric, so the transform of a density p is the integral of p(x) cos(w x) dx.
#
# box       density 1 / (2 r) on [-r, r]:  [sin(w x) / (2 r w)] from -r to r  =  sin(t) / t.
# tent      the box of radius r / 2 convolved with itself, base [-r, r]: the square of that box's transform.
# gaussian  the normal distribution of variance r^2 / 3, which is the box's variance: exp(-w^2 variance / 2).
# bicubic   the kernel k of bicubic reduction (Keys 1981, a = -1/2), stretched to pixels whose centres are 2 r apart:
#           density k(x / (2 r)) / (2 r), support [-4 r, 4 r]. Let b_n be the box of width 1 convolved n times with itself
#           (a B-spline), which the same stretch gives the transform (sin(t) / t)^(n + 1). On each of its pieces
#           k(x) = 3 b_3(x) - b_2(x - 1/2) - b_2(x + 1/2), and the two shifts make the factor 2 cos(t):
#           3 (sin(t) / t)^4 - 2 cos(t) (sin(t) / t)^3.


def box_damping(t: Tensor) -> Tensor:
    """sin(t) / t, and 1 at t = 0. It has the zeros t = n pi: whole periods average out."""
    return torch.sinc(t / math.pi)


def tent_damping(t: Tensor) -> Tensor:
    """(sin(t / 2) / (t / 2))^2: never negative, zeros at t = 2 n pi."""
    return box_damping(t / 2) ** 2


def gaussian_damping(t: Tensor) -> Tensor:
    """exp(-t^2 / 6): always positive, close to the box for small t (the difference is t^4 / 180), without side lobes."""
    return torch.exp(-(t**2) / 6)


def bicubic_damping(t: Tensor) -> Tensor:
    """(sin(t) / t)^3 (3 sin(t) / t - 2 cos(t)): flatter near 0 than all others (1 - t^4 / 5), triple zeros at t = n pi."""
    sinc = box_damping(t)
    return sinc**3 * (3 * sinc - 2 * t.cos())


Damping = Callable[[Tensor], Tensor]   # t = w r, any shape -> the factor, same shape
SHAPES: dict[str, Damping] = {
    "box": box_damping, "tent": tent_damping, "gaussian": gaussian_damping, "bicubic": bicubic_damping,
}


def damped(damping: Damping, centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) over a pixel whose shape is symmetric and has the transform `damping`.

    Shapes as in `integrated`. For an own shape of pixel: `ENCODINGS["name"] = functools.partial(damped, its_damping)`.
    """
    phase = centre[..., None] * frequencies                                        # (..., D, L)
    factor = damping(radius[..., None] * frequencies)                              # (..., D, L)
    return _join(phase.sin() * factor, phase.cos() * factor)


def coordinate(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The centre itself: (..., D). It has no waves, and does not depend on the radius."""
    return centre


def positional(position: Tensor, frequencies: Tensor) -> Tensor:
    """sin(w x) and cos(w x) of a point (Eq. 3).   position: (..., D).   Returns (..., 2 * D * L), in [-1, 1]."""
    phase = position[..., None] * frequencies                                      # (..., D, L)
    return _join(phase.sin(), phase.cos())


def _positional_of_centre(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    return positional(centre, frequencies)


def integrated(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) over the pixel [centre - radius, centre + radius]: the box (Eqs. 4-6).

    centre, radius: (..., D), local units, broadcast against each other; each axis has its own radius.   frequencies: (L,),
    rad per unit.   Returns (..., 2 * D * L), in [-1, 1]. radius = 0 gives `positional`; w * radius = n pi gives 0.
    The product form keeps its relative precision where the difference of antiderivatives cancels.
    """
    return damped(box_damping, centre, radius, frequencies)


def tent(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The same under a tent: weight 0 at the edges centre - radius and centre + radius, highest at the centre.

    Twice the radius gives the pixel that antialiased *bilinear* reduction makes, whose tent reaches its neighbours' centres.
    """
    return damped(tent_damping, centre, radius, frequencies)


def gaussian(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The same under the normal distribution with the box's mean and variance, radius^2 / 3.

    This is what mip-NeRF (arXiv 2103.13415, Eq. 14) would do with a pixel.
    """
    return damped(gaussian_damping, centre, radius, frequencies)


def bicubic(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The same under the kernel of bicubic reduction (`imaging.resample.cubic`), stretched to pixels 2 * radius apart.

    A picture that bicubic reduction made has such pixels. They overlap: the kernel reaches 4 * radius from the centre, with
    negative weights beyond 2 * radius.
    """
    return damped(bicubic_damping, centre, radius, frequencies)


def gauss_legendre(centre: Tensor, radius: Tensor, frequencies: Tensor, nodes: int) -> Tensor:
    """The pixel's mean by Gauss-Legendre quadrature with `nodes` nodes an axis: exact once nodes > w r / 2 or so."""
    at, weights = np.polynomial.legendre.leggauss(nodes)
    at, weights = (torch.as_tensor(a, dtype=centre.dtype, device=centre.device) for a in (at, weights / 2))
    points = centre[..., None, :] + radius[..., None, :] * at[:, None]             # (..., N, D)
    return (positional(points, frequencies) * weights[:, None]).sum(-2)


class MonteCarloEstimate(NamedTuple):
    """A Monte Carlo estimate and its standard error, both (..., 2 * D * L)."""

    mean: Tensor
    standard_error: Tensor


def monte_carlo(
    centre: Tensor,
    radius: Tensor,
    frequencies: Tensor,
    samples: int,
    sampler: str = "plain",
    *,
    generator: torch.Generator | None = None,
    replicates: int = 16,
) -> MonteCarloEstimate:
    """The pixel's mean of sin(w x) and cos(w x) from random points, with an honest standard error.

    samples: points for each pixel, shared by all pixels of the call (so pixels are correlated, moments are not).
    "plain" draws independent points: error ~ samples^-1/2. "stratified" draws two points in each of samples / 2 equal
    strata of every axis, strata paired at random across axes: ~ samples^-3/2; its standard error comes from the pairs
    (with more than one axis each axis is still stratified: the functions here depend on one axis each).
    "quasi-random" averages `replicates` independently scrambled Sobol sets of samples / replicates points; the
    standard error is that of the replicates (replicates - 1 degrees of freedom).
    Raises ValueError for an unknown sampler or a number of samples that the sampler cannot divide up.
    """
    centre, radius = torch.broadcast_tensors(centre, radius)
    axes = centre.shape[-1]
    like = {"dtype": centre.dtype, "device": centre.device}
    if sampler == "plain":
        groups = _require_multiple(samples, 1, sampler, at_least=2)
        unit = torch.rand(groups, 1, axes, generator=generator, **like)
    elif sampler == "stratified":
        groups = _require_multiple(samples, 2, sampler)
        jitter = torch.rand(groups, 2, axes, generator=generator, **like)
        stratum = torch.stack([torch.randperm(groups, generator=generator, device=centre.device) for _ in range(axes)], -1)
        unit = (stratum[:, None] + jitter) / groups
    elif sampler == "quasi-random":
        each = _require_multiple(samples, replicates, sampler)
        seeds = torch.randint(2**31, (replicates,), generator=generator).tolist()
        engines = [torch.quasirandom.SobolEngine(axes, scramble=True, seed=seed) for seed in seeds]
        unit = torch.stack([engine.draw(each, dtype=torch.float64) for engine in engines]).to(**like)
    else:
        raise ValueError(f"sampler {sampler!r} is unknown: use one of {', '.join(SAMPLERS)}")

    points = centre[..., None, None, :] + radius[..., None, None, :] * (2 * unit - 1)   # (..., groups, each, D)
    values = positional(points, frequencies)                                            # (..., groups, each, 2DL)
    mean = values.mean((-3, -2))
    # A pair of draws estimates the variance within its stratum; elsewhere the groups are draws of one distribution.
    pairs = sampler == "stratified"
    variance = values.var(-2).mean(-2) / samples if pairs else values.mean(-2).var(-2) / len(unit)
    return MonteCarloEstimate(mean, variance.sqrt())


def _require_multiple(samples: int, of: int, sampler: str, at_least: int = 1) -> int:
    if samples < at_least or samples < of or samples % of:
        raise ValueError(f"the {sampler} sampler needs a positive multiple of {max(of, at_least)} samples, got {samples}")
    return samples // of


def _join(sines: Tensor, cosines: Tensor) -> Tensor:
    return torch.cat([sines, cosines], -2).flatten(-2)                             # (..., 2D, L) -> (..., 2DL)


Encoding = Callable[[Tensor, Tensor, Tensor], Tensor]   # see `ENCODINGS`

# What a model may be told about a pixel. A new encoding is one more entry, here or from another module:
# `encodings.ENCODINGS["name"] = function`. The contract of function(centre, radius, frequencies) -> (..., width):
# - centre: (..., D), radius: broadcasts to centre, both local units; frequencies: (L,), rad per unit, possibly of length 0.
# - The width depends on D and L alone. The dtype and device are the centre's; gradients are finite, at radius 0 too.
# - The axes are separate: f(y, x) = f(y, 0) + f(0, x) - f(0, 0) for one radius. The fast form of the models relies on this.
ENCODINGS: dict[str, Encoding] = {
    "coordinate": coordinate,
    "positional": _positional_of_centre,
    "integrated": integrated,
    "tent": tent,
    "gaussian": gaussian,
    "bicubic": bicubic,
}


def width(encoding: str, axes: int, frequencies: int) -> int:
    """How many numbers a named encoding makes of a pixel with so many axes, from so many frequencies."""
    nothing = torch.zeros(axes)
    return ENCODINGS[encoding](nothing, nothing, torch.zeros(frequencies)).shape[-1]
