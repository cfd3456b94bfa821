"""Pictures of notebooks 11 and 12: a sweep's runs from seed to seed, how they learned, and differences with intervals."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from ipe_sr import figures
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, ORANGE, RED
from ipe_sr.report import learning, prose, results
from ipe_sr.report.comparisons import EFFECT, Comparison
from ipe_sr.report.intervals import Interval
from ipe_sr.report.results import Section
from ipe_sr.report.verdicts import Verdict

ALL = "all"
BAND, FAINT = "#EBEBEB", "#C4C4C4"   # what is shaded; runs that are not asked for
FAR = 0.5     # dB: a row that is farther away than this has a panel with an axis of its own
MARKERS = "osD^vPX*"


class RunScore(NamedTuple):
    """One run at one scale.   psnr: mean over the pictures, in dB.   lead: the PSNR of the table's first row with the same
    seed minus its own, in dB; None if that row has not run with this seed."""

    row: str
    seed: int
    psnr: float
    lead: float | None


class RunLines(NamedTuple):
    """Two functions of the widget's state (row, scale, seed), all strings: one draws a picture, the other writes a line of
    text."""

    run_lines: Callable[..., np.ndarray]
    run_lines_readout: Callable[..., str]


def runs_of(folder: Path) -> RunLines:
    """PSNR over the seed, a line for each row, of the first sweep below a folder on its first set of pictures. The sweep is
    read at the first call. A row that is more than `FAR` away at some scale lies in a second panel.

    The state of both functions: row is a label of the table, seed a number; either may be "all". scale is one of the sweep's.
    """
    @functools.cache
    def section() -> Section:
        return results.sections(results.sweeps(folder)[0])[0]

    @functools.cache
    def apart() -> dict[tuple[str, str], dict[int, float]]:
        """(row, scale) -> seed -> PSNR minus the median run's at this scale, in dB."""
        found: dict[tuple[str, str], dict[int, float]] = {}
        for scale in (f"{s:g}" for s in section().scales):
            every = listed(section(), scale)
            middle = np.median([run.psnr for run in every] or [0])
            for run in every:
                found.setdefault((run.row, scale), {})[run.seed] = run.psnr - middle
        return found

    @functools.cache
    def groups() -> list[list[str]]:
        """The rows of each panel: those that are near at all scales, and the others."""
        far = {row for (row, _), by_seed in apart().items() if abs(np.mean([*by_seed.values()])) > FAR}
        parts = [row for row in section().rows if row not in far], [row for row in section().rows if row in far]
        return [rows for rows in parts if rows]

    def stage():
        fig, axes = figures.panels(len(groups()), height=3.4 / len(groups()), sharex=True, height_ratios=[3, 2][:len(groups())])
        for ax, rows in zip(axes[:, 0], groups(), strict=True):
            values = [value for (row, _), by_seed in apart().items() if row in rows for value in by_seed.values()] or [0.0]
            margin = 0.1 * np.ptp(values) + 0.01
            ax.set_ylim(min(values) - margin, max(values) + margin)
            for row in rows:
                ax.plot([], [], **_look(section(), row), label=row)
        seeds = sorted({seed for by_seed in apart().values() for seed in by_seed})
        axes[-1, 0].set(xlabel="seed", xticks=seeds, xlim=(min(seeds) - 0.5, max(seeds) + 0.5))
        fig.supylabel("PSNR − the median run's / dB", fontsize=10)
        fig.legend(loc="outside right center", fontsize=8)
        return fig, axes

    @scene(stage)
    def run_lines(axes, row: str, scale: str, seed: str) -> None:
        for ax, rows in zip(axes[:, 0], groups(), strict=True):
            if seed != ALL:
                ax.axvspan(int(seed) - 0.2, int(seed) + 0.2, color=BAND, zorder=0)
            for name in rows:
                by_seed, asked = apart().get((name, scale), {}), row in (ALL, name)
                look = _look(section(), name) | ({} if asked else {"color": FAINT})
                ax.plot(list(by_seed), list(by_seed.values()), **look, zorder=3 if asked else 2)

    def run_lines_readout(row: str, scale: str, seed: str) -> str:
        shown = [run for run in listed(section(), scale) if row in (ALL, run.row) and seed in (ALL, str(run.seed))]
        if not shown:
            return "no such run"
        if row == ALL and seed != ALL:
            best_first = sorted(shown, key=lambda run: -run.psnr)
            return f"seed {seed} at x{scale}, best first: " + ", ".join(run.row for run in best_first)
        psnr = np.array([run.psnr for run in shown])
        spread = f" ± {psnr.std(ddof=1):.3f} from run to run" if len(psnr) > 1 else ""
        count = f"{len(shown)} runs" if len(shown) > 1 else "1 run"
        return f"{count} at x{scale}   {psnr.mean():.3f} dB{spread}{_beside(section(), shown, row, float(scale))}"

    return RunLines(run_lines, run_lines_readout)


