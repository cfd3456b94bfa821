"""Tables and a figure of how much models use the area of a pixel: `python -m ipe_sr.report.areas FOLDER`.

The folder holds the records of `python -m ipe_sr.benchmarks.areas`. Trainings of one preset with several seeds, whose records
are named PRESET-seedN, make one row. The output is Markdown; --figure FILE.png draws the figure, with FILE.pdf beside it.
"""

import math
import re
import statistics
from pathlib import Path
from typing import Annotated, Any

import typer

from ipe_sr import console, figures, files
from ipe_sr.errors import InputError
from ipe_sr.report import markdown
from ipe_sr.report.document import Block, Cell, Table

FORMAT = "ipe_sr-areas/1"
Key = tuple[str, float, float]   # "upright" or "views"; scale; degrees


def read(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Model -> its records, one for each seed. Raises InputError if the folder holds none, or something else."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        record = files.read_json(path)
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise InputError(f"{path}: not a record of ipe_sr.benchmarks.areas (its format is not {FORMAT!r})")
        found.setdefault(re.sub(r"-seed\d+$", "", record["model"]), []).append(record)
    if not found:
        raise InputError(f"{folder}: holds no records; make some with python -m ipe_sr.benchmarks.areas")
    return found


def levels(records: list[dict[str, Any]]) -> dict[Key, dict[float, float]]:
    """(kind, scale, degrees) -> factor -> PSNR in dB, the mean over the records."""
    found: dict[Key, dict[float, list[float]]] = {}
    for record in records:
        for kind in ("upright", "views"):
            for told in record[kind]:
                found.setdefault((kind, told["scale"], told["degrees"]), {}).setdefault(told["factor"], []).append(told["psnr"])
    return {key: {factor: statistics.fmean(each) for factor, each in by.items()} for key, by in found.items()}


def title(key: Key) -> str:
    """"x2" for upscaling, and "zoom 2, turned 45°" or "zoom 2, upright" for a view."""
    kind, scale, degrees = key
    if kind == "upright":
        return f"x{scale:g}"
    return f"zoom {scale:g}, " + (f"turned {degrees:g}°" if degrees else "upright")


def tables(found: dict[str, list[dict[str, Any]]]) -> list[Block]:
    """Three tables: the PSNR when told the right size, what other sizes cost, and the gap between pixel and parts."""
    measured = {name: levels(records) for name, records in found.items()}
    keys = list(dict.fromkeys(key for by in measured.values() for key in by))
    factors = sorted({factor for by in measured.values() for told in by.values() for factor in told} - {1.0})
    cuts = list(dict.fromkeys((gap["scale"], gap["parts"]) for records in found.values() for gap in records[0]["gaps"]))
    right = [[name, *(f"{by[key][1.0]:.2f}" if key in by else "" for key in keys)] for name, by in measured.items()]
    wrong = [
        [name, *("; ".join(f"{by[key][f] - by[key][1.0]:+.2f}" for f in factors) if key in by else "" for key in keys)]
        for name, by in measured.items()
    ]
    gaps = [
        [name, *(f"{statistics.fmean(values):.1f}" if (values := _gaps(records, *cut)) else "" for cut in cuts)]
        for name, records in found.items()
    ]
    told = ", ".join(_fraction(factor) for factor in factors)
    columns, parted = list(map(title, keys)), [f"x{scale:g}, k = {parts}" for scale, parts in cuts]
    return [
        _table("PSNR in dB if a model is told the right size", columns, right),
        _table(f"What it loses, in dB, if it is told {told} times the right size", columns, wrong),
        _table("PSNR in dB between its colour of a pixel and the mean of its colours of the pixel's k x k parts", parted, gaps),
    ]


def figure(found: dict[str, list[dict[str, Any]]], keys: list[Key]) -> Any:
    """The loss against the told size, one panel for each key, one line for each model. At 0 a line may leave its panel.

    The three panels of a row share their axes.
    """
    columns = 3
    fig, axes = figures.panels(math.ceil(len(keys) / columns), columns, height=2.8, sharey="row")
    measured = {name: levels(records) for name, records in found.items()}
    for ax, key in zip(axes.flat, keys, strict=False):
        curves = {name: by[key] for name, by in measured.items() if key in by}
        factors = sorted(next(iter(curves.values())))
        figures.plot_lines(ax, range(len(factors)), {
            name: [told[factor] - told[1.0] for factor in factors] for name, told in curves.items()
        })
        if legend := ax.get_legend():   # there is none for a single line
            legend.remove()             # one stands below all panels
        ax.set(title=title(key), xlabel="told size / right size")
        ax.set_xticks(range(len(factors)), [_fraction(factor) for factor in factors])
    for row, (ax, *_) in enumerate(axes):
        curves = [by[key] for key in keys[columns * row : columns * (row + 1)] for by in measured.values() if key in by]
        # Told points, a network may lose so much that the rest would look flat. So the factor 0 is left out here.
        seen = [told[factor] - told[1.0] for told in curves for factor in told if factor]
        margin = 0.1 * max(max(seen) - min(seen), 0.1)
        ax.set_ylim(min(seen) - margin, max(seen) + margin)
        ax.set_ylabel("PSNR − PSNR at\nthe right size / dB")
    for ax in axes.flat[len(keys) :]:
        ax.set_axis_off()
    fig.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return fig


def _gaps(records: list[dict[str, Any]], scale: float, parts: int) -> list[float]:
    return [gap["psnr"] for record in records for gap in record["gaps"] if (gap["scale"], gap["parts"]) == (scale, parts)]


def _fraction(factor: float) -> str:
    return f"1/{round(1 / factor)}" if 0 < factor < 1 else f"{factor:g}"


def _table(caption: str, columns: list[str], rows: list[list[str]]) -> Table:
    return Table(caption, ("", *columns), tuple(tuple(map(Cell, row)) for row in rows))


def main(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds the records.")],
    picture: Annotated[
        Path | None, typer.Option("--figure", help="Draw the figure into this PNG file, and a PDF beside it.")
    ] = None,
) -> None:
    """Print the tables, and draw the figure."""
    found = read(folder)
    print(markdown.document(tables(found)))
    if picture:
        shown = [("upright", scale, 0) for scale in (2, 4, 8)] + [("views", scale, 45) for scale in (2, 1, 0.5)]
        drawn = figure(found, shown)
        for path, content in ((picture, figures.png(drawn)), (picture.with_suffix(".pdf"), figures.pdf(drawn))):
            with files.replacing(path) as temporary:
                temporary.write_bytes(content)


if __name__ == "__main__":
    app = typer.Typer(**console.OPTIONS)
    app.command()(main)
    console.run(app, "areas")
