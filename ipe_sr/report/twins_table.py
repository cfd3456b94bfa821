"""The table of scores of the released twins: `python -m ipe_sr.report.twins_table RECORDS DOCUMENT...`.

The records are those of the table `evidence`. Of each row the training with seed 0 counts, which is the released one. The table
is written between two marks of each document.
"""

from pathlib import Path
from typing import Annotated

import typer

from ipe_sr import console
from ipe_sr.errors import InputError
from ipe_sr.report import results
from ipe_sr.report.results import Section
from ipe_sr.report.scores_table import write_into

BEGIN, END = "<!-- twins: begin -->", "<!-- twins: end -->"
SEED = 0   # of the released networks
TWINS = {   # released name -> row of the table `evidence`
    "bicubic": "bicubic", "small-liif": "LIIF", "small-liif-pe": "PE", "small-ipe-liif": "IPE", "small-field": "field",
    "small-metasr": "MetaSR", "small-ipe-metasr": "IPE-MetaSR",
}
SETS = {"set5": "Set5", "set14": "Set14", "b100:30": "B100, 30 pictures", "photos-valid:5": "photographs"}
SCALES = (2, 3, 4, 6, 8, 12)


def table(folder: Path) -> str:
    """A Markdown table with a line for each set and scale, and a column for each twin: PSNR in dB."""
    sections = {section.data: section for section in results.sections(results.sweeps(folder)[0])}
    if missing := sorted(SETS.keys() - sections.keys()):
        raise InputError(f"{folder}: holds no scores of {missing[0]}; give the records of the table evidence")
    lines = [f"| | {' | '.join(TWINS)} |", "|---" * (len(TWINS) + 1) + "|"]
    for data, title in SETS.items():
        for scale in SCALES:
            scored = (_psnr(sections[data], row, scale) for row in TWINS.values())
            lines.append(f"| {title} x{scale} | {' | '.join(scored)} |")
    return "\n".join(lines)


def _psnr(section: Section, row: str, scale: float) -> str:
    """The mean over the pictures, in dB; nothing if the row has no training with this seed."""
    cell = section.cells.get((row, scale))
    if not cell or not cell.scores or SEED not in cell.scores.seeds:
        return ""
    return f"{cell.scores.psnr[cell.scores.seeds.index(SEED)].mean():.2f}"


def main(
    folder: Annotated[Path, typer.Argument(metavar="RECORDS", help="A folder of records of the table evidence.")],
    documents: Annotated[list[Path], typer.Argument(metavar="DOCUMENT...", exists=True, dir_okay=False)],
) -> None:
    """Write the table of the twins into documents."""
    write_into(documents, table(folder), BEGIN, END)


if __name__ == "__main__":
    app = typer.Typer(**console.OPTIONS)
    app.command()(main)
    console.run(app, "twins_table")
