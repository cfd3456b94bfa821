"""From run records to the numbers of a table: which cells a table has, and what was scored in each."""

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ipe_sr import files
from ipe_sr.errors import InputError
from ipe_sr.report import intervals, paper
from ipe_sr.report.intervals import Estimate
from ipe_sr.sweeps import records
from ipe_sr.sweeps.records import DueRun, Place, Record

TABLES = "tables.yaml"


@dataclass(frozen=True)
class SeedScores:
    """The scores of one row on one set at one scale, from all its seeds.

    psnr: (S, I) for S seeds and I pictures, in dB; inf for equal pictures.   ssim: (S, I).
    trained: False if nothing is trained, so that every seed gives the same scores.
    """

    seeds: tuple[int, ...]
    pictures: tuple[str, ...]
    psnr: np.ndarray
    ssim: np.ndarray
    trained: bool

    def estimate(self) -> Estimate:
        """The mean PSNR with its intervals."""
        return intervals.estimate(self.psnr)


@dataclass(frozen=True)
class CellResult:
    """The result in one cell of a table.   scores: None if no run has succeeded yet.
    failed, missing: how many runs of this cell failed, and how many have not run yet."""

    scores: SeedScores | None
    failed: int = 0
    missing: int = 0


@dataclass(frozen=True)
class Sweep:
    """The runs of one table with one parameter set.   runs: those that succeeded.   failed: those that failed.
    missing: those that are due but have not run.   rows: the labels in the order of `tables.yaml`; none if it is unknown."""

    table: str
    params: str
    runs: tuple[Record, ...]
    failed: tuple[Record, ...]
    missing: tuple[DueRun, ...]
    rows: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[Record | DueRun, ...]:
        """All runs: succeeded, failed and missing."""
        return (*self.runs, *self.failed, *self.missing)


@dataclass(frozen=True)
class Section:
    """One block of a table on one set of pictures.

    scales: the columns.   rows: the labels.   cells: by (label, scale).   reference: the paper's block that the report
    prints next to it, or None.   same_data: whether the paper's block was scored on the same pictures.
    """

    sweep: Sweep
    block: str
    data: str
    scales: tuple[float, ...]
    rows: tuple[str, ...]
    cells: dict[tuple[str, float], CellResult]
    reference: paper.PaperBlock | None
    same_data: bool

    def scored(self, row: str) -> tuple[float, ...]:
        """The scales at which a row has scores."""
        return tuple(scale for scale in self.scales if self.cells[row, scale].scores)

    @property
    def scoring(self) -> tuple[str, str] | None:
        """The protocol and the SSIM convention of all scores; None without scores."""
        scored = ((s["protocol"], s["ssim_convention"]) for run in self.sweep.runs if run.block == self.block
                  for s in run.scores if s["data"] == self.data)
        return next(scored, None)

    @property
    def table(self) -> paper.PaperTable | None:
        """The paper's table of the same name, or None."""
        return paper.read().tables.get(self.sweep.table)

    @property
    def name(self) -> str:
        """Short and unique within a report, such as "table4-tiny.U(1,4).set5"."""
        return ".".join([f"{self.sweep.table}-{self.sweep.params}", self.block, self.data])

    @property
    def file(self) -> str:
        """The name without characters that are special in file names or LaTeX."""
        return "".join(c if c.isalnum() or c == "-" else "-" for c in self.name).strip("-")

    def printed(self, row: str, scale: float) -> paper.Printed | None:
        """What the paper prints in this cell, or None."""
        return self.reference.rows.get(row, {}).get(scale) if self.reference else None

    def runs(self, row: str) -> list[Record]:
        """The runs of a row that succeeded."""
        return [run for run in self.sweep.runs if (run.block, run.row) == (self.block, row)]


def describe(place: Place) -> str:
    """A run in words: table, block, row, preset and seed."""
    return f"{place.table}-{place.params}, {place.block}, {place.row} ({place.preset}, seed {place.seed})"


def experiments(folder: Path) -> Path | None:
    """The folder with the `tables.yaml` that records belong to: it is the folder that holds the records, or one that encloses
    it, or notebooks/experiments in one of these. None if there is no such file."""
    above = (folder.resolve(), *folder.resolve().parents)
    places = (place for one in above for place in (one, one / "notebooks" / "experiments"))
    return next((place for place in places if (place / TABLES).is_file()), None)


def sweeps(folder: Path, source: Path | None = None) -> list[Sweep]:
    """Every sweep below a folder, ordered by table and parameter set.

    The rows stand in the order of the plan beside the records, else in that of `tables.yaml`.
    source: the folder of `tables.yaml`; by default what `experiments` finds.
    Raises InputError if there is no record, if a file is not a record, and if the runs of one table were made by different
    code or notebooks, because their numbers must not be compared.
    """
    found, due = records.collect(folder), records.due(folder)
    source = source or experiments(folder)
    ran = {run.place for run in found}
    made = []
    for table, params in sorted({(run.table, run.params) for run in (*found, *due)}):
        mine = [run for run in found if (run.table, run.params) == (table, params)]
        missing = tuple(run for run in due if (run.table, run.params) == (table, params) and run.place not in ran)
        by_status = {status: tuple(run for run in mine if run.status == status) for status in records.STATES}
        _check_same_code(by_status["ok"])
        planned = dict.fromkeys(run.row for run in due if (run.table, run.params) == (table, params))
        rows = tuple(planned or _rows(source, table))
        made.append(Sweep(table, params, by_status["ok"], by_status["failed"], missing, rows))
    return made


