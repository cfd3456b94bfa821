"""The pictures of a report: PSNR over scale, over training time and over decoding time."""

import statistics
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from ipe_sr import figures
from ipe_sr.report import learning
from ipe_sr.report.document import Picture
from ipe_sr.report.results import Section

MARKERS = "osD^vPX*"


def all_of(section: Section) -> list[Picture]:
    """The pictures of a section; none if no row has scores."""
    rows = [row for row in section.rows if section.scored(row)]
    return [_against_scale(section, rows), _against_time(section, rows)] if rows else []


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
