"""The verdicts on the questions of `evidence.yaml`, by the rules that it states, from the records of its table.

A notebook shows the blocks that `table` and `resolution` return; `ipe-sr report` prints all of them before the sections.
"""

import dataclasses
import math
import statistics
from dataclasses import dataclass

import numpy as np

from ipe_sr.report import evidence, intervals, results
from ipe_sr.report.comparisons import EFFECT
from ipe_sr.report.document import Block, Cell, Heading, Items, Paragraph, Table
from ipe_sr.report.evidence import Evidence, PaperDifference, Question
from ipe_sr.report.intervals import LEVEL, POWER, Interval
from ipe_sr.report.results import Section, Sweep
from ipe_sr.report.tables import NONE, interval_text, signed

NO_RUNS, UNDECIDED, ALIKE = "no runs yet", "undecided", "alike"
CONFIRMED, ANOTHER, CONTRADICTED = "confirmed", "another size", "contradicted"
STEP = 0.01   # dB, of the paper's figures: rounding alone can make a smaller difference of theirs, so it counts as none
SEEN = "yes", "in a single test only", "no", "unknown, for want of two seeds"   # would a difference be found?


@dataclass(frozen=True)
class Verdict:
    """The answer to a question in one range of scales.

    differences: seed -> the mean difference in dB.   interval, p: of their mean; None with fewer than two seeds.
    corrected: p by Holm's method, for a primary question that has a p.   word: the verdict.
    """

    question: Question
    range: str
    differences: dict[int, float]
    interval: Interval | None
    p: float | None
    paper: PaperDifference | None
    corrected: float | None = None
    word: str = NO_RUNS

    @property
    def mean(self) -> float:
        """The mean difference over the seeds, in dB."""
        return statistics.fmean(self.differences.values())


def judge(sweep: Sweep, asked: Evidence) -> list[Verdict]:
    """A verdict on each question in each range, in the order of `evidence.yaml`."""
    sections = _sections(sweep, asked)
    found = []
    for question in asked.questions:
        for name, scales in asked.ranges.items():
            known = by_seed(sections, question, scales)
            bounds, p = intervals.over_seeds(list(known.values())) if known else (None, None)
            theirs = evidence.printed(question.first, question.second, asked.block, scales)
            found.append(Verdict(question, name, known, bounds, p, theirs))
    tested = [i for i, each in enumerate(found) if each.question.primary]
    # A test that cannot be made yet still counts: the number of tests was fixed before the runs.
    corrected = dict(zip(tested, intervals.holm([1.0 if found[i].p is None else found[i].p for i in tested]), strict=True))
    for i, each in enumerate(found):
        if each.differences:
            p = float(corrected[i]) if i in corrected and each.p is not None else None
            found[i] = dataclasses.replace(each, corrected=p, word=_word(each, each.p if p is None else p, asked.alike))
    return found


def by_seed(sections: list[Section], question: Question, scales: tuple[float, ...]) -> dict[int, float]:
    """Seed -> PSNR of the first row - that of the second, in dB: mean over pictures, then over scales, then over sets.

    Only seeds with which both rows have all scores; none if a set or a row is missing or a PSNR is infinite.
    """
    def of(section: Section, row: str, scale: float) -> dict[int, float]:
        cell = section.cells.get((row, scale))
        if not cell or not cell.scores or not np.isfinite(cell.scores.psnr).all():
            return {}
        return dict(zip(cell.scores.seeds, cell.scores.psnr.mean(1).tolist(), strict=True))

    rows = question.first, question.second
    known = [[[of(section, row, scale) for row in rows] for scale in scales] for section in sections]   # (sets, scales, 2)
    seeds = set.intersection(*(set(one) for section in known for pair in section for one in pair)) if known else set()
    return {
        seed: statistics.fmean(statistics.fmean(first[seed] - second[seed] for first, second in part) for part in known)
        for seed in sorted(seeds)
    }


def blocks(sweep: Sweep, asked: Evidence, found: list[Verdict]) -> list[Block]:
    """The part of a report that answers the questions: verdicts, what the runs can resolve, and what they cost.

    found: what `judge` says.
    """
    return [
        Heading("Verdicts on what was asked before the runs", 3), Paragraph(_cost(sweep)),
        *_table_of(found, asked, True), *_table_of(found, asked, False),
        Paragraph(visibility(sweep, asked)), resolution(sweep, asked),
    ]


