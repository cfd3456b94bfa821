"""The table of scores of the released weights, in documents: `python -m ipe_sr.report.scores_table FOLDER DOCUMENT...`.

It reads the records in a folder (see `scores`) and writes the table between two marks of each document.
"""

from pathlib import Path
from statistics import fmean
from typing import Annotated

import typer

from ipe_sr import console, files
from ipe_sr.errors import InputError
from ipe_sr.report.scores import ENSEMBLE, collect, difference

BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"
TITLES = {"set5": "Set5", "set14": "Set14", "b100": "B100", "kodak": "Kodak"}
OFFICIAL, OURS, FIELD, LIGHT = "edsr-baseline-liif.pth", "ipe-liif-cell", "ipe-field", "ipe-field-light"
RELEASED = (   # columns and pairs of `table`
    ["bicubic", OFFICIAL, OFFICIAL + ENSEMBLE, LIGHT, FIELD, "ipe-liif", OURS, OURS + ENSEMBLE],
    [(FIELD, OFFICIAL), (OURS, OFFICIAL), (OURS + ENSEMBLE, OFFICIAL), (OURS + ENSEMBLE, OFFICIAL + ENSEMBLE)],
)


def table(folder: Path, columns: list[str], pairs: list[tuple[str, str]]) -> str:
    """A Markdown table with a line for each set and scale: the PSNR of models, and differences with their intervals.

    columns: names of models.   pairs: (first, second), whose difference first - second gets a column.
    The last line has the mean of each difference over the lines above it; every set and scale counts alike.
    """
    found = collect(folder)
    for _, second in pairs:
        if second not in found:
            raise InputError(f"{folder}: holds no scores of {second}, which others are compared with")
    every = {cell for name in columns for cell in found.get(name, {})}
    cells = sorted(every, key=lambda cell: ([*TITLES, cell[0]].index(cell[0]), cell[1]))
    heads = [*columns, *(f"{first} − {second}" for first, second in pairs)]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    gains: dict[tuple[str, str], list[float]] = {pair: [] for pair in pairs}
    for cell in cells:
        row = [f"{found[name][cell]['psnr']:.2f}" if cell in found.get(name, {}) else "" for name in columns]
        for pair in pairs:
            scored = [found[name][cell] for name in pair if cell in found.get(name, {})]
            if len(scored) == 2:
                mean, interval = difference(*scored)
                gains[pair].append(mean)
                row.append(f"{mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]")
            else:
                row.append("")
        lines.append(f"| {TITLES.get(cell[0], cell[0])} x{cell[1]:g} | {' | '.join(row)} |")
    means = (f"{fmean(some):+.3f} ({len(some)} rows)" if some else "" for some in gains.values())
    lines.append(f"| mean | {' | '.join([*('' for _ in columns), *means])} |")
    return "\n".join(lines)


def embed(text: str, made: str, name: str, begin: str = BEGIN, end: str = END) -> str:
    """The text of a document with the table between its two marks.   name: of the document, for the message.

    Raises InputError unless each mark occurs once.
    """
    if text.count(begin) != 1 or text.count(end) != 1:
        raise InputError(f"{name}: needs the marks {begin} and {end} once each")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{made}\n{end}{rest.split(end)[1]}"


def write_into(documents: list[Path], made: str, begin: str = BEGIN, end: str = END) -> None:
    """Writes the table between its two marks of each document. Raises InputError as `embed`."""
    for document in documents:
        text = embed(document.read_text(encoding="utf-8"), made, str(document), begin, end)
        with files.replacing(document) as temporary:
            temporary.write_text(text, encoding="utf-8")


def main(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds the records.")],
    documents: Annotated[list[Path], typer.Argument(metavar="DOCUMENT...", exists=True, dir_okay=False)],
) -> None:
    """Write the table of the released weights into documents."""
    write_into(documents, table(folder, *RELEASED))


if __name__ == "__main__":
    app = typer.Typer(**console.OPTIONS)
    app.command()(main)
    console.run(app, "scores_table")
