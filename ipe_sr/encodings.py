"""Encodings of a pixel: of its centre, or of its area in closed form, by quadrature or by sampling.

An encoding by waves returns (..., 2 * D * L), for D axes and L frequencies w: sin(w x) of axis 0, of axis 1, ..., then
cos(w x) in the same order of axes; within each axis, the frequencies in the order given. All functions work in the dtype and
on the device of their input, and are differentiable, at radius 0 too.

Points x and radii are in local units, in which a low-resolution pixel is 2 wide (see `grids`). A pixel has a shape: a
density with which it weights its surroundings. In every shape `radius` means half the distance between the centres of
neighbouring pixels; the comment above `box_damping` says how far each shape reaches.
"""

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ipe_sr.errors import InputError

Damping = Callable[[Tensor], Tensor]                    # t = w r, any shape -> factor on the wave, the same shape
Encoding = Callable[[Tensor, Tensor, Tensor], Tensor]   # centre, radius, frequencies -> numbers; the contract: `ENCODINGS`
CONVENTIONS = {   # name -> the lowest frequency, and how many octaves the next one is higher
    "mip-nerf": (1.0, 1.0), "nerf": (math.pi, 1.0), "half-octaves": (0.5, 0.5),
}
SAMPLERS = ("plain", "stratified", "quasi-random")


def octaves(
    count: int, convention: str = "mip-nerf", *, dtype: torch.dtype | None = None, device: torch.device | None = None
) -> Tensor:
    """The angular frequencies w_k of Eq. 3, k = 0 .. count - 1: (count,), in rad per local unit, from low to high.

    convention: "mip-nerf" is 2^k (arXiv 2103.13415), "nerf" 2^k pi (arXiv 2003.08934), "half-octaves" 2^(k/2 - 1) (ours).
    dtype: torch's default if None. Raises InputError for an unknown convention or a negative count.
    """
    if convention not in CONVENTIONS:
        raise InputError(f"convention {convention!r} is unknown: use one of {', '.join(CONVENTIONS)}")
    if count < 0:
        raise InputError(f"count must be at least 0, got {count}")
    lowest, interval = CONVENTIONS[convention]
    exponents = interval * torch.arange(count, dtype=torch.float64)
    return (lowest * 2.0**exponents).to(dtype=dtype or torch.get_default_dtype(), device=device)


# The mean of a wave of frequency w under a symmetric density p around c is the wave at c times a factor, the damping:
# the integral of p(x) sin(w (c + x)) dx is sin(w c) times the integral of p(x) cos(w x) dx, and the same for the cosine.
# The damping is the Fourier transform of the shape. For a pixel of radius r it is a function of t = w r:
#
# box       1 / (2 r) on [-r, r]. Its integral of cos(w x) is sin(w r) / (w r) = sin(t) / t.
# tent      base [-r, r]: the box of radius r / 2 convolved with itself, so the square of that box's transform.
# gaussian  the normal distribution with the box's variance, r^2 / 3, on the whole axis: exp(-w^2 variance / 2).
# bicubic   the kernel k of bicubic reduction (Keys 1981, a = -1/2), whose unit is the distance 2 r between pixels:
#           k(x / (2 r)) / (2 r) on [-4 r, 4 r]. Let b_n be the B-spline of degree n, which is n + 1 boxes of width 1
#           convolved with one another; stretched alike, it has the transform (sin(t) / t)^(n + 1). On each piece,
#           k(x) = 3 b_3(x) - b_2(x - 1/2) - b_2(x + 1/2). The two shifts by r make the factor 2 cos(t), which gives
#           3 (sin(t) / t)^4 - 2 cos(t) (sin(t) / t)^3. Unlike the textbook form, this does not divide by t^2.
#
# Near t = 0, where sin(t) / t is flat, autograd's derivatives with respect to t keep about half the digits of their dtype.


def box_damping(t: Tensor) -> Tensor:
    """sin(t) / t, and 1 at t = 0. In [-0.22, 1], with zeros at t = n pi, where the pixel holds whole periods."""
    return torch.sinc(t / math.pi)


