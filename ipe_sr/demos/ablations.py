"""Pictures of notebooks 11 and 12: a table of a sweep's runs that can be filtered, and differences with intervals."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ipe_sr import figures
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, ORANGE
from ipe_sr.report import results
from ipe_sr.report.comparisons import EFFECT, Comparison
from ipe_sr.report.results import Section

ALL = "all"
LINE = 0.2     # inches: the height of one line of the table
FAINT = "#D0D0D0"   # runs that are not asked for
LINEAR = 0.1   # dB: the axis of distances is linear up to here, and logarithmic beyond
COLUMNS = f"{'row':<21} {'seed':>4} {'PSNR':>7} {'SSIM':>7} {'row 1 −':>9}"


class RunScore(NamedTuple):
    """One run at one scale.   psnr, ssim: means over the pictures.   lead: the PSNR of the table's first row with the same
    seed minus its own, in dB; None if that row has not run with this seed."""

    row: str
    seed: int
    psnr: float
    ssim: float
    lead: float | None


class RunTable(NamedTuple):
    """Two functions of the widget's state (row, scale, seed), all strings: one draws a picture, the other writes a line of
    text."""

    run_table: Callable[..., np.ndarray]
    run_table_readout: Callable[..., str]


def runs_of(folder: Path) -> RunTable:
    """The table of runs of the first sweep below a folder, on its first set of pictures. It is read at the first call.

    The state of both functions: row is a label of the table, seed a number; either may be "all". scale is one of the sweep's.
    """
    @functools.cache
    def section() -> Section:
        return results.sections(results.sweeps(folder)[0])[0]

    def stage():
        count = max(len(listed(section(), f"{scale:g}")) for scale in section().scales)
        fig, axes = figures.panels(columns=2, height=LINE * count + 0.9, width_ratios=[5, 4])
        lines, dots = axes[0]
        lines.set(xlim=(0, 1), ylim=(count - 0.5, -0.9))
        lines.axis("off")
        lines.text(0, -0.9, COLUMNS, family="monospace", fontsize=8, weight="bold")
        reach = 1.3 * max(np.abs(_apart(section(), f"{scale:g}")).max() for scale in section().scales)
        dots.set_xscale("symlog", linthresh=LINEAR)
        dots.set(xlim=(-reach, reach), ylim=(count - 0.5, -0.9), yticks=[], xlabel="PSNR − the median run's / dB")
        ticks = [tick for tick in (0.1, 1, 10) if tick < reach]
        dots.set_xticks([*(-tick for tick in ticks), 0, *ticks])
        dots.xaxis.set_major_formatter("{x:g}")
        return fig, axes

    @scene(stage)
    def run_table(axes, row: str, scale: str, seed: str) -> None:
        lines, dots = axes[0]
        every, apart = listed(section(), scale), _apart(section(), scale)
        for value in apart:
            dots.axvline(value, ymax=0.02, color=BLACK, linewidth=1)
        for at, run in enumerate(every):
            first, asked = run.row == section().rows[0], _asked(run, row, seed)
            lines.text(0, at, _line(run), family="monospace", fontsize=8, va="center", color=BLACK if asked else FAINT)
            colour = (ORANGE if first else BLUE) if asked else FAINT
            dots.plot(apart[at], at, "s" if first else "o", color=colour, markersize=5)
        dots.axvline(0, color=BLACK, linewidth=0.8, linestyle=":")

    def run_table_readout(row: str, scale: str, seed: str) -> str:
        shown = [run for run in listed(section(), scale) if _asked(run, row, seed)]
        if not shown:
            return "no such run"
        psnr = np.array([run.psnr for run in shown])
        spread = f" ± {psnr.std(ddof=1):.3f} from run to run" if len(psnr) > 1 else ""
        count = f"{len(shown)} runs" if len(shown) > 1 else "1 run"
        return f"{count} at x{scale}   {psnr.mean():.3f} dB{spread}{_beside(section(), shown, row, float(scale))}"

    return RunTable(run_table, run_table_readout)


def listed(section: Section, scale: str) -> list[RunScore]:
    """Every run that has scores at this scale, ordered by row and then by seed."""
    found = []
    for row in section.rows:
        cell = section.cells.get((row, float(scale)))
        if cell and cell.scores:
            columns = cell.scores.seeds, cell.scores.psnr.mean(1), cell.scores.ssim.mean(1)
            found += [RunScore(row, seed, float(psnr), float(ssim), None) for seed, psnr, ssim in zip(*columns, strict=True)]
    base = {run.seed: run.psnr for run in found if run.row == section.rows[0]}
    return [run._replace(lead=base[run.seed] - run.psnr) if run.seed in base else run for run in found]


def _apart(section: Section, scale: str) -> np.ndarray:
    """The PSNR of each listed run minus the median run's, in dB: (runs,)."""
    psnr = np.array([run.psnr for run in listed(section, scale)])
    return psnr - np.median(psnr) if len(psnr) else np.zeros(1)


def _beside(section: Section, shown: list[RunScore], row: str, scale: float) -> str:
    """How far the first row is ahead of a row, here and in the paper; empty if either is unknown."""
    lead = [run.lead for run in shown if run.lead is not None]
    printed = [section.printed(name, scale) for name in (row, section.rows[0])]
    if not lead or not all(printed) or row == section.rows[0]:
        return ""
    theirs = printed[1].psnr - printed[0].psnr
    return f"   row 1 less it: {np.mean(lead):+.3f} dB, in the paper {theirs:+.2f} dB"


def _asked(run: RunScore, row: str, seed: str) -> bool:
    return row in (ALL, run.row) and seed in (ALL, str(run.seed))


def _line(run: RunScore) -> str:
    lead = "" if run.lead is None else f"{run.lead:+.3f}"
    return f"{run.row:<21} {run.seed:>4} {run.psnr:7.3f} {run.ssim:7.4f} {lead:>9}"


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
        ax.axvspan(-EFFECT, EFFECT, color="#EBEBEB", zorder=0)
        ax.axvline(0, color=BLACK, linewidth=0.8)
        for at, each in enumerate(mine):
            if each.difference.seeds:
                ax.plot([each.difference.seeds.low, each.difference.seeds.high], [at, at], color=BLUE, linewidth=2)
            ax.plot(each.difference.mean, at, "o", color=BLUE, markersize=5)
            if each.paper is not None:
                ax.plot(each.paper, at, "D", color=ORANGE, markersize=5, markerfacecolor="none", markeredgewidth=1.5)
        labels = [", ".join(f"x{scale:g}" for scale in each.scales) for each in mine]
        ax.set(yticks=range(len(mine)), ylim=(len(mine) - 0.4, -0.6), title=" − ".join(pair))
        ax.set_yticklabels(labels, fontsize=8)
        ax.grid(False, axis="y")
    axes[-1, 0].set_xlabel("difference in PSNR / dB")
    return fig

