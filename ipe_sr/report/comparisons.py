"""Comparisons between rows: paired differences, the smallest difference that a sweep can show, and the paper's claims."""

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ipe_sr.report import intervals, prose
from ipe_sr.report.intervals import Difference
from ipe_sr.report.results import Section, SeedScores
from ipe_sr.series.ledger import Claim

EFFECT = 0.05   # dB: the size of the differences that the paper reports


@dataclass(frozen=True)
class Comparison:
    """The difference first - second in dB, as the mean over `scales`.

    runs: the number of seeds that both rows have.   paper: the same difference in the paper, or None if the paper does not
    print both rows at all these scales.   scoring: how the scores were computed, in words.
    """

    first: str
    second: str
    scales: tuple[float, ...]
    runs: int
    difference: Difference
    paper: float | None
    scoring: str


def compare(section: Section, first: str, second: str, scales: Sequence[float]) -> Comparison | None:
    """Compares two rows on the seeds that both have at all these scales.

    A row that needs no training has the same scores with every seed. Returns None if there is no common seed, or if a PSNR
    is infinite.
    """
    sides = [[section.cells[row, scale].scores for scale in scales] for row in (first, second)]
    flat = [scores for side in sides for scores in side]
    if not scales or not all(scores and np.isfinite(scores.psnr).all() for scores in flat):
        return None
    trained = [set(scores.seeds) for scores in flat if scores.trained]
    seeds = sorted(set.intersection(*trained)) if trained else [0]
    if not seeds:
        return None
    psnr = [np.mean([_of_seeds(scores, seeds) for scores in side], axis=0) for side in sides]   # (S, I) each
    printed = [(section.printed(first, scale), section.printed(second, scale)) for scale in scales]
    paper = statistics.fmean(a.psnr - b.psnr for a, b in printed) if all(a and b for a, b in printed) else None
    return Comparison(first, second, tuple(scales), len(seeds), intervals.compare(*psnr), paper, prose.scoring(section))


def pairs(section: Section) -> list[tuple[str, str]]:
    """The rows to compare: the pairs of which the paper says something, and each row that is not in the paper with every
    other row, each pair once."""
    table = section.table
    stated = [pair for pair in (*table.better, *table.alike) if set(pair) <= set(section.rows)] if table else []
    theirs = {label for block in table.blocks for label in block.rows} if table else set()
    ours = [pair for pair in itertools.combinations(section.rows, 2) if not set(pair) <= theirs]
    return stated + [pair[::-1] if pair[0] in theirs else pair for pair in ours]   # the row that is not in the paper first


def by_scale(section: Section, asked: Sequence[tuple[str, str]] | None = None) -> list[Comparison]:
    """Every pair at every scale at which both rows have scores.   asked: the pairs; by default those of `pairs`."""
    chosen = pairs(section) if asked is None else [pair for pair in asked if set(pair) <= set(section.rows)]
    found = (compare(section, *pair, [scale]) for pair in chosen for scale in section.scales)
    return [comparison for comparison in found if comparison]


def best(section: Section, scale: float) -> str | None:
    """The row that is ahead of every other row, each interval over seeds lying above zero; None if there is no such row."""
    rows = [row for row in section.rows if section.cells[row, scale].scores]
    if len(rows) < 2:
        return None
    first = max(rows, key=lambda row: section.cells[row, scale].scores.psnr.mean())
    found = [compare(section, first, row, [scale]) for row in rows if row != first]
    return first if all(c and c.difference.seeds and c.difference.seeds.sign == 1 for c in found) else None


def resolution(found: list[Comparison]) -> str:
    """A text that says whether these comparisons would show a difference of `EFFECT`, and if not, how many runs would."""
    known = [c for c in found if c.difference.deviation is not None]
    if not known:
        return (
            f"Can this sweep show a difference of {EFFECT} dB? That is unknown: two seeds of both rows are needed to estimate "
            "how much trainings differ."
        )
    runs = min(c.runs for c in known)
    halves = [c.difference.seeds.half for c in known]
    needed = [intervals.runs_needed(c.difference.deviation, EFFECT) for c in known]
    shown = sum(n <= c.runs for n, c in zip(needed, known, strict=True))
    verdict = "Yes" if shown == len(known) else "In part" if shown else "No"
    text = (
        f"Can this sweep show a difference of {EFFECT} dB? {verdict}. With {runs} seeds, the 95% intervals over seeds reach "
        f"{min(halves):.3f} to {max(halves):.3f} dB to either side of a difference. In {shown} of {len(known)} comparisons, "
        f"a true difference of {EFFECT} dB would give an interval above zero in at least {intervals.POWER:.0%} of such sweeps."
    )
    if shown == len(known):
        return text
    middle = statistics.median(c.difference.deviation for c in known)
    limits = intervals.deviation_limits(middle, runs)
    least, middling, most = (intervals.runs_needed(d, EFFECT) for d in (limits.low, middle, limits.high))
    return text + (
        f" The median comparison would need {middling} seeds for each row. This number is uncertain: it may be anything from "
        f"{least} to {most}, because {runs} seeds give only a rough estimate of the spread. The comparison with the largest "
        f"spread would need {max(needed)}."
    )