def listed(section: Section, scale: str) -> list[RunScore]:
    """Every run that has scores at this scale, ordered by row and then by seed."""
    found = []
    for row in section.rows:
        cell = section.cells.get((row, float(scale)))
        if cell and cell.scores:
            pairs = zip(cell.scores.seeds, cell.scores.psnr.mean(1), strict=True)
            found += [RunScore(row, seed, float(psnr), None) for seed, psnr in pairs]
    base = {run.seed: run.psnr for run in found if run.row == section.rows[0]}
    return [run._replace(lead=base[run.seed] - run.psnr) if run.seed in base else run for run in found]


def _look(section: Section, row: str) -> dict:
    i = section.rows.index(row)
    return {"color": figures.COLOURS[i % 8], "linestyle": figures.DASHES[i % 6], "marker": MARKERS[i % 8], "markersize": 5}


def _beside(section: Section, shown: list[RunScore], row: str, scale: float) -> str:
    """How far the first row is ahead of a row, here and in the paper; empty if either is unknown."""
    lead = [run.lead for run in shown if run.lead is not None]
    printed = [section.printed(name, scale) for name in (row, section.rows[0])]
    if not lead or not all(printed) or row == section.rows[0]:
        return ""
    theirs = printed[1].psnr - printed[0].psnr
    return f"   row 1 less it: {np.mean(lead):+.3f} dB, in the paper {theirs:+.2f} dB"


def forest(found: list[Comparison]) -> Figure:
    """Differences in PSNR with 95% intervals over seeds, one panel for each pair of rows. Diamonds are the paper's differences.

    All panels have one axis, so that lengths can be compared. The shaded band marks differences smaller than `EFFECT`.
    found: at least one comparison.
    """
    pairs = list(dict.fromkeys((each.first, each.second) for each in found))
    most = max(sum((each.first, each.second) == pair for each in found) for pair in pairs)
    fig, axes = figures.panels(len(pairs), 1, height=0.16 * most + 0.45, sharex=True)
    for ax, pair in zip(axes[:, 0], pairs, strict=True):
        mine = [each for each in found if (each.first, each.second) == pair]
        _mark_small(ax)
        for at, each in enumerate(mine):
            _draw_interval(ax, at, each.difference.mean, each.difference.seeds)
            if each.paper is not None:
                ax.plot(each.paper, at, "D", color=ORANGE, markersize=5, markerfacecolor="none", markeredgewidth=1.5)
        labels = [", ".join(f"x{scale:g}" for scale in each.scales) for each in mine]
        ax.set(yticks=range(len(mine)), ylim=(len(mine) - 0.4, -0.6), title=prose.difference(*pair))
        ax.set_yticklabels(labels, fontsize=8)
        ax.grid(False, axis="y")
    axes[-1, 0].set_xlabel("difference in PSNR / dB")
    return fig


def _mark_small(ax) -> None:
    """Shades the differences smaller than `EFFECT`, and marks zero."""
    ax.axvspan(-EFFECT, EFFECT, color=BAND, zorder=0)
    ax.axvline(0, color=BLACK, linewidth=0.8)


def _draw_interval(ax, at: float, mean: float, interval: Interval | None) -> None:
    """A dot at the mean, with the interval as a line if there is one."""
    if interval:
        ax.plot([interval.low, interval.high], [at, at], color=BLUE, linewidth=2)
    ax.plot(mean, at, "o", color=BLUE, markersize=5)


def coverage(kinds: Mapping[str, tuple[np.ndarray, np.ndarray]], truth: float, count: int = 40) -> Figure:
    """The first intervals of each kind, (low, high) of shape (N,), in a panel for each kind. Those that miss are thick."""
    fig, axes = figures.panels(columns=len(kinds), height=2.3, sharey=True)
    for ax, (name, bounds) in zip(axes[0], kinds.items(), strict=True):
        low, high = (each[:count] for each in bounds)
        missed = (low > truth) | (high < truth)
        for which, look in ((~missed, {"color": BLUE, "linewidth": 1.2}), (missed, {"color": RED, "linewidth": 3})):
            ax.vlines(np.flatnonzero(which), low[which], high[which], **look)
        ax.axhline(truth, color=BLACK, linewidth=0.8)
        ax.set(title=f"{name}: {missed.sum()} of {len(missed)} miss", xticks=[], xlabel="simulated sweeps")
    axes[0, 0].set_ylabel("difference / dB")
    return fig


