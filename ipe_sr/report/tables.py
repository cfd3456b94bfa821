"""The tables of a section: scores, differences and costs."""

import statistics

from ipe_sr.report import comparisons, prose
from ipe_sr.report.comparisons import Comparison
from ipe_sr.report.document import Cell, Table
from ipe_sr.report.intervals import Interval
from ipe_sr.report.results import Section, SeedScores

NONE = Cell("–")


def scores(section: Section) -> Table:
    """The scores in the paper's layout: a line for each row of the section, a column for each scale.

    Below each PSNR stands the SSIM, if the paper's table has it. The best entry of a column is bold if `comparisons.best` is
    sure of it. What the paper prints stands in `differences`: levels of PSNR depend on the pictures and on the protocol.
    """
    best = {scale: comparisons.best(section, scale) for scale in section.scales}
    with_ssim = bool(section.table) and section.table.with_ssim

    def entry(row: str, scale: float) -> Cell:
        cell = section.cells[row, scale]
        lacking = ", ".join(f"{n} {state}" for n, state in ((cell.failed, "failed"), (cell.missing, "missing")) if n)
        text = _psnr(cell.scores) + (f" ({lacking})" if lacking else "") if cell.scores else lacking or NONE.text
        ssim = f"{cell.scores.ssim.mean():.4f}" if cell.scores else ""
        return Cell(text, (ssim,) * with_ssim, best[scale] == row, bool(lacking))

    legend = ("SSIM",) * with_ssim
    rows = tuple((Cell(row, legend), *(entry(row, scale) for scale in section.scales)) for row in section.rows)
    header = ("", *(f"x{scale:g}" for scale in section.scales))
    return Table(_caption(section, with_ssim), header, rows, f"{section.file}-scores")


def differences(found: list[Comparison], name: str = "") -> Table:
    """The comparisons in the paper's layout: a line for each pair of rows, a column for each scale or mean over scales.

    name: of the table's LaTeX file.
    """
    columns = list(dict.fromkeys(c.scales for c in found))
    printed = any(c.paper is not None for c in found)
    legend = ("95% over seeds", "95% over seeds and pictures") + ("paper",) * printed

    def entry(c: Comparison | None) -> Cell:
        if c is None:
            return NONE
        d = c.difference
        paper = ("" if c.paper is None else signed(c.paper, 2),) * printed
        return Cell(signed(d.mean), (interval_text(d.seeds), interval_text(d.both), *paper), bool(d.seeds and d.seeds.sign))

    by_pair: dict[tuple[str, str], dict[tuple[float, ...], Comparison]] = {}
    for c in found:
        by_pair.setdefault((c.first, c.second), {})[c.scales] = c
    rows = tuple(
        (Cell(prose.difference(*pair), legend), *(entry(mine.get(scales)) for scales in columns))
        for pair, mine in by_pair.items()
    )
    scoring = ", ".join(dict.fromkeys(c.scoring for c in found))
    caption = (
        f"Paired differences in PSNR, in dB, {scoring}, on the seeds that both rows have. Bold: the "
        "interval over seeds does not contain zero" + ("; paper: the same difference in the paper" if printed else "")
    )
    return Table(caption, ("", *(", ".join(f"x{scale:g}" for scale in scales) for scales in columns)), rows, name)


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
    return Table(caption, header, tuple(map(line, section.rows)), f"{section.file}-costs")


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
    if section.scoring:
        parts.append(prose.scoring(section))
    return f"{parts[0]} {'; '.join(parts[1:])}"


def _psnr(scores: SeedScores) -> str:
    estimate = scores.estimate()
    spread = f" ± {estimate.seeds.half:.2f}" if estimate.seeds and scores.trained else ""
    return f"{estimate.mean:.2f}{spread}".replace("inf", "∞")


def signed(value: float, digits: int = 3) -> str:
    """A number with its sign: +0.050, −0.050."""
    return f"{value:+.{digits}f}".replace("-", "−")


def interval_text(known: Interval | None) -> str:
    """An interval in words: +0.010 to +0.090."""
    return f"{signed(known.low)} to {signed(known.high)}" if known else NONE.text