def tent_damping(t: Tensor) -> Tensor:
    """(sin(t / 2) / (t / 2))^2. In [0, 1], with double zeros at t = 2 n pi."""
    return box_damping(t / 2) ** 2


def gaussian_damping(t: Tensor) -> Tensor:
    """exp(-t^2 / 6). In [0, 1], without zeros; for small t it exceeds the box's damping by about t^4 / 180."""
    return torch.exp(-(t**2) / 6)


def bicubic_damping(t: Tensor) -> Tensor:
    """(sin(t) / t)^3 (3 sin(t) / t - 2 cos(t)). In [-0.006, 1], with triple zeros at t = n pi; 1 - t^4 / 5 for small t."""
    sinc = box_damping(t)
    return sinc**3 * (3 * sinc - 2 * t.cos())


def damped(damping: Damping, centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) over a pixel whose shape has this damping. Other arguments and result as `integrated`.

    The product of wave and damping keeps its relative precision where a difference of antiderivatives would cancel.
    """
    phase = centre[..., None] * frequencies                                        # (..., D, L)
    factor = damping(radius[..., None] * frequencies)                              # (..., D, L)
    return _join(phase.sin() * factor, phase.cos() * factor)


def coordinate(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The centre itself, (..., D), without waves. Neither the radius nor the frequencies matter."""
    return centre


def positional(position: Tensor, frequencies: Tensor) -> Tensor:
    """sin(w x) and cos(w x) at a point (Eq. 3).   position: (..., D).   Returns (..., 2 * D * L), in [-1, 1]."""
    phase = position[..., None] * frequencies                                      # (..., D, L)
    return _join(phase.sin(), phase.cos())


def integrated(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) over the box [centre - radius, centre + radius] (Eqs. 4-6).

    centre, radius: (..., D), in local units, broadcast against each other; each axis has its own radius.
    frequencies: (L,), in rad per local unit.   Returns (..., 2 * D * L), in [-1, 1].
    radius = 0 gives `positional`. Waves with w * radius = n pi give 0.
    """
    return damped(box_damping, centre, radius, frequencies)


def tent(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The same mean over a tent, whose weight falls linearly from the centre to 0 at centre - radius and centre + radius.

    Twice the radius gives the pixels of antialiased bilinear reduction: their tents reach the centres of their neighbours.
    """
    return damped(tent_damping, centre, radius, frequencies)


