"""Run records: what a run was asked to do, what it did and what came out, as one JSON file for each run.

A sweep's folder OUT holds a folder TABLE-PARAMS for each table and parameter set. In it, `plan.json` lists the runs that are
due. Each run has a folder of its own with `record.json` if the run succeeded, or `failure.json` if it failed; a run that is
still due has neither. Both files hold a `Record`: its fields are the keys of the JSON object, beside "format": FORMAT.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipe_sr import files
from ipe_sr.errors import InputError

FORMAT = "ipe_sr-run/1"
CODE = "ipe_sr.sweeps.runs"   # the module that makes a record; see `provenance.digest`
RECORD, FAILURE, PLAN = "record.json", "failure.json", "plan.json"
STATES = ("ok", "failed")


@dataclass(frozen=True)
class Place:
    """Where a run belongs: its table, block and row, as `tables.yaml` names them, and the method and seed within the row.

    params: the parameter set (tiny, hour, paper).   preset: SCHEDULE-METHOD.
    """

    table: str
    block: str
    row: str
    method: str
    params: str
    preset: str
    seed: int

    @property
    def place(self) -> "Place":
        """The place alone, without what a subclass adds; two runs of one place compare equal by it."""
        return Place(**{each.name: getattr(self, each.name) for each in dataclasses.fields(Place)})


@dataclass(frozen=True)
class DueRun(Place):
    """A run that a plan asks for.   scales: at which it is evaluated."""

    scales: tuple[float, ...]


@dataclass(frozen=True)
class Record(Place):
    """One run. A failed run leaves out what it could not measure: those fields are None or empty.

    status: "ok" or "failed".   failure: one line that names the notebook and the cell, or None.
    parameters: all parameters of the notebook.   schedule, model: resolved options (`schedules.resolved`).
    notebook, source_sha256: the notebook's name, and the digest of its code cells.   code_sha256: see `provenance.digest`.
    git: {"commit": hash or None, "dirty": bool or None}; None outside a checkout.   started: UTC, ISO 8601.
    versions: package -> version.   device: in words.   threads: threads of torch.   cores: cores of the machine.
    seconds: {"train": ..., "evaluate": ...}. Training counts the sum over its resumptions, and 0 if nothing is trained.
    peak_memory_bytes: of the process that trained and evaluated.   peak_device_bytes: of the GPU, or None without one.
    data: file name -> {"bytes", "sha256"} of every picture read.   checkpoint: {"path", "sha256"}, the path relative to
    OUT; None if nothing is trained.   parameter_count: trained and frozen parameters.
    scores: `evaluation.Score.record()` of each set and scale: data, scale, protocol, ssim_convention, lr, psnr, ssim,
    images [{name, psnr, ssim}]; an infinite PSNR is null.   curve: [{"step", "name", "value"}] from `metrics.csv`.
    decode: {"picture": in words, "seconds": median} of decoding one fixed picture.
    """

    status: str
    failure: str | None
    parameters: dict[str, Any]
    schedule: dict[str, Any]
    model: dict[str, Any]
    notebook: str
    source_sha256: str
    code_sha256: str
    git: dict[str, Any]
    started: str
    versions: dict[str, str]
    device: str
    threads: int
    cores: int
    seconds: dict[str, float] = field(default_factory=dict)
    iterations: int = 0
    peak_memory_bytes: int | None = None
    peak_device_bytes: int | None = None
    data: dict[str, dict[str, Any]] = field(default_factory=dict)
    checkpoint: dict[str, str] | None = None
    parameter_count: int | None = None
    scores: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    decode: dict[str, Any] | None = None

    @property
    def scales(self) -> tuple[float, ...]:
        """The scales at which the run was asked to be evaluated, whether it succeeded or not."""
        return tuple(self.parameters["scales"])

    def write(self, path: Path) -> None:
        """Writes the record atomically. Raises ValueError for a number that JSON cannot express, such as NaN."""
        text = json.dumps({"format": FORMAT} | dataclasses.asdict(self), indent=1, allow_nan=False)
        with files.replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def read(path: Path) -> Record:
    """The record in a file. Raises InputError if the file is missing, damaged or not a run record."""
    data = files.read_json(path)
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise InputError(f"{path}: not a run record (its format is not {FORMAT!r})")
    known = {each.name: each for each in dataclasses.fields(Record)}
    if unknown := sorted(data.keys() - known.keys()):
        raise InputError(f"{path}: key {unknown[0]!r} does not belong to a run record")
    required = {name for name, each in known.items() if each.default is each.default_factory}   # both are MISSING
    if missing := sorted(required - data.keys()):
        raise InputError(f"{path}: key {missing[0]!r} is missing")
    if data["status"] not in STATES:
        raise InputError(f"{path}: status {data['status']!r} is unknown: use one of {', '.join(STATES)}")
    if not isinstance(data["parameters"], dict) or not isinstance(data["parameters"].get("scales"), list):
        raise InputError(f"{path}: parameters: the list 'scales' is missing")
    return Record(**data)


def collect(folder: Path) -> list[Record]:
    """Every record below a folder, failures included, ordered by path. Raises InputError if there is none.

    A record is left out if a plan lies beside it that no longer asks for that run.
    """
    asked = {path.parent: {run.place for run in _plan(path)} for path in folder.rglob(PLAN)}
    homes = sorted({path.parent for name in (RECORD, FAILURE) for path in folder.rglob(name)})
    found = [(home, read(home / (RECORD if (home / RECORD).exists() else FAILURE))) for home in homes]
    if not found:
        raise InputError(f"{folder}: holds no run records; make some with ipe-sr sweep")
    return [record for home, record in found if home.parent not in asked or record.place in asked[home.parent]]


def due(folder: Path) -> list[DueRun]:
    """Every run that the plans below a folder ask for, whether it has run or not."""
    return [run for path in sorted(folder.rglob(PLAN)) for run in _plan(path)]


def _plan(path: Path) -> list[DueRun]:
    try:
        runs = files.read_json(path)["runs"].values()
        return [DueRun(**run["place"], scales=tuple(run["parameters"]["scales"])) for run in runs]
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: not a plan of ipe-sr sweep") from None
