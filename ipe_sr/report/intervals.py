"""Confidence intervals of mean scores: over trainings (seeds) on the same pictures, and over other pictures as well.

Scores are arrays of shape (S, I) for S seeds and I pictures. Every seed is scored on the same pictures, so seeds and pictures
are crossed: neither is nested in the other. With three to five seeds, percentile intervals of a bootstrap are too narrow: about
75% of them contain the true value, where 95% should. The intervals here are therefore Student's, from the two-way layout
(Searle, Casella, McCulloch, Variance Components, 1992). `bootstrap` is here because the notebooks compare both.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, stats

LEVEL = 0.95
POWER = 0.8    # see `runs_needed`
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """An interval that contains the true value in a share `LEVEL` of all repetitions, if scores are normal."""

    low: float
    high: float

    @property
    def half(self) -> float:
        """Half of the width."""
        return (self.high - self.low) / 2

    @property
    def sign(self) -> int:
        """1 if the interval lies above zero, -1 if it lies below zero, 0 if it contains zero."""
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class Estimate:
    """mean: over all seeds and pictures.   seeds: the interval for other trainings on the same pictures.   both: the interval
    for other trainings on other pictures of the same kind; it is never narrower than `seeds`. An interval is None if there
    are fewer than two seeds, or for `both` fewer than two pictures."""

    mean: float
    seeds: Interval | None
    both: Interval | None


@dataclass(frozen=True)
class Difference(Estimate):
    """deviation: the standard deviation of the difference from seed to seed, in the scores' unit; None if there are fewer than
    two seeds."""

    deviation: float | None


def estimate(scores: ArrayLike) -> Estimate:
    """The mean of scores (S, I) with its intervals. There are no intervals if a score is infinite, as the PSNR of equal
    pictures is."""
    scores = _table(scores)
    mean = float(scores.mean())
    if not math.isfinite(mean):
        return Estimate(mean, None, None)
    seeds, both = over_seeds(scores.mean(1))[0], _over_both(scores)
    if both and both.half < seeds.half:   # generalising to new pictures cannot narrow the interval
        both = seeds
    return Estimate(mean, seeds, both)


def compare(first: ArrayLike, second: ArrayLike) -> Difference:
    """The difference first - second. Both are finite, of shape (S, I), with the same seeds and pictures in the same order.

    Seeds are paired as well as pictures, because trainings with the same seed see the same batches. Raises ValueError if
    the shapes differ.
    """
    first, second = _table(first), _table(second)
    if first.shape != second.shape:
        raise ValueError(f"the scores are not paired: {first.shape} and {second.shape}")
    d = first - second
    plain = estimate(d)
    return Difference(plain.mean, plain.seeds, plain.both, deviation(d) if len(d) > 1 else None)


def over_pictures(differences: ArrayLike) -> tuple[float, Interval]:
    """The mean of one training's paired differences, and its interval for other pictures of the same kind (Student's t).

    differences: (I,), finite, at least two. Raises ValueError for another shape.
    """
    d = np.asarray(differences, float)
    if d.ndim != 1 or len(d) < 2:
        raise ValueError(f"differences must be (pictures,), two or more; got shape {d.shape}")
    return float(d.mean()), _student(d.mean(), d.var(ddof=1) / len(d), len(d) - 1)


def bootstrap(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The means of RESAMPLES tables whose seeds and pictures are drawn with replacement, independently: (RESAMPLES,).

    This is the form for crossed samples (Owen, The pigeonhole bootstrap, 2007).
    """
    weights = [rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n for n in scores.shape]   # (RESAMPLES, S) and (RESAMPLES, I)
    return ((weights[0] @ scores) * weights[1]).sum(1)


def deviation(scores: ArrayLike) -> float:
    """The standard deviation, from seed to seed, of the mean over pictures. Needs two seeds."""
    return float(_table(scores).mean(1).std(ddof=1))