def gaussian(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The same mean under the normal distribution with the box's mean and variance, radius^2 / 3.

    This is mip-NeRF's encoding (arXiv 2103.13415, Eq. 14), applied to a pixel.
    """
    return damped(gaussian_damping, centre, radius, frequencies)


def bicubic(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """The same mean under the kernel of antialiased bicubic reduction (`imaging.resample.cubic`).

    The pixels of a picture that was made smaller by bicubic reduction have this shape. They overlap: the kernel reaches from
    centre - 4 * radius to centre + 4 * radius, and its weights are negative beyond 2 * radius.
    """
    return damped(bicubic_damping, centre, radius, frequencies)


def gauss_legendre(centre: Tensor, radius: Tensor, frequencies: Tensor, nodes: int) -> Tensor:
    """The value of `integrated` by Gauss-Legendre quadrature with `nodes` nodes for each axis.

    It converges quickly once nodes > w * radius / 2. One node gives `positional`. Other arguments and result as `integrated`.
    """
    at, weights = np.polynomial.legendre.leggauss(nodes)
    at, weights = (torch.as_tensor(a, dtype=centre.dtype, device=centre.device) for a in (at, weights / 2))
    points = centre[..., None, :] + radius[..., None, :] * at[:, None]             # (..., N, D)
    return (positional(points, frequencies) * weights[:, None]).sum(-2)            # (..., 2DL)


class MonteCarloEstimate(NamedTuple):
    """An estimate of `integrated` and its standard error, both (..., 2 * D * L)."""

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
    """An estimate of `integrated` from random points of the pixel, and the standard error of the estimate.

    samples: how many points. All pixels of a call share the same points, so their errors correlate.
    sampler: how the points are drawn.
    - "plain": independent points. The error falls as samples^-1/2.
    - "stratified": each axis has samples / 2 equal strata with two points in each; the strata of the axes are paired at
      random, which costs nothing here because every wave depends on one axis. The error falls as samples^-3/2. The standard
      error comes from the two points of each stratum.
    - "quasi-random": `replicates` independently scrambled Sobol sets of samples / replicates points. The standard error
      comes from the spread of the replicates' means, with replicates - 1 degrees of freedom.
    generator: source of the random numbers; torch's global one if None.   Other arguments as `integrated`.
    Raises ValueError for an unknown sampler or a number of samples that the sampler cannot divide evenly.
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
    # The two points of a stratum estimate the variance in it. With the other samplers, all groups have one distribution.
    pairs = sampler == "stratified"
    variance = values.var(-2).mean(-2) / samples if pairs else values.mean(-2).var(-2) / len(unit)
    return MonteCarloEstimate(mean, variance.sqrt())


def _require_multiple(samples: int, of: int, sampler: str, at_least: int = 1) -> int:
    if samples < at_least or samples < of or samples % of:
        raise ValueError(f"the {sampler} sampler needs a positive multiple of {max(of, at_least)} samples, got {samples}")
    return samples // of


def _join(sines: Tensor, cosines: Tensor) -> Tensor:
    return torch.cat([sines, cosines], -2).flatten(-2)                             # (..., 2D, L) -> (..., 2DL)


def _positional_of_centre(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    return positional(centre, frequencies)


# Name -> function(centre, radius, frequencies) -> (..., width), the encodings that a model's config may name. The contract:
# - centre: (..., D), local units.   radius: broadcasts to centre.   frequencies: (L,), rad per local unit; L may be 0.
# - The width depends on D and L alone. Dtype and device of the result are those of the centre.
# - Gradients are finite, at radius 0 too.
# - If every number depends on one axis alone, as here, so that f(y, x) = f(y, 0) + f(0, x) - f(0, 0) at each radius, models
#   render fast. Other encodings are possible, and slower.
ENCODINGS: dict[str, Encoding] = {
    "coordinate": coordinate,
    "positional": _positional_of_centre,
    "integrated": integrated,
    "tent": tent,
    "gaussian": gaussian,
    "bicubic": bicubic,
}
# Name of a pixel's shape -> its damping. The encoding has the same name, except that the box makes "integrated".
SHAPES: dict[str, Damping] = {
    "box": box_damping,
    "tent": tent_damping,
    "gaussian": gaussian_damping,
    "bicubic": bicubic_damping,
}


def register(name: str) -> Callable[[Encoding], Encoding]:
    """A decorator that adds a function to `ENCODINGS`, for use in a plugin. Raises InputError for a name that is taken.

        @encodings.register("distance")
        def distance(centre, radius, frequencies): ...
    """

    def add(encoding: Encoding) -> Encoding:
        _refuse_taken(name, encoding)
        ENCODINGS[name] = encoding
        return encoding

    return add


def register_shape(name: str) -> Callable[[Damping], Damping]:
    """A decorator that makes an encoding of a damping, in `ENCODINGS` and `SHAPES`. Raises InputError for a taken name.

    The damping is the Fourier transform of a symmetric density: a function of t = w r, 1 at t = 0, differentiable there.

        @encodings.register_shape("cosine")
        def cosine_damping(t): ...
    """

    def add(damping: Damping) -> Damping:
        _refuse_taken(name, damping)
        SHAPES[name] = damping
        ENCODINGS[name] = functools.partial(damped, damping)
        return damping

    return add


def _refuse_taken(name: str, function: Callable) -> None:
    """Raise InputError if another function has the name. The same function from a reloaded module may replace itself."""
    known = SHAPES.get(name) or ENCODINGS.get(name)
    if known and _origin(known) != _origin(function):
        raise InputError(f"encoding {name!r} is registered already, by {_origin(known)[0]}: choose another name")


def _origin(function: Callable) -> tuple[str, str]:
    return function.__module__, getattr(function, "__qualname__", repr(function))   # some callables have no such name
