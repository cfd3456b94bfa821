"""The tables of a section: scores, differences and costs."""

import statistics

from ipe_sr.report import comparisons
from ipe_sr.report.comparisons import EFFECT, Comparison
from ipe_sr.report.document import Cell, Table
from ipe_sr.report.intervals import RESAMPLES, Interval, runs_needed
from ipe_sr.report.paper import Printed
from ipe_sr.report.results import Section, SeedScores

NONE = Cell("–")


def scores(section: Section) -> Table:
    """The scores in the paper's layout: a line for each row of the section, a column for each scale.

    Below each PSNR stand the SSIM, if the paper's table has it, and what the paper prints. The best entry of a column is bold
    if `comparisons.best` is sure of it.
    """
    best = {scale: comparisons.best(section, scale) for scale in section.scales}
    with_ssim, beside = bool(section.table) and section.table.with_ssim, section.reference is not None
    legend = ("SSIM",) * with_ssim + ("paper",) * beside

    def entry(row: str, scale: float) -> Cell:
        cell = section.cells[row, scale]
        lacking = ", ".join(f"{n} {state}" for n, state in ((cell.failed, "failed"), (cell.missing, "missing")) if n)
        text = _psnr(cell.scores) + (f" ({lacking})" if lacking else "") if cell.scores else lacking or NONE.text
        ssim = f"{cell.scores.ssim.mean():.4f}" if cell.scores else ""
        below = (ssim,) * with_ssim + (_beside(section.printed(row, scale)),) * beside
        return Cell(text, below, best[scale] == row, bool(lacking))

    rows = tuple((Cell(row, legend), *(entry(row, scale) for scale in section.scales)) for row in section.rows)
    return Table(_caption(section, with_ssim), ("", *(f"x{scale:g}" for scale in section.scales)), rows)


def differences(found: list[Comparison]) -> Table:
    """The comparisons, each with both of its intervals."""
    def line(c: Comparison) -> tuple[Cell, ...]:
        d = c.difference
        return (
            Cell(f"{c.first} − {c.second}"),
            Cell(", ".join(f"x{scale:g}" for scale in c.scales)),
            Cell(_signed(d.mean), strong=bool(d.seeds and d.seeds.sign)),
            _interval(d.seeds),
            _interval(d.both),
            NONE if d.above is None else Cell(f"{d.above:.1%}"),
            NONE if c.paper is None else Cell(_signed(c.paper, 2)),
            NONE if d.deviation is None else Cell(str(runs_needed(d.deviation, EFFECT))),
        )

    header = (
        "difference", "scale", "dB", "95% over seeds", "95% over seeds and pictures", "ahead", "paper",
        f"seeds needed for {EFFECT} dB",
    )
    caption = (
        "Paired differences in PSNR, on the seeds that both rows have. Bold: the interval over seeds does not contain zero. "
        f"Ahead: how often the first row is ahead in {RESAMPLES:,} resamples of seeds and pictures"
    )
    return Table(caption, header, tuple(map(line, found)))


def times(section: Section) -> Table:
    """What each row costs: its parameters, mean training time, median decoding time and largest memory."""
    def line(row: str) -> tuple[Cell, ...]:
        runs = section.runs(row)
        if not runs:
            return (Cell(row), *[NONE] * 4)
        memory = [run.peak_memory_bytes for run in runs if run.peak_memory_bytes]
        decode = [run.decode["seconds"] for run in runs if run.decode]
        return (
            Cell(row),
            Cell(f"{max(run.parameter_count or 0 for run in runs):,}"),
            Cell(f"{statistics.fmean(run.seconds['train'] for run in runs):.1f}"),
            Cell(f"{1000 * statistics.median(decode):.0f}") if decode else NONE,
            Cell(f"{max(memory) / 2**20:.0f}") if memory else NONE,
        )

    header = ("", "parameters", "training / s", "decoding / ms", "peak memory / MiB")
    pictures = {run.decode["picture"] for run in section.sweep.runs if run.decode}
    caption = f"Costs. Decoding is timed on a picture of {', '.join(sorted(pictures)) or 'unknown size'}"
    return Table(caption, header, tuple(map(line, section.rows)))


def _caption(section: Section, with_ssim: bool) -> str:
    found = next((cell.scores for cell in section.cells.values() if cell.scores), None)
    if found is None:
        return "No run has ended well yet"
    seeds = sorted({len(cell.scores.seeds) for cell in section.cells.values() if cell.scores and cell.scores.trained}) or [0]
    counts = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else f"{seeds[0]}"
    parts = [
        "PSNR in dB" + (", SSIM below" if with_ssim else "") + f", mean over {len(found.pictures)} pictures",
        f"and {counts} seeds ± half of the 95% interval over seeds" if seeds[-1] > 1 else "with one seed, hence no intervals",
        "bold: ahead of every other row, with each interval of the difference above zero",
    ]
    if section.reference:
        parts.append(f"paper: what the paper prints, for {section.reference.data}")
    return f"{parts[0]} {'; '.join(parts[1:])}"


def _psnr(scores: SeedScores) -> str:
    estimate = scores.estimate()
    spread = f" ± {estimate.seeds.half:.2f}" if estimate.seeds and scores.trained else ""
    return f"{estimate.mean:.2f}{spread}".replace("inf", "∞")


def _beside(printed: Printed | None) -> str:
    if not printed:
        return ""
    return f"{printed.psnr:.2f}" + (f" / {printed.ssim:.4f}" if printed.ssim else "")


def _signed(value: float, digits: int = 3) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _interval(interval: Interval | None) -> Cell:
    return Cell(f"{_signed(interval.low)} to {_signed(interval.high)}") if interval else NONE