def power(seeds: int) -> Figure:
    """How the mean difference of a sweep with so many seeds scatters if two rows are equal, and if they differ by the δ that
    the rule of notebook 11 gives. Shaded: the sweeps in which δ shows. The axis has the unit σ / √n."""
    line, beyond = stats.t.ppf([0.975, 0.8], seeds - 1)
    delta = line + beyond
    x = np.linspace(-3.2, delta + 3.2, 400)
    fig, axes = figures.panels(height=1.9)
    ax = axes[0, 0]
    ax.fill_between(x, stats.norm.pdf(x - delta), where=x >= line, color=ORANGE, alpha=0.35, linewidth=0)
    ax.plot(x, stats.norm.pdf(x), color=BLUE, linestyle="--")
    ax.plot(x, stats.norm.pdf(x - delta), color=ORANGE)
    ax.axvline(line, color=BLACK, linewidth=1)
    ax.spines["left"].set_visible(False)
    for at, text in ((0, "true difference 0"), (delta, "true difference δ")):
        ax.text(at, 0.42, text, ha="center", fontsize=9)
    ax.text(delta + 0.25, 0.14, "δ shows:\nfour in five", ha="center", fontsize=9)
    for start, end, text in ((0, line, r"$t_{0.975}\,\sigma/\sqrt{n}$"), (line, delta, r"$t_{0.8}\,\sigma/\sqrt{n}$")):
        ax.annotate("", (end, -0.05), (start, -0.05), arrowprops={"arrowstyle": "<->", "shrinkA": 0, "shrinkB": 0})
        ax.text((start + end) / 2, -0.075, text, ha="center", va="top", fontsize=9)
    ax.set(xticks=[0, delta], xticklabels=["0", "δ"], yticks=[], ylim=(-0.17, 0.48), xlabel=r"mean difference $\bar{d}$")
    return fig


def lead_bars(found: list[Verdict]) -> Figure:
    """The difference of each verdict with its 95% interval over seeds; diamonds are the paper's differences. Rows with a
    difference of more than `FAR` lie in a second panel with an axis of its own. The band marks differences below `EFFECT`.

    found: with an interval each.
    """
    away = {each.question.second for each in found if abs(each.mean) > FAR}
    groups = [[each for each in found if (each.question.second in away) == far] for far in (False, True)]
    groups = [group for group in groups if group]
    height, shares = 0.3 * len(found) / len(groups) + 0.55, [len(group) + 1 for group in groups]
    fig, axes = figures.panels(len(groups), height=height, height_ratios=shares)
    for ax, group in zip(axes[:, 0], groups, strict=True):
        _mark_small(ax)
        for at, each in enumerate(group):
            _draw_interval(ax, at, each.mean, each.interval)
            if each.paper:
                ax.plot(each.paper.value, at, "D", color=RED, markerfacecolor="white", markersize=6)
        names = [f"{each.question.second}, {each.range}" for each in group]
        ax.set(yticks=range(len(group)), yticklabels=names, ylim=(len(group) - 0.4, -0.6))
        ax.xaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 5, 10]))
    axes[-1, 0].set_xlabel(f"{found[0].question.first} less this row, PSNR / dB")
    return fig


def curves_of(section: Section, rows: tuple[str, ...]) -> Figure:
    """Validation PSNR over the steps of every run of some rows; as a thin line the learning rate, on a second axis."""
    fig, axes = figures.panels(height=3.0)
    ax = axes[0, 0]
    for at, row in enumerate(rows):
        for i, run in enumerate(section.runs(row)):
            steps, _, psnr = learning.curve(run).T
            look = {"color": figures.COLOURS[at % 8], "linestyle": figures.DASHES[at % 6], "marker": "."}
            ax.plot(steps, psnr, **look, label="" if i else row)
    logged = section.runs(rows[0])[0].curve
    known = [point["value"] for point in logged if point["name"].startswith("bicubic_x")]
    if known:
        ax.axhline(np.mean(known), color=BLACK, linestyle=":", label="bicubic interpolation")
    rates = [(point["step"], point["value"]) for point in logged if point["name"] == "learning_rate"]
    other = ax.twinx()
    other.grid(False)
    other.plot(*np.array(rates).reshape(-1, 2).T, color="#808080", linewidth=1)
    other.set_ylim(bottom=0)
    other.set_ylabel("learning rate (thin line)", color="#606060")
    ax.set(xlabel="steps", ylabel="PSNR / dB, mean of the scales")
    fig.legend(loc="outside upper center", ncols=3, fontsize=9)
    return fig
