"""From run records to the numbers of a table: which cells there are, and what was scored in each."""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ipe_sr.errors import InputError
from ipe_sr.models import configs
from ipe_sr.report import intervals, paper
from ipe_sr.report.intervals import Estimate
from ipe_sr.sweeps import records
from ipe_sr.sweeps.records import Place, Record


@dataclass(frozen=True)
class SeedScores:
    """What the runs of one row scored on one set at one scale: psnr (dB, inf for equal pictures) and ssim, (S, I) each.

    trained: False where nothing is trained, so that any seed would give the same.
    """

    seeds: tuple[int, ...]
    pictures: tuple[str, ...]
    psnr: np.ndarray
    ssim: np.ndarray
    trained: bool

    def estimate(self) -> Estimate:
        return intervals.estimate(self.psnr)


@dataclass(frozen=True)
class Cell:
    """scores: None where no run got so far.   failed, missing: runs of this cell that failed, or have not run yet."""

    scores: SeedScores | None
    failed: int = 0
    missing: int = 0


@dataclass(frozen=True)
class Sweep:
    """The runs of one table with one parameter set.   runs: those that ended well.   failed: the others that ended.
    missing: those that are due."""

    table: str
    params: str
    runs: tuple[Record, ...]
    failed: tuple[Record, ...]
    missing: tuple[Place, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        return (*self.runs, *self.failed, *self.missing)


@dataclass(frozen=True)
class Section:
    """One block of a table on one set of pictures.   scales: columns.   rows: labels.   cells: by (label, scale).
    reference: the paper's block to stand beside, or None.   same_data: whether it was scored on the same pictures."""

    sweep: Sweep
    block: str
    data: str
    scales: tuple[float, ...]
    rows: tuple[str, ...]
    cells: dict[tuple[str, float], Cell]
    reference: paper.Block | None
    same_data: bool

    def scored(self, row: str) -> tuple[float, ...]:
        """The scales at which a row has scores."""
        return tuple(scale for scale in self.scales if self.cells[row, scale].scores)

    @property
    def table(self) -> paper.Table | None:
        """The paper's table that this belongs to."""
        return paper.read().tables.get(self.sweep.table)

    @property
    def name(self) -> str:
        """Short and unique within a report, such as "table4-tiny.U(1,4).set5"."""
        return ".".join([f"{self.sweep.table}-{self.sweep.params}", self.block, self.data])

    def figure(self, row: str, scale: float) -> paper.Figure | None:
        """What the paper has in this place."""
        return self.reference.rows.get(row, {}).get(scale) if self.reference else None

    def runs(self, row: str) -> list[Record]:
        return [run for run in self.sweep.runs if (run.block, run.row) == (self.block, row)]


def describe(place: Place) -> str:
    return f"{place.table}-{place.params}, {place.block}, {place.row} ({place.preset}, seed {place.seed})"


def sweeps(folder: Path) -> list[Sweep]:
    """Every sweep below a folder.

    Raises InputError for none, for foreign files, and for runs of different code or notebooks: their figures must not
    stand in one report.
    """
    found, due = records.collect(folder), records.due(folder)
    _same_code([run for run in found if run.status == "ok"])
    ran = {_place(run) for run in found}
    made = []
    for table, params in sorted({(place.table, place.params) for place in (*found, *due)}):
        mine = [run for run in found if (run.table, run.params) == (table, params)]
        missing = tuple(p for p in due if (p.table, p.params) == (table, params) and p not in ran)
        by_status = {status: tuple(run for run in mine if run.status == status) for status in records.STATES}
        made.append(Sweep(table, params, by_status["ok"], by_status["failed"], missing))
    return made


def sections(sweep: Sweep) -> list[Section]:
    """In the paper's order of blocks, then in the sets' order of appearance."""
    known = paper.read().tables.get(sweep.table)
    blocks = _ordered((b.training for b in known.blocks) if known else (), (place.block for place in sweep.places))
    return [_section(sweep, known, block, data) for block in blocks for data in _data(sweep, block)]


def _section(sweep: Sweep, known: paper.Table | None, block: str, data: str) -> Section:
    candidates = [b for b in known.blocks if b.training == block] if known else []
    exact = [b for b in candidates if b.data == data]
    reference = exact[0] if exact else candidates[0] if len(candidates) == 1 else None
    labels = (place.row for place in sweep.places if place.block == block)
    rows = _ordered((label for b in candidates for label in b.rows), labels)
    scored = [(run, s) for run in sweep.runs if run.block == block for s in run.scores if s["data"] == data]
    _same_manner(scored)
    seen = {score["scale"] for _, score in scored}
    scales = tuple(sorted(seen | set(known.scales if known else ())))
    cells = {
        (row, scale): _cell(sweep, block, row, data, scale) if scale in seen or not seen else Cell(None)
        for row in rows for scale in scales
    }
    return Section(sweep, block, data, scales, rows, cells, reference, bool(exact))


def _cell(sweep: Sweep, block: str, row: str, data: str, scale: float) -> Cell:
    here = [place for place in sweep.places if (place.block, place.row) == (block, row) and _serves(place, scale)]
    runs, failed, missing = ([place for place in here if place in some] for some in (sweep.runs, sweep.failed, sweep.missing))
    found = [(run, score) for run in runs for score in run.scores if (score["data"], score["scale"]) == (data, scale)]
    return Cell(_scores(found) if found else None, len(failed), len(missing))


def _scores(found: list[tuple[Record, dict]]) -> SeedScores:
    """One row of the matrices for each run. Each seed must stand once."""
    found = sorted(found, key=lambda item: item[0].seed)
    for (before, _), (run, _) in itertools.pairwise(found):
        if run.seed == before.seed:
            raise InputError(f"two runs are the same: {describe(before)} and {describe(run)}; remove one record")
    values = {
        key: np.array([[math.inf if image[key] is None else image[key] for image in score["images"]] for _, score in found])
        for key in ("psnr", "ssim")
    }
    seeds, pictures = (run.seed for run, _ in found), (image["name"] for image in found[0][1]["images"])
    return SeedScores(tuple(seeds), tuple(pictures), **values, trained=any(run.checkpoint for run, _ in found))


def _same_manner(scored: list[tuple[Record, dict]]) -> None:
    """Whoever scored at one scale must have scored the same pictures by the same protocol."""
    first: dict[float, tuple] = {}
    for run, score in scored:
        manner = score["protocol"], score["ssim_convention"], score["lr"], [image["name"] for image in score["images"]]
        before, expected = first.setdefault(score["scale"], (run, manner))
        if manner != expected:
            raise InputError(f"{describe(before)} and {describe(run)} were not scored on the same pictures in the same way")


def _serves(place: Place, scale: float) -> bool:
    """Whether a run is asked about a scale: networks of a fixed scale answer at theirs only."""
    return getattr(configs.method(place.method), "scale", scale) == scale


def _data(sweep: Sweep, block: str) -> list[str]:
    """The sets that the runs of a block were scored on; one without a name where no run got so far."""
    return list(dict.fromkeys(s["data"] for run in sweep.runs if run.block == block for s in run.scores)) or [""]


def _ordered(first: Iterable[str], given: Iterable[str]) -> tuple[str, ...]:
    """What is given, each once: in the order of `first`, then in its own."""
    given = list(dict.fromkeys(given))
    return tuple(sorted(given, key=[*dict.fromkeys(first), *given].index))


def _same_code(runs: list[Record]) -> None:
    for run in runs[1:]:
        if (run.code_sha256, run.source_sha256) != (runs[0].code_sha256, runs[0].source_sha256):
            raise InputError(
                f"runs of different code cannot stand in one report: {describe(runs[0])} and {describe(run)}; "
                "run ipe-sr sweep again, or report their folders one by one"
            )


def _place(run: Place) -> Place:
    return Place(**{each.name: getattr(run, each.name) for each in dataclasses.fields(Place)})
