"""The pictures of a report: PSNR over scale, over training time and over decoding time, and the answers to questions."""

import statistics
from collections.abc import Collection
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from ipe_sr import figures
from ipe_sr.report import learning
from ipe_sr.report.document import Picture
from ipe_sr.report.results import Section
from ipe_sr.report.verdicts import Verdict

MARKERS = "osD^vPX*"


def all_of(section: Section, only: Collection[str] | None = None) -> list[Picture]:
    """The pictures of a section; none if no row has scores.   only: the rows to draw, if not all of them."""
    rows = [row for row in section.rows if section.scored(row) and (only is None or row in only)]
    return [_against_scale(section, rows), _against_time(section, rows)] if rows else []


def answer_plot(found: list[Verdict], alike: float, name: str) -> Picture | None:
    """The difference that each question asks for, with its 95% interval over seeds, and a diamond for the paper's. Each range
    of scales has a colour and a marker. Intervals wider than the picture end at its edge. None without any difference.

    alike: half the width of the shaded band, in dB.
    """
    known = [each for each in found if each.differences]
    if not known:
        return None
    pairs, ranges = ([*dict.fromkeys(values)] for values in zip(*((_pair(each), each.range) for each in known), strict=True))
    fig, axes = figures.panels(1, 1, height=0.9 + 0.3 * len(pairs))
    ax, reach = axes[0, 0], 1.25 * max(0.1, *(abs(each.mean) for each in known))
    ax.axvspan(-alike, alike, color="#EBEBEB", zorder=0)
    ax.axvline(0, color=figures.BLACK, linewidth=0.8)
    for each in known:
        i = ranges.index(each.range)
        at, look = pairs.index(_pair(each)) + 0.3 * (i - (len(ranges) - 1) / 2), {"color": figures.COLOURS[i]}
        if each.interval:
            ax.plot([each.interval.low, each.interval.high], [at, at], **look, linewidth=1.5)
        ax.plot(each.mean, at, MARKERS[i], **look, markersize=5)
        if each.paper:
            ax.plot(each.paper.value, at, "D", **look, markersize=5, markerfacecolor="white")
    ax.set(xlim=(-reach, reach), ylim=(len(pairs) - 0.4, -0.6), yticks=range(len(pairs)), xlabel="difference in PSNR / dB")
    ax.set_yticklabels(pairs, fontsize=8)
    for i, each in enumerate(ranges):
        ax.plot([], [], MARKERS[i], color=figures.COLOURS[i], label=each)
    ax.plot([], [], "D", color=figures.BLACK, markerfacecolor="white", label="in the paper")
    fig.legend(loc="outside lower center", ncols=len(ranges) + 1, fontsize=9)
    alt = "; ".join(f"{_pair(each)}, {each.range}: {each.mean:+.3f} dB, {each.word}" for each in known)
    return Picture(name, figures.png(fig), f"Differences in PSNR with 95% intervals over seeds: {alt}", figures.pdf(fig))


def _pair(verdict: Verdict) -> str:
    return verdict.question.pair


