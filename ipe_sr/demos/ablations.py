"""Of notebooks 11 and 12: what a sweep's runs say: each run in a line, to be filtered, and differences with intervals."""

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

COMMITTED = Path(__file__).parents[2] / "notebooks/experiments/records/table4-tiny"   # in a checkout
ALL = "all"
LINE = 0.2     # inches
LINEAR = 0.1   # dB: farther apart, distances are drawn as logarithms
COLUMNS = f"{'row':<21} {'seed':>4} {'PSNR':>7} {'SSIM':>7} {'− row 1':>9}"


class Run(NamedTuple):
    """One run at one scale.   psnr, ssim: means over the pictures.   ahead: dB over the table's first row, same seed; None
    where that has not run."""

    row: str
    seed: int
    psnr: float
    ssim: float
    ahead: float | None


class RunTable(NamedTuple):
    """Two functions of the state (row, scale, seed), all strings: a picture, and a line to read."""

    run_table: Callable[..., np.ndarray]
    run_table_readout: Callable[..., str]


def runs_of(folder: Path) -> RunTable:
    """Notebook 11: the runs of the first sweep and set of pictures below a folder, read at the first call.

    row: a label of the table.   seed: a number.   Either may be "all".   scale: one of the sweep's.
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
        shown = [i for i, run in enumerate(every) if _asked(run, row, seed)]
        for at, i in enumerate(shown):
            lines.text(0, at, _line(every[i]), family="monospace", fontsize=8, va="center")
        for value in apart:
            dots.axvline(value, ymax=0.02, color=BLACK, linewidth=1)
        for at, i in enumerate(shown):
            first = every[i].row == section().rows[0]
            dots.plot(apart[i], at, "s" if first else "o", color=ORANGE if first else BLUE, markersize=5)
        dots.axvline(0, color=BLACK, linewidth=0.8, linestyle=":")

    def run_table_readout(row: str, scale: str, seed: str) -> str:
        shown = [run for run in listed(section(), scale) if _asked(run, row, seed)]
        if not shown:
            return "no such run"
        psnr = np.array([run.psnr for run in shown])
        spread = f" ± {psnr.std(ddof=1):.3f} from run to run" if len(psnr) > 1 else ""
        printed = section().figure(row, float(scale))
        count = f"{len(shown)} runs" if len(shown) > 1 else "1 run"
        beside = f"   the paper {printed.psnr:.2f}" if printed else ""
        return f"{count} at x{scale}   {psnr.mean():.3f} dB{spread}{beside}"

    return RunTable(run_table, run_table_readout)


def listed(section: Section, scale: str) -> list[Run]:
    """Every run with scores at a scale: the rows in their order, then by seed."""
    found = []
    for row in section.rows:
        cell = section.cells.get((row, float(scale)))
        if cell and cell.scores:
            columns = cell.scores.seeds, cell.scores.psnr.mean(1), cell.scores.ssim.mean(1)
            found += [Run(row, seed, float(psnr), float(ssim), None) for seed, psnr, ssim in zip(*columns, strict=True)]
    base = {run.seed: run.psnr for run in found if run.row == section.rows[0]}
    return [run._replace(ahead=run.psnr - base[run.seed]) if run.seed in base else run for run in found]


def _apart(section: Section, scale: str) -> np.ndarray:
    psnr = np.array([run.psnr for run in listed(section, scale)])
    return psnr - np.median(psnr) if len(psnr) else np.zeros(1)


def _asked(run: Run, row: str, seed: str) -> bool:
    return row in (ALL, run.row) and seed in (ALL, str(run.seed))


def _line(run: Run) -> str:
    ahead = "" if run.ahead is None else f"{run.ahead:+.3f}"
    return f"{run.row:<21} {run.seed:>4} {run.psnr:7.3f} {run.ssim:7.4f} {ahead:>9}"


def forest(found: list[Comparison]) -> Figure:
    """Differences in PSNR with 95% intervals over seeds, a panel for each pair of rows; diamonds: the paper's.

    Shaded: differences of less than `EFFECT`.   found: at least one.
    """
    pairs = list(dict.fromkeys((each.first, each.second) for each in found))
    most = max(sum((each.first, each.second) == pair for each in found) for pair in pairs)
    fig, axes = figures.panels(len(pairs), 1, height=0.16 * most + 0.55)
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


run_table, run_table_readout = runs_of(COMMITTED)
