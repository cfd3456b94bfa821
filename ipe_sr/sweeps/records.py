"""Run records: what one run of an experiment was asked, what it did and what came out, as one JSON file.

A sweep's folder OUT holds, for each table and parameter set, `TABLE-PARAMS/plan.json`: which runs are due; and for each
run `TABLE-PARAMS/NAME/record.json` where it succeeded or `failure.json` where it failed (a run that is still due has
neither). Both kinds are a `Record`, whose fields are the keys of the JSON object, beside "format": FORMAT.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipe_sr import files
from ipe_sr.errors import InputError

FORMAT = "ipe_sr-run/1"
RECORD, FAILURE, PLAN = "record.json", "failure.json", "plan.json"
STATES = ("ok", "failed")


@dataclass(frozen=True)
class Place:
    """Where in a table a run belongs: table, block and row as `tables.yaml` names them, and which of the row's methods.

    params: the parameter set (tiny, hour, paper).   preset: SCHEDULE-METHOD.
    """

    table: str
    block: str
    row: str
    method: str
    params: str
    preset: str
    seed: int


@dataclass(frozen=True)
class Record(Place):
    """One run. What a failed run could not measure is None or empty.

    status: "ok" or "failed".   failure: one line that names notebook and cell, or None.
    parameters: the notebook's, all of them.   schedule, model: resolved, as `schedules` and `configs.to_dict` give them.
    notebook, source_sha256: the notebook's name, and the hash of its code cells.   code_sha256: see `provenance.digest`.
    git: {"commit": hash or None, "dirty": bool or None}; None outside a checkout.   started: UTC, ISO 8601.
    versions: package -> version.   device: in words.   threads: of torch.   cores: of the machine.
    seconds: {"train": ..., "evaluate": ...}; training's sum over its resumptions, 0 where nothing is trained.
    peak_memory_bytes: of the process that trained and evaluated; peak_device_bytes: of the GPU, else None.
    data: file name -> {"bytes", "sha256"} of every picture read.   checkpoint: {"path", "sha256"}, path relative to OUT;
    None where nothing is trained.   parameter_count: trained and frozen ones.
    scores: `evaluation.Score.record()` of each set and scale: data, scale, protocol, ssim_convention, lr, psnr, ssim,
    images [{name, psnr, ssim}]; an infinite PSNR is null.   curve: [{"step", "name", "value"}] from `metrics.csv`.
    decode: {"picture": in words, "seconds": median} of decoding one fixed picture, None when failed.
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
    def place(self) -> Place:
        return Place(**{each.name: getattr(self, each.name) for each in dataclasses.fields(Place)})

    def write(self, path: Path) -> None:
        """Write the record, whole or not at all. Raises ValueError for a number that JSON has no word for (NaN)."""
        text = json.dumps({"format": FORMAT} | dataclasses.asdict(self), indent=1, allow_nan=False)
        with files.replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def read(path: Path) -> Record:
    """The record in a file. Raises InputError, one line that names it, for a file that is missing, cut or foreign."""
    data = files.read_json(path)
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise InputError(f"{path}: not a run record (its format is not {FORMAT!r})")
    known = {each.name: each for each in dataclasses.fields(Record)}
    if unknown := sorted(data.keys() - known.keys()):
        raise InputError(f"{path}: key {unknown[0]!r} does not belong to a run record")
    required = {name for name, each in known.items() if each.default is each.default_factory}   # both MISSING
    if missing := sorted(required - data.keys()):
        raise InputError(f"{path}: key {missing[0]!r} is missing")
    if data["status"] not in STATES:
        raise InputError(f"{path}: status {data['status']!r} is unknown: use one of {', '.join(STATES)}")
    return Record(**data)


def collect(folder: Path) -> list[Record]:
    """Every record below a folder, failures included, in the order of their paths. Raises InputError for none.

    Left out are runs that the plan beside them does not ask for any more.
    """
    asked = {path.parent: set(_places(path)) for path in folder.rglob(PLAN)}
    homes = sorted({path.parent for name in (RECORD, FAILURE) for path in folder.rglob(name)})
    found = [(home, read(home / (RECORD if (home / RECORD).exists() else FAILURE))) for home in homes]
    if not found:
        raise InputError(f"{folder}: holds no run records; make some with ipe-sr sweep")
    return [record for home, record in found if home.parent not in asked or record.place in asked[home.parent]]


def due(folder: Path) -> list[Place]:
    """Every run that the plans below a folder ask for, whether it has run or not."""
    return [place for path in sorted(folder.rglob(PLAN)) for place in _places(path)]


def _places(plan: Path) -> list[Place]:
    try:
        return [Place(**run["place"]) for run in files.read_json(plan)["runs"].values()]
    except (KeyError, TypeError, AttributeError):
        raise InputError(f"{plan}: not a plan of ipe-sr sweep") from None