@dataclass(frozen=True)
class Statement:
    """What the paper says about two of its rows, and what these runs say.

    better: whether the paper has the first ahead; otherwise it has the two within `EFFECT` of each other.
    comparison: over all scales that the statement covers; None if there are no runs of both rows there.
    """

    first: str
    second: str
    better: bool
    comparison: Comparison | None

    @property
    def text(self) -> str:
        return f"{self.first} {'above' if self.better else f'within {EFFECT} dB of'} {self.second}"

    @property
    def outcome(self) -> int:
        """1 if the whole interval over seeds agrees with the paper, -1 if no part of it does, else 0."""
        interval = self.comparison.difference.seeds if self.comparison else None
        if interval is None:
            return 0
        if self.better:
            return interval.sign
        return int(max(-interval.low, interval.high) < EFFECT) - int(max(interval.low, -interval.high) > EFFECT)

    @property
    def verdict(self) -> str:
        return {1: "the sign holds", 0: "nothing decided", -1: "the opposite was seen"}[self.outcome]

    @property
    def here(self) -> str:
        """Our difference in words, with its interval and its scales."""
        if self.comparison is None:
            return "no runs here at its scales"
        interval = self.comparison.difference.seeds
        scales = ", ".join(f"x{scale:g}" for scale in self.comparison.scales)
        spread = f" in [{interval.low:+.3f}, {interval.high:+.3f}]" if interval else " on one seed"
        return f"{self.comparison.difference.mean:+.3f} dB over {scales}{spread}"


def stated(section: Section) -> list[Statement]:
    """The paper's statements about pairs of its rows, each beside what these runs say."""
    if not section.table or not section.data:
        return []
    found = [(pair, True) for pair in section.table.better] + [(pair, False) for pair in section.table.alike]
    present = [(*pair, better) for pair, better in found if set(pair) <= set(section.rows)]
    return [
        Statement(first, second, better, compare(section, first, second, _covered(section, first, second, better)))
        for first, second, better in present
    ]


def claims(section: Section) -> list[Claim]:
    """The statements of `stated` as entries of the ledger."""
    return [_claim(section, number, statement) for number, statement in enumerate(stated(section), 1)]


def _claim(section: Section, number: int, statement: Statement) -> Claim:
    name, text, here = f"{section.name}.{number}", f"{statement.text} on {section.data}", statement.here
    if statement.comparison and statement.comparison.paper is not None:
        here += f"; the paper {statement.comparison.paper:+.3f}"
        here += "" if section.same_data else f" on {section.reference.data}"
    if statement.outcome == 1:
        return Claim(name, text, "reproduced", here, section.sweep.table, holds=True)
    detail = f"{statement.verdict}: {here}" if statement.comparison else here
    return Claim(name, text, "reported", detail, section.sweep.table)


def _covered(section: Section, first: str, second: str, better: bool) -> list[float]:
    """The scales that a statement of the paper covers."""
    return [scale for scale in section.scales if _covers(section, first, second, scale, better)]


def _covers(section: Section, first: str, second: str, scale: float, better: bool) -> bool:
    """Whether a statement of the paper covers this scale.

    Both rows must have scores. If the report prints the paper's block, the paper must print both rows, and its first row
    must be ahead of its second where the statement says so (`better`).
    """
    if not all(section.cells[row, scale].scores for row in (first, second)):
        return False
    one, other = section.printed(first, scale), section.printed(second, scale)
    return not section.reference or bool(one and other and (not better or one.psnr > other.psnr))


def _of_seeds(scores: SeedScores, seeds: list[int]) -> np.ndarray:
    """The PSNR of these seeds: (len(seeds), I)."""
    return scores.psnr[[scores.seeds.index(seed) for seed in seeds] if scores.trained else [0] * len(seeds)]