def deviation_limits(deviation: float, seeds: int) -> Interval:
    """The chi-square interval of the true standard deviation, for an estimate from this many seeds (at least 2)."""
    freedom = seeds - 1
    tails = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], freedom)
    return Interval(*(float(deviation * math.sqrt(freedom / tail)) for tail in tails))


def runs_needed(deviation: float, effect: float = 0.05) -> int:
    """How many seeds each method needs, so that a true difference of `effect` gives an interval above zero with probability
    `POWER`. The pictures stay the same. The answer is at least 2.

    deviation: the standard deviation of the paired difference from seed to seed.
    """
    n = max(2, math.floor((float(sum(stats.norm.ppf([(1 + LEVEL) / 2, POWER]))) * deviation / effect) ** 2))
    while visible(deviation, n) > effect:   # few steps, because Student's t needs little more than the normal distribution
        n += 1
    return n


def visible(deviation: float, seeds: int, level: float = LEVEL) -> float:
    """The true difference that gives an interval of this level above zero with probability `POWER`.

    Exact for normal scores: the mean over its estimated standard error then has the noncentral t distribution (Student's t
    about the true difference over the true standard error), and the interval lies above zero where that exceeds t.
    deviation: the standard deviation of the paired difference from seed to seed.   seeds: of each method, at least 2.
    """
    t = stats.t.ppf((1 + level) / 2, seeds - 1)
    in_errors = optimize.brentq(lambda true: stats.nct.sf(t, seeds - 1, true) - POWER, 0, 2 * t + 5)
    return float(in_errors) * deviation / math.sqrt(seeds)


def over_seeds(means: ArrayLike) -> tuple[Interval | None, float | None]:
    """Student's interval of the mean of one number for each seed, and the two-sided p for a true mean of zero.

    means: (S,), finite, at least one. Both are None if there is one seed only.
    """
    means = np.asarray(means, float)
    if len(means) < 2:
        return None, None
    spread = float(means.std(ddof=1)) / math.sqrt(len(means))
    interval = _student(float(means.mean()), spread**2, len(means) - 1)
    if spread == 0:
        return interval, float(means.mean() == 0)
    return interval, float(2 * stats.t.sf(abs(means.mean()) / spread, len(means) - 1))


def holm(p: ArrayLike) -> np.ndarray:
    """The p values of n tests, (n,), corrected for their number (Holm 1979): below 0.05 where a difference is found, so that
    with a probability of 95% no difference is found that does not exist."""
    p = np.asarray(p, float)
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected


def _table(scores: ArrayLike) -> np.ndarray:
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores must be (seeds, pictures), got shape {scores.shape}")
    return scores


def _over_both(scores: np.ndarray) -> Interval | None:
    """The interval with both seeds and pictures as samples: score = mean + seed + picture + rest.

    The variance of the mean is (MS_seed + MS_picture - MS_rest) / (S I), where MS are the mean squares, with Satterthwaite's
    degrees of freedom. It is never taken as less than the variance that seeds alone or pictures alone give.
    """
    seeds, pictures = scores.shape
    if min(scores.shape) < 2:
        return None
    row, column = scores.mean(1, keepdims=True), scores.mean(0, keepdims=True)
    rest = scores - row - column + scores.mean()
    freedom = np.array([seeds - 1, pictures - 1, (seeds - 1) * (pictures - 1)])
    squares = np.array([pictures * row.var() * seeds, seeds * column.var() * pictures, (rest**2).sum()]) / freedom
    largest = int(squares[:2].argmax())
    total = squares[0] + squares[1] - squares[2]
    if total <= squares[largest]:
        return _student(scores.mean(), squares[largest] / scores.size, freedom[largest])
    satterthwaite = total**2 / (squares**2 / freedom).sum()
    return _student(scores.mean(), total / scores.size, max(satterthwaite, freedom[:2].min()))


def _student(mean: float, variance: float, freedom: float) -> Interval:
    low, high = np.multiply(stats.t.interval(LEVEL, freedom), math.sqrt(variance))
    return Interval(float(mean + low), float(mean + high))