def sections(sweep: Sweep) -> list[Section]:
    """The sections of a sweep: blocks in the paper's order, and in each the sets in the order of their appearance."""
    known = paper.read().tables.get(sweep.table)
    blocks = _ordered((b.training for b in known.blocks) if known else (), (place.block for place in sweep.places))
    return [_section(sweep, known, block, data) for block in blocks for data in _data(sweep, block)]


def _section(sweep: Sweep, known: paper.PaperTable | None, block: str, data: str) -> Section:
    candidates = [b for b in known.blocks if b.training == block] if known else []
    exact = [b for b in candidates if b.data == data]
    reference = exact[0] if exact else candidates[0] if len(candidates) == 1 else None
    labels = (place.row for place in sweep.places if place.block == block)
    rows = _ordered((*sweep.rows, *(label for b in candidates for label in b.rows)), labels)
    scored = [(run, s) for run in sweep.runs if run.block == block for s in run.scores if s["data"] == data]
    _check_same_scoring(scored)
    asked = {scale for run in sweep.places if run.block == block for scale in run.scales}
    scales = tuple(sorted(asked | {s["scale"] for _, s in scored} | set(known.scales if known else ())))
    cells = {(row, scale): _cell(sweep, block, row, data, scale) for row in rows for scale in scales}
    return Section(sweep, block, data, scales, rows, cells, reference, bool(exact))


def _cell(sweep: Sweep, block: str, row: str, data: str, scale: float) -> CellResult:
    runs, failed, missing = (
        [run for run in some if (run.block, run.row) == (block, row) and scale in run.scales]
        for some in (sweep.runs, sweep.failed, sweep.missing)
    )
    found = [(run, score) for run in runs for score in run.scores if (score["data"], score["scale"]) == (data, scale)]
    return CellResult(_seed_scores(found) if found else None, len(failed), len(missing))


def _seed_scores(found: list[tuple[Record, dict]]) -> SeedScores:
    """One row of the matrices for each run. Raises InputError if a seed occurs twice."""
    found = sorted(found, key=lambda item: item[0].seed)
    for (before, _), (run, _) in itertools.pairwise(found):
        if run.seed == before.seed:
            raise InputError(f"two runs are the same: {describe(before)} and {describe(run)}; remove one record")
    values = {
        key: np.array([[math.inf if image[key] is None else image[key] for image in score["images"]] for _, score in found])
        for key in ("psnr", "ssim")
    }   # (S, I) each
    seeds, pictures = (run.seed for run, _ in found), (image["name"] for image in found[0][1]["images"])
    return SeedScores(tuple(seeds), tuple(pictures), **values, trained=any(run.checkpoint for run, _ in found))


def _check_same_scoring(scored: list[tuple[Record, dict]]) -> None:
    """Raises InputError unless all runs were scored at each scale on the same pictures and by the same protocol."""
    first: dict[float, tuple] = {}
    for run, score in scored:
        scoring = score["protocol"], score["ssim_convention"], score["lr"], [image["name"] for image in score["images"]]
        before, expected = first.setdefault(score["scale"], (run, scoring))
        if scoring != expected:
            raise InputError(f"{describe(before)} and {describe(run)} were not scored on the same pictures in the same way")


def _check_same_code(runs: tuple[Record, ...]) -> None:
    for run in runs[1:]:
        if (run.code_sha256, run.source_sha256) != (runs[0].code_sha256, runs[0].source_sha256):
            raise InputError(
                f"runs of different code cannot stand in one table: {describe(runs[0])} and {describe(run)}; "
                "run ipe-sr sweep again, or report their folders one by one"
            )


def _data(sweep: Sweep, block: str) -> list[str]:
    """The sets that the runs of a block were scored on; one set without a name if no run has succeeded yet."""
    return list(dict.fromkeys(s["data"] for run in sweep.runs if run.block == block for s in run.scores)) or [""]


def _rows(source: Path | None, table: str) -> list[str]:
    """The labels of a table in `tables.yaml`; none if there is no such file or no such table in it."""
    found: Any = files.read_yaml(source / TABLES) if source else None
    for key in ("tables", table, "rows"):
        found = found.get(key) if isinstance(found, dict) else None
    return list(map(str, found or ()))


def _ordered(first: Iterable[str], given: Iterable[str]) -> tuple[str, ...]:
    """The values of `given` without repetition: first those that `first` lists, in its order, then the others."""
    given = list(dict.fromkeys(given))
    return tuple(sorted(given, key=[*dict.fromkeys(first), *given].index))
