"""Scores of whole models on whole sets, kept with where they came from, and the table made of them.

`ipe-sr evaluate --json FILE` writes one record; `python -m ipe_sr.report.scores FOLDER DOCUMENT...` puts the table of a folder
of records into documents, between two marks.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any

import typer

from ipe_sr import console, files, provenance
from ipe_sr.errors import InputError
from ipe_sr.evaluation import Score
from ipe_sr.report import intervals

FORMAT = "ipe_sr-scores/1"
BEGIN, END = "<!-- scores: begin -->", "<!-- scores: end -->"
ENSEMBLE = ", self-ensemble"   # behind the name of a model that was used so
TITLES = {"set5": "Set5", "set14": "Set14", "b100": "B100", "kodak": "Kodak"}


@dataclass(frozen=True)
class ScoreRecord:
    """model: as it was asked for, without folders.   data: file name -> {"bytes", "sha256"} of what was read, weights
    included.   code_sha256: see `provenance.digest`.   scores: `evaluation.Score.record()`, one a set and scale."""

    model: str
    self_ensemble: bool
    seconds: float
    code_sha256: str
    git: dict[str, Any]
    versions: dict[str, str]
    device: str
    data: dict[str, dict[str, Any]]
    scores: list[dict[str, Any]]

    @property
    def name(self) -> str:
        return self.model + ENSEMBLE if self.self_ensemble else self.model


def record(model: str, self_ensemble: bool, seconds: float, scores: Iterable[Score], events: list[dict]) -> ScoreRecord:
    """What an evaluation gave.   events: of the journal that it ran in (see `files.journal`)."""
    return ScoreRecord(
        Path(model).name, self_ensemble, round(seconds, 1), provenance.digest("ipe_sr.evaluation"), provenance.git(),
        provenance.versions(), provenance.machine()["device"], provenance.data(events), [score.record() for score in scores],
    )


def write(scores: ScoreRecord, path: Path) -> None:
    """Write a record into a file that is not in its place yet (see `files.replacing`)."""
    path.write_text(json.dumps({"format": FORMAT} | asdict(scores), indent=1, allow_nan=False), encoding="utf-8")


def read(path: Path) -> ScoreRecord:
    """Raises InputError for a file that is no such record."""
    data = files.read_json(path)
    names = {field.name for field in fields(ScoreRecord)}
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT or data.keys() != names:
        raise InputError(f"{path}: not a record of ipe-sr evaluate --json (its format is not {FORMAT!r})")
    return ScoreRecord(**data)


def collect(folder: Path) -> dict[str, dict[tuple[str, float], dict[str, Any]]]:
    """Model -> (set, scale) -> score, of all records in a folder. Raises InputError for none, and for one cell scored twice."""
    found: dict[str, dict[tuple[str, float], dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        scores = read(path)
        cells = found.setdefault(scores.name, {})
        for score in scores.scores:
            if (key := (score["data"], score["scale"])) in cells:
                raise InputError(f"{path}: {scores.name} on {key[0]} x{key[1]:g} is in another record, too")
            cells[key] = score
    if not found:
        raise InputError(f"{folder}: holds no records; make some with ipe-sr evaluate --json")
    return found


def difference(first: dict[str, Any], second: dict[str, Any]) -> tuple[float, intervals.Interval]:
    """PSNR of one score minus that of another of the same pictures: mean, and its 95% interval over pictures of the kind."""
    rows = [{image["name"]: image["psnr"] for image in score["images"]} for score in (first, second)]
    if rows[0].keys() != rows[1].keys() or first["protocol"] != second["protocol"]:
        raise InputError(f"the scores on {first['data']} x{first['scale']:g} are not of the same pictures and protocol")
    if None in (*rows[0].values(), *rows[1].values()):
        raise InputError(f"the scores on {first['data']} x{first['scale']:g} hold an infinite PSNR, which has no difference")
    return intervals.over_pictures([rows[0][name] - rows[1][name] for name in rows[0]])


def table(folder: Path, columns: list[str], pairs: list[tuple[str, str]]) -> str:
    """PSNR of models (columns) on sets at scales (rows), and differences of pairs with their intervals, as Markdown.

    The last row has the mean of each difference over the rows above it, which counts every set and scale alike.
    """
    found = collect(folder)
    for _, against in pairs:
        if against not in found:
            raise InputError(f"{folder}: holds no scores of {against}, which others are held against")
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


def embed(text: str, made: str, name: str) -> str:
    """A document with the table between its two marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise InputError(f"{name}: needs the marks {BEGIN} and {END} once each")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{made}\n{END}{rest.split(END)[1]}"


OFFICIAL, OURS = "edsr-baseline-liif.pth", "ipe-liif-cell"
RELEASE = (
    ["bicubic", OFFICIAL, OFFICIAL + ENSEMBLE, "ipe-liif", OURS, OURS + ENSEMBLE],
    [(OURS, OFFICIAL), (OURS + ENSEMBLE, OFFICIAL), (OURS + ENSEMBLE, OFFICIAL + ENSEMBLE)],
)


def main(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Holds the records.")],
    documents: Annotated[list[Path], typer.Argument(metavar="DOCUMENT...", exists=True, dir_okay=False)],
) -> None:
    """Put the table of the released weights into documents."""
    made = table(folder, *RELEASE)
    for document in documents:
        text = embed(document.read_text(encoding="utf-8"), made, str(document))
        with files.replacing(document) as temporary:
            temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    app = typer.Typer(**console.OPTIONS)
    app.command()(main)
    console.run(app, "scores")
