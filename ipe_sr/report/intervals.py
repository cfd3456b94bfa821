"""How sure a mean is: over trainings (seeds) on the same pictures, and over other pictures as well.

Scores are (S, I): every seed was scored on the same pictures, so seeds and pictures cross; none is nested in the other.
With three to five seeds the percentiles of a bootstrap are too narrow (about 0.75 of them hold the truth where 0.95
should), so the intervals are Student's, from the two-way layout (Searle, Casella, McCulloch, Variance Components, 1992).
The bootstrap answers the other question: how often one method stays ahead of another when seeds and pictures are drawn anew.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95
POWER = 0.8    # `runs_needed`: how often a sweep of that size would see the effect
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """Covers the true value in `LEVEL` of all repetitions, for normal scores."""

    low: float
    high: float

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2

    @property
    def sign(self) -> int:
        """1 if all of it lies above zero, -1 if below, 0 if it holds zero."""
        return int(self.low > 0) - int(self.high < 0)


@dataclass(frozen=True)
class Estimate:
    """mean: over all seeds and pictures.   seeds: what other trainings would give on these pictures.   both: what other
    trainings would give on other pictures of the kind, never narrower than `seeds`. None: too few of them to know."""

    mean: float
    seeds: Interval | None
    both: Interval | None


@dataclass(frozen=True)
class Difference(Estimate):
    """above: share of resamples in which the first method is ahead, ties counted half; None below two seeds.
    deviation: of the difference from seed to seed, in the scores' unit; None below two seeds."""

    above: float | None
    deviation: float | None


def estimate(scores: ArrayLike) -> Estimate:
    """scores: (S, I), finite or infinite (equal pictures have no finite PSNR, and then there is no interval)."""
    scores = _table(scores)
    mean = float(scores.mean())
    if not math.isfinite(mean):
        return Estimate(mean, None, None)
    seeds, both = _over_seeds(scores), _over_both(scores)
    if both and both.half < seeds.half:   # pictures bring degrees of freedom; yet who says more cannot be surer of it
        both = seeds
    return Estimate(mean, seeds, both)


def compare(first: ArrayLike, second: ArrayLike, seed: int = 0) -> Difference:
    """first - second, both (S, I) with the same seeds and pictures in the same order; finite.

    Seeds pair as well as pictures: trainings of one seed see the same batches. Raises ValueError for other shapes.
    """
    first, second = _table(first), _table(second)
    if first.shape != second.shape:
        raise ValueError(f"the scores are not paired: {first.shape} and {second.shape}")
    d = first - second
    plain = estimate(d)
    if len(d) < 2:
        return Difference(plain.mean, None, None, None, None)
    means = bootstrap(d, np.random.default_rng(seed))
    above = float((means > 0).mean() + (means == 0).mean() / 2)
    return Difference(plain.mean, plain.seeds, plain.both, above, deviation(d))


def over_pictures(differences: ArrayLike) -> tuple[float, Interval]:
    """The mean of one training's paired differences, and what it would be on other pictures of the kind (Student's t).

    differences: (I,), two or more, finite.
    """
    d = np.asarray(differences, float)
    if d.ndim != 1 or len(d) < 2:
        raise ValueError(f"differences must be (pictures,), two or more; got shape {d.shape}")
    return float(d.mean()), _student(d.mean(), d.var(ddof=1) / len(d), len(d) - 1)


def bootstrap(scores: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(RESAMPLES,) means of tables whose seeds and pictures were drawn with replacement, independently of each other
    (Owen, The pigeonhole bootstrap, 2007: the form for crossed samples)."""
    weights = [rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n for n in scores.shape]   # (R, S) and (R, I)
    return ((weights[0] @ scores) * weights[1]).sum(1)


def deviation(scores: ArrayLike) -> float:
    """Standard deviation from seed to seed of the mean over the pictures. Needs two seeds."""
    return float(_table(scores).mean(1).std(ddof=1))


def deviation_limits(deviation: float, seeds: int) -> Interval:
    """What that standard deviation may truly be: the chi-square interval of an estimate from so many seeds (2 or more)."""
    freedom = seeds - 1
    tails = stats.chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], freedom)
    return Interval(*(float(deviation * math.sqrt(freedom / tail)) for tail in tails))


def runs_needed(deviation: float, effect: float = 0.05) -> int:
    """Seeds a method so that a true difference of `effect` shows, its interval above zero, with probability `POWER`.

    deviation: of the paired difference from seed to seed.   At least 2; the pictures stay the same.
    """
    def reach(n: int) -> float:
        return float(sum(stats.t.ppf([(1 + LEVEL) / 2, POWER], n - 1))) * deviation / math.sqrt(n)

    n = max(2, math.floor((float(sum(stats.norm.ppf([(1 + LEVEL) / 2, POWER]))) * deviation / effect) ** 2))
    while reach(n) > effect:   # few steps: Student's t needs little more than the normal distribution
        n += 1
    return n


def _table(scores: ArrayLike) -> np.ndarray:
    scores = np.asarray(scores, float)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores must be (seeds, pictures), got shape {scores.shape}")
    return scores


def _over_seeds(scores: np.ndarray) -> Interval | None:
    """Student's t on the seeds' means."""
    seeds = len(scores)
    return _student(scores.mean(), deviation(scores) ** 2 / seeds, seeds - 1) if seeds > 1 else None


def _over_both(scores: np.ndarray) -> Interval | None:
    """Seeds and pictures both as samples: y = mean + seed + picture + rest, with Satterthwaite's degrees of freedom.

    The variance of the mean is (MS_seed + MS_picture - MS_rest) / (S I), and never taken as less than that which seeds
    or pictures alone give.
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
    half = stats.t.ppf((1 + LEVEL) / 2, freedom) * math.sqrt(variance)
    return Interval(float(mean - half), float(mean + half))