def table(found: list[Verdict], asked: Evidence, primary: bool) -> Table:
    """The verdicts on the primary or on the secondary questions, a line for each range."""
    ranges = "; ".join(f"{name}: {_listed(scales)}" for name, scales in asked.ranges.items())
    correction = (
        f"p by Student's t over seeds, with Holm's correction for {asked.primaries} tests" if primary
        else "p by Student's t over seeds, not corrected for the number of tests: some of these differences may be chance"
    )
    caption = (
        f"{'Primary' if primary else 'Secondary'} comparisons: differences in PSNR, in dB, mean over the pictures of a set, "
        f"over the scales of a range ({ranges}) and over {', '.join(asked.sets)}. The intervals hold 95%; {correction}. Paper: "
        f"its difference on DIV2K, mean over the scales that it prints; less than {STEP:g} dB, its rounding, counts as "
        f"none. Alike: all of the interval lies within ±{asked.alike:g} dB"
    )
    rows = tuple(_line(each, asked) for each in found if each.question.primary == primary)
    header = ("difference", "scales", "paper", "ours", "95% over seeds", "p", "seeds", "verdict")
    return Table(caption, header, rows, f"{asked.table}-{asked.params}-{'primary' if primary else 'secondary'}")


def resolution(sweep: Sweep, asked: Evidence) -> Table:
    """How small a difference the runs can show, at each scale and in each range, from how much the seeds differ."""
    sections, (primaries, others) = _sections(sweep, asked), _kinds(asked)
    columns = {q.pair: ([q], _level(asked)) for q in primaries}
    if others:
        columns["the others"] = others, LEVEL
    rows = tuple(
        (Cell(name), *(_least(sections, questions, scales, level) for questions, level in columns.values()))
        for name, scales in _spans(asked).items()
    )
    caption = (
        f"What the runs can show: the true difference in dB that is found in {POWER:.0%} of such sweeps; in bold where it is "
        f"at most {EFFECT}. Below: the standard deviation of the difference from seed to seed, in dB, and the seeds. "
        f"The primary tests are corrected for {asked.primaries} tests, so theirs is at level {1 - _level(asked):.3g}; that of "
        f"the others, whose deviations are pooled, at {1 - LEVEL:.2g}"
    )
    return Table(caption, ("", *columns), rows, f"{asked.table}-{asked.params}-resolution")


def visibility(sweep: Sweep, asked: Evidence) -> str:
    """A text that says which primary comparisons would find a difference of `EFFECT`, in each range."""
    parts, sections = [], _sections(sweep, asked)
    for name, scales in asked.ranges.items():
        words: dict[str, list[str]] = {word: [] for word in SEEN}
        for question in _kinds(asked)[0]:
            words[_seen(sections, question, scales, asked)].append(question.pair)
        parts.append(f"{name.capitalize()}: " + "; ".join(f"{word}: {', '.join(of)}" for word, of in words.items() if of))
    return f"Would a true difference of {EFFECT} dB be found? {'. '.join(parts)}."


def _seen(sections: list[Section], question: Question, scales: tuple[float, ...], asked: Evidence) -> str:
    """The one of `SEEN` that says whether the test would find a difference of `EFFECT`."""
    yes, alone, no, unknown = SEEN
    spread, seeds = _spread(sections, [question], scales)
    if spread is None:
        return unknown
    corrected, single = (intervals.visible(spread, seeds, level) <= EFFECT for level in (_level(asked), LEVEL))
    return yes if corrected else alone if single else no


def _word(each: Verdict, p: float | None, alike: float) -> str:
    """The verdict by the rules of `evidence.yaml`.   p: corrected where the question is primary."""
    if each.interval is None or p is None:
        return UNDECIDED
    theirs = round(each.paper.value, 6) if each.paper else 0   # rounded, because 34.72 - 34.71 is a little less than STEP
    if p < 1 - LEVEL:
        if abs(theirs) < STEP:
            return f"{each.question.first if each.mean > 0 else each.question.second} is ahead"
        if (theirs > 0) != (each.mean > 0):
            return CONTRADICTED
        return CONFIRMED if each.interval.low <= theirs <= each.interval.high else ANOTHER
    return ALIKE if -alike <= each.interval.low and each.interval.high <= alike else UNDECIDED


