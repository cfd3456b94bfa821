"""How fast each row learns: how many steps and seconds of training it needs to reach a given validation PSNR."""

import math
import statistics

import numpy as np

from ipe_sr.report.document import Cell, Table
from ipe_sr.report.results import Section
from ipe_sr.sweeps.records import Record

MOST = 7   # columns of the table


def curve(run: Record) -> np.ndarray:
    """The n validations of a run: (n, 3) with steps and seconds of training, and the mean PSNR over scales in dB."""
    seconds = {point["step"]: point["value"] for point in run.curve if point["name"] == "seconds"}
    psnr: dict[int, list[float]] = {}
    for point in run.curve:
        if point["name"].startswith("psnr_x") and point["step"] in seconds:
            psnr.setdefault(point["step"], []).append(point["value"])
    return np.array([(step, seconds[step], statistics.fmean(values)) for step, values in sorted(psnr.items())]).reshape(-1, 3)


def table(section: Section) -> Table | None:
    """A table with a line for each row of the section, and a column for the PSNR at which each row ends. If there are more
    than `MOST` rows, only some of them have a column.

    Between two validations the PSNR is taken to grow linearly. Returns None if fewer than two rows were trained.
    """
    curves = {row: found for row in section.rows if (found := [c for run in section.runs(row) if len(c := curve(run))])}
    if len(curves) < 2:
        return None
    ends = {row: statistics.fmean(c[-1, 2] for c in found) for row, found in curves.items()}
    goals = sorted(ends, key=ends.get)
    goals = goals[:: math.ceil(len(goals) / MOST)]
    rows = tuple((Cell(row), *(_entry(found, ends[goal]) for goal in goals)) for row, found in curves.items())
    caption = (
        "Steps of training, and below them seconds, until the PSNR of the validation crops (protocol div2k) reaches the value "
        "at which a row ends (the mean over that row's seeds). Each entry is the median over seeds. A number in brackets says "
        "how many seeds reach it, if not all do"
    )
    header = ("", *(f"{ends[goal]:.2f} dB: {goal}" for goal in goals))
    return Table(caption, header, rows, f"{section.file}-learning")


def reach(curve: np.ndarray, goal: float) -> tuple[float, float] | None:
    """(steps, seconds) at which a curve, as `curve` gives it, first reaches a PSNR; None if it never does."""
    above = np.flatnonzero(curve[:, 2] >= goal)
    if not len(above):
        return None
    i = above[0]
    if i == 0:
        return tuple(curve[0, :2])
    share = (goal - curve[i - 1, 2]) / (curve[i, 2] - curve[i - 1, 2])
    return tuple(curve[i - 1, :2] + share * (curve[i, :2] - curve[i - 1, :2]))


def _entry(curves: list[np.ndarray], goal: float) -> Cell:
    reached = [at for c in curves if (at := reach(c, goal))]
    if not reached:
        return Cell("not reached")
    steps, seconds = (statistics.median(values) for values in zip(*reached, strict=True))
    some = f" ({len(reached)} of {len(curves)})" if len(reached) < len(curves) else ""
    return Cell(f"{steps:.0f}{some}", (f"{seconds:.0f} s",))