def _against_scale(section: Section, rows: list[str]) -> Picture:
    """Left: PSNR over scale. Right: each trained row's distance from the mean of the trained rows, with 95% intervals over
    seeds."""
    fig, axes = figures.panels(1, 2, height=3 + 0.1 * len(rows))
    means = {row: {scale: section.cells[row, scale].scores.estimate() for scale in section.scored(row)} for row in rows}
    trained = [row for row in rows if any(section.cells[row, scale].scores.trained for scale in section.scored(row))]
    scales = sorted({scale for known in means.values() for scale in known})
    for i, (row, style) in enumerate(_styles(rows)):
        known = means[row]
        axes[0, 0].plot(list(known), [estimate.mean for estimate in known.values()], **style, label=row)
        if row in trained:
            centre = [statistics.fmean(means[r][scale].mean for r in trained if scale in means[r]) for scale in known]
            apart = [estimate.mean - middle for estimate, middle in zip(known.values(), centre, strict=True)]
            reach = [estimate.seeds.half if estimate.seeds else 0 for estimate in known.values()]
            beside = [scale * (1 + 0.02 * (i - len(rows) / 2)) for scale in known]   # so that no bar hides another
            axes[0, 1].errorbar(beside, apart, reach, **style, capsize=3, elinewidth=1)
    for ax, label in zip(axes[0], ("PSNR / dB", "PSNR − mean of trained rows / dB"), strict=True):
        ax.set(xscale="log", xlabel="scale", ylabel=label)
        ax.set_xticks(scales, [f"x{scale:g}" for scale in scales], fontsize=8)
        ax.minorticks_off()
    fig.legend(loc="outside lower center", ncols=2, fontsize=9)
    ends = ", ".join(f"{row} {_ends(means[row])}" for row in rows)
    alt = f"PSNR on {section.data} over scale, and the distance of each trained row from the mean of the trained rows: {ends}"
    return Picture(f"{section.file}-scale", figures.png(fig), alt, figures.pdf(fig))


def _against_time(section: Section, rows: list[str]) -> Picture:
    """Left: validation PSNR over training time. Right: PSNR over decoding time, with the Pareto front."""
    fig, axes = figures.panels(1, 2, height=3 + 0.1 * len(rows))
    shared = [scale for scale in section.scales if all(section.cells[row, scale].scores for row in rows)]
    points = {}
    for row, style in _styles(rows):
        runs = section.runs(row)
        curves = [curve for run in runs if len(curve := learning.curve(run)[:, 1:])]
        if curves:
            length = min(map(len, curves))
            axes[0, 0].plot(*np.mean([curve[:length] for curve in curves], 0).T, **style)
        decode = [run.decode["seconds"] for run in runs if run.decode]
        if decode and shared:
            score = statistics.fmean(section.cells[row, scale].scores.psnr.mean() for scale in shared)
            points[row] = statistics.median(decode) * 1000, score
            axes[0, 1].plot(*points[row], **style | {"linestyle": ""}, label=row)
    _front(axes[0, 1], list(points.values()))
    over = ", ".join(f"x{scale:g}" for scale in shared)
    axes[0, 0].set(xlabel="training / s", ylabel="PSNR of the validation crops / dB")
    axes[0, 1].set(xlabel="decoding one picture / ms", ylabel=f"mean PSNR at {over} / dB")
    axes[0, 1].set_xlim(left=0)
    fig.legend(loc="outside lower center", ncols=2, fontsize=9)
    costs = ", ".join(f"{row} {score:.2f} dB in {ms:.0f} ms" for row, (ms, score) in points.items())
    alt = f"Validation PSNR over training time; and mean PSNR on {section.data} at {over} over decoding time: {costs}"
    return Picture(f"{section.file}-time", figures.png(fig), alt, figures.pdf(fig))


def _front(ax: Axes, points: list[tuple[float, float]]) -> None:
    """Draws the Pareto front: the points that no other point beats in both time and PSNR."""
    front: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda p: (p[0], -p[1])):
        if not front or point[1] > front[-1][1]:
            front.append(point)
    if front:
        ax.step(*zip(*front, strict=True), where="post", color="#888", linewidth=1, zorder=0)


def _styles(rows: list[str]):
    looks = zip(cycle(figures.COLOURS), cycle(figures.DASHES), cycle(MARKERS), strict=False)
    for row, (colour, dash, marker) in zip(rows, looks, strict=False):
        yield row, {"color": colour, "linestyle": dash, "marker": marker, "markersize": 5}


def _ends(known: dict) -> str:
    first, last = min(known), max(known)
    return " to ".join(f"{known[scale].mean:.2f} dB at x{scale:g}" for scale in dict.fromkeys((first, last)))
