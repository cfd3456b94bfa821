"""Who is ahead of whom: paired differences between rows, what a sweep can resolve, which of the paper's claims it bears out."""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ipe_sr.report import intervals
from ipe_sr.report.intervals import Difference, Interval
from ipe_sr.report.results import Section, SeedScores
from ipe_sr.series.ledger import Claim

EFFECT = 0.05   # dB: what the paper's differences are like


@dataclass(frozen=True)
class Comparison:
    """first - second in dB, the mean over `scales`.   runs: how many seeds both have.   paper: the paper's, where it has
    both rows at all these scales."""

    first: str
    second: str
    scales: tuple[float, ...]
    runs: int
    difference: Difference
    paper: float | None


def compare(section: Section, first: str, second: str, scales: Sequence[float]) -> Comparison | None:
    """On the seeds that both have at all these scales; None where there are none, or a PSNR is infinite.

    What needs no training has the same scores with every seed.
    """
    sides = [[section.cells[row, scale].scores for scale in scales] for row in (first, second)]
    flat = [scores for side in sides for scores in side]
    if not scales or not all(scores and np.isfinite(scores.psnr).all() for scores in flat):
        return None
    trained = [set(scores.seeds) for scores in flat if scores.trained]
    seeds = sorted(set.intersection(*trained)) if trained else [0]
    if not seeds:
        return None
    psnr = [np.mean([_of_seeds(scores, seeds) for scores in side], axis=0) for side in sides]
    printed = [(section.figure(first, scale), section.figure(second, scale)) for scale in scales]
    paper = statistics.fmean(a.psnr - b.psnr for a, b in printed) if all(a and b for a, b in printed) else None
    return Comparison(first, second, tuple(scales), len(seeds), intervals.compare(*psnr), paper)


def pairs(section: Section) -> list[tuple[str, str]]:
    """Which rows to compare: those of which the paper says something, and each row that it does not have with every other,
    once."""
    table = section.table
    stated = [pair for pair in (*table.better, *table.alike) if set(pair) <= set(section.rows)] if table else []
    theirs = {label for block in table.blocks for label in block.rows} if table else set()
    ours = [pair for pair in itertools.combinations(section.rows, 2) if not set(pair) <= theirs]
    return stated + [pair[::-1] if pair[0] in theirs else pair for pair in ours]   # the new one first


def by_scale(section: Section) -> list[Comparison]:
    """Every pair at every scale that both have."""
    found = (compare(section, *pair, [scale]) for pair in pairs(section) for scale in section.scales)
    return [comparison for comparison in found if comparison]


def best(section: Section, scale: float) -> str | None:
    """The row that is ahead of every other one, by intervals over seeds that lie above zero; None if none is."""
    rows = [row for row in section.rows if section.cells[row, scale].scores]
    if len(rows) < 2:
        return None
    first = max(rows, key=lambda row: section.cells[row, scale].scores.psnr.mean())
    found = [compare(section, first, row, [scale]) for row in rows if row != first]
    return first if all(c and c.difference.seeds and c.difference.seeds.sign == 1 for c in found) else None


def resolution(found: list[Comparison]) -> str:
    """Whether a difference of `EFFECT` would show in these comparisons, and if not, how many runs it would take."""
    known = [c for c in found if c.difference.deviation is not None]
    if not known:
        return f"Can {EFFECT} dB be seen? That is unknown: it takes two seeds of both rows to learn how much trainings differ."
    runs = min(c.runs for c in known)
    halves = [c.difference.seeds.half for c in known]
    needed = [intervals.runs_needed(c.difference.deviation, EFFECT) for c in known]
    seen = sum(n <= c.runs for n, c in zip(needed, known, strict=True))
    verdict = "Yes" if seen == len(known) else "In part" if seen else "No"
    text = (
        f"Can {EFFECT} dB be seen? {verdict}. With {runs} seeds the 95% intervals of a difference over seeds reach "
        f"{min(halves):.3f} to {max(halves):.3f} dB to either side. A true difference of {EFFECT} dB would show, its interval "
        f"above zero, in {intervals.POWER:.0%} of such sweeps or more for {seen} of {len(known)} comparisons."
    )
    if seen == len(known):
        return text
    middle = statistics.median(c.difference.deviation for c in known)
    limits = intervals.deviation_limits(middle, runs)
    least, middling, most = (intervals.runs_needed(d, EFFECT) for d in (limits.low, middle, limits.high))
    return text + (
        f" For the median comparison it would take {middling} seeds a row (anything from {least} to {most}, for {runs} seeds "
        f"tell the spread only roughly), for the noisiest {max(needed)}."
    )


def claims(section: Section) -> list[Claim]:
    """What the paper says of its rows, against what was seen here: one ledger entry a pair, over the scales it holds for."""
    if not section.table or not section.data:
        return []
    stated = [(pair, True) for pair in section.table.better] + [(pair, False) for pair in section.table.alike]
    present = [item for item in stated if set(item[0]) <= set(section.rows)]
    return [_claim(section, number, *pair, better) for number, (pair, better) in enumerate(present, 1)]


def _claim(section: Section, number: int, first: str, second: str, better: bool) -> Claim:
    shared = [scale for scale in section.scales if _stated(section, first, second, scale, better)]
    text = f"{first} {'above' if better else f'within {EFFECT} dB of'} {second} on {section.data}"
    comparison = compare(section, first, second, shared)
    if comparison is None:
        return Claim(f"{section.name}.{number}", text, "reported", "no runs here at its scales", section.sweep.table)
    interval = comparison.difference.seeds
    here = f"{comparison.difference.mean:+.3f} dB over {', '.join(f'x{scale:g}' for scale in shared)}"
    here += f" in [{interval.low:+.3f}, {interval.high:+.3f}]" if interval else " on one seed"
    if comparison.paper is not None:
        here += f"; the paper {comparison.paper:+.3f}" + ("" if section.same_data else f" on {section.reference.data}")
    if interval and _outcome(interval, better) == 1:
        return Claim(f"{section.name}.{number}", text, "reproduced", here, section.sweep.table, holds=True)
    verdict = "the opposite was seen" if interval and _outcome(interval, better) == -1 else "nothing decided"
    return Claim(f"{section.name}.{number}", text, "reported", f"{verdict}: {here}", section.sweep.table)


def _stated(section: Section, first: str, second: str, scale: float, better: bool) -> bool:
    """Whether a claim is about this scale: both rows have scores, and the paper's first row, where it stands beside, is ahead
    of the second (or both are there, where they are said to be alike)."""
    if not all(section.cells[row, scale].scores for row in (first, second)):
        return False
    one, other = section.figure(first, scale), section.figure(second, scale)
    return not section.reference or bool(one and other and (not better or one.psnr > other.psnr))


def _outcome(interval: Interval, better: bool) -> int:
    """1 where all of an interval agrees with the paper, -1 where none of it does, else 0."""
    if better:
        return interval.sign
    return int(max(-interval.low, interval.high) < EFFECT) - int(max(interval.low, -interval.high) > EFFECT)


def _of_seeds(scores: SeedScores, seeds: list[int]) -> np.ndarray:
    return scores.psnr[[scores.seeds.index(seed) for seed in seeds] if scores.trained else [0] * len(seeds)]