def _line(each: Verdict, asked: Evidence) -> tuple[Cell, ...]:
    q, theirs = each.question, each.paper
    paper = NONE
    if theirs:
        where = theirs.table if theirs.training == asked.block else f"{theirs.table}, {theirs.training}"
        untold = ("its PE row: decoder not told",) * (evidence.UNTOLD in (q.first, q.second))
        paper = Cell(signed(theirs.value), (f"{where}, {_listed(theirs.scales)}", *untold))
    p = each.p if each.corrected is None else each.corrected
    case = ("one case",) * (len(each.differences) == 1)
    return (
        Cell(q.pair), Cell(each.range), paper,
        Cell(signed(each.mean), case) if each.differences else NONE,
        Cell(interval_text(each.interval)), NONE if p is None else Cell("<0.001" if p < 0.001 else f"{p:.3f}"),
        Cell(str(len(each.differences))), Cell(each.word, strong=each.word not in (NO_RUNS, UNDECIDED)),
    )


def _table_of(found: list[Verdict], asked: Evidence, primary: bool) -> list[Block]:
    mine = _kinds(asked)[0 if primary else 1]
    return [Items(tuple(f"{q.pair}: {q.asks}" for q in mine)), table(found, asked, primary)] if mine else []


def _cost(sweep: Sweep) -> str:
    parts = {
        kind: sum(run.seconds.get(kind, 0) * run.threads for run in sweep.runs) / 3600 for kind in ("train", "evaluate")
    }
    empty = len(set(sweep.rows) - {run.row for run in sweep.runs})
    return (
        f"The {len(sweep.runs)} runs that have ended well took {sum(parts.values()):.2f} core-hours: {parts['train']:.2f} of "
        f"training and {parts['evaluate']:.2f} of evaluation. {empty} of the {len(sweep.rows)} rows have no run yet. "
        f"The command that makes all runs is ipe-sr sweep {sweep.table} --params {sweep.params}."
    )


def _sections(sweep: Sweep, asked: Evidence) -> list[Section]:
    """The sections of the sets that count; none unless all of them have scores."""
    found = {section.data: section for section in results.sections(sweep) if section.block == asked.block}
    return [found[name] for name in asked.sets] if set(asked.sets) <= found.keys() else []


def _spans(asked: Evidence) -> dict[str, tuple[float, ...]]:
    """Every scale alone, then every range."""
    alone = {f"x{scale:g}": (scale,) for scales in asked.ranges.values() for scale in scales}
    return alone | asked.ranges


def _least(sections: list[Section], questions: list[Question], scales: tuple[float, ...], level: float) -> Cell:
    spread, seeds = _spread(sections, questions, scales)
    if spread is None:
        return NONE
    least = intervals.visible(spread, seeds, level)
    return Cell(f"{least:.3f}", (f"{spread:.3f}; {seeds} seeds",), strong=least <= EFFECT)


def _spread(
    sections: list[Section], questions: list[Question], scales: tuple[float, ...]
) -> tuple[float | None, int]:
    """The pooled standard deviation of the differences from seed to seed, and the least number of seeds, over the questions
    that have at least two; (None, 0) if there are none."""
    known = [list(by_seed(sections, question, scales).values()) for question in questions]
    known = [values for values in known if len(values) > 1]
    if not known:
        return None, 0
    freedom = sum(len(values) - 1 for values in known)
    pooled = sum(statistics.variance(values) * (len(values) - 1) for values in known) / freedom
    return math.sqrt(pooled), min(map(len, known))


def _kinds(asked: Evidence) -> tuple[list[Question], list[Question]]:
    """The primary questions, and the others."""
    return tuple([question for question in asked.questions if question.primary == kind] for kind in (True, False))


def _level(asked: Evidence) -> float:
    """The level of the strictest primary test."""
    return 1 - (1 - LEVEL) / asked.primaries


def _listed(scales: tuple[float, ...]) -> str:
    return ", ".join(f"x{scale:g}" for scale in scales)
