"""Positional encodings of a point, of an area in closed form, and of an area by sampling.

All return (..., 2 * D * L): the sines of axis 0, of axis 1, ..., then the cosines in the same order; each with its L
frequencies in the order given. They work in the dtype and on the device of their input and are differentiable, at
radius 0 too. Lengths are in local units: a low-resolution pixel is 2 wide (see `grids`).
"""

import math
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


def positional(position: Tensor, frequencies: Tensor) -> Tensor:
    """sin(w x) and cos(w x) of a point (Eq. 3).   position: (..., D).   Returns (..., 2 * D * L), in [-1, 1]."""
    phase = position[..., None] * frequencies                                      # (..., D, L)
    return _join(phase.sin(), phase.cos())


def integrated(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) over the pixel [centre - radius, centre + radius] (Eqs. 4-6).

    centre, radius: (..., D), broadcast against each other; each axis has its own radius.   frequencies: (L,).
    Returns (..., 2 * D * L). radius = 0 gives `positional`; w * radius = n pi gives 0, whole periods average out.
    The product form keeps its relative precision where the difference of antiderivatives cancels.
    """
    phase = centre[..., None] * frequencies                                        # (..., D, L)
    damping = torch.sinc(radius[..., None] * frequencies / math.pi)                # sin(w r) / (w r), 1 at 0
    return _join(phase.sin() * damping, phase.cos() * damping)


def gaussian(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """Mean of sin(w x) and cos(w x) under the normal distribution with the pixel's mean and variance r^2 / 3.

    What mip-NeRF (arXiv 2103.13415, Eq. 14) would do with a pixel. Shapes as in `integrated`. Never negative damping:
    it agrees with the pixel's integral to (w r)^4 / 180 and misses its side lobes.
    """
    phase = centre[..., None] * frequencies                                        # (..., D, L)
    damping = torch.exp(-((radius[..., None] * frequencies) ** 2) / 6)             # exp(-w^2 var / 2)
    return _join(phase.sin() * damping, phase.cos() * damping)


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
