"""An experiment: what a run is asked to do. `prepare` checks all of it, without torch and before any work.

`runs` carries an experiment out. `plan` prepares each run of a table, so that a sweep refuses what cannot run.
"""

import time
from dataclasses import dataclass
from typing import Any

from ipe_sr import provenance
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.imaging.datasets import ImageSet
from ipe_sr.imaging.protocols import PROTOCOLS, SSIM_CONVENTIONS, Protocol
from ipe_sr.sweeps.records import Place
from ipe_sr.training import schedules
from ipe_sr.training.schedules import Preset

SCORING = {"protocol": tuple(PROTOCOLS), "ssim": SSIM_CONVENTIONS}


@dataclass(frozen=True)
class Experiment:
    """A checked request.   data: the evaluation sets.   scales: of evaluation.   threads: of torch.
    protocol, ssim: how all sets are scored (see `metrics`); None for each set's own.   parameters: those of `prepare`."""

    preset: Preset
    data: tuple[ImageSet, ...]
    scales: tuple[float, ...]
    threads: int
    protocol: Protocol | None
    ssim: str | None
    parameters: dict[str, Any]

    def place(self, table: str, block: str, row: str, params: str) -> Place:
        """Where this experiment's run belongs."""
        method = self.preset.name.partition("-")[2]
        return Place(table, block, row, method, params, self.preset.name, self.preset.schedule.seed)


def prepare(
    preset: str, settings: dict[str, Any], data: list[str], scales: list[float], seed: int, threads: int,
    scoring: dict[str, str] | None = None,
) -> Experiment:
    """Checks a request. Raises InputError for an unknown name, an invalid value, or pictures or checkpoints that are missing.

    settings: options of the preset, as in `schedules.preset`.   data: names or folders of evaluation sets (`datasets.find`).
    scoring: {"protocol": one of `PROTOCOLS`, "ssim": one of `SSIM_CONVENTIONS`}; what is left out is each set's own.
    """
    scoring = scoring or {}
    given = {"preset": preset, "settings": settings, "data": data, "scales": scales, "seed": seed, "threads": threads}
    chosen = schedules.preset(preset, settings | {"seed": seed})
    if threads < 1:
        raise InputError(f"threads must be at least 1, got {threads}")
    if not scales or not all(isinstance(scale, int | float) and 1 <= scale <= 64 for scale in scales):
        raise InputError(f"scales must be numbers from 1 to 64, at least one; got {scales}")
    for key, value in scoring.items():
        if key not in SCORING:
            raise InputError(f"scoring: key {key!r} is unknown: use one of {', '.join(SCORING)}")
        if value not in SCORING[key]:
            raise InputError(f"scoring: {key} {value!r} is unknown: use one of {', '.join(SCORING[key])}")
    fixed = fixed_scale(chosen)
    if fixed and list(scales) != [fixed]:
        raise InputError(f"preset {preset!r} works at scale {fixed} only; got scales {scales}")
    sets = tuple(datasets.find(name) for name in data)
    for name in training_sets(chosen):
        datasets.find(name)
    if chosen.model.trainable:
        schedules.sources(chosen.schedule)
    protocol = PROTOCOLS.get(scoring.get("protocol"))
    return Experiment(chosen, sets, tuple(scales), threads, protocol, scoring.get("ssim"), given | {"scoring": scoring})


def fixed_scale(preset: Preset) -> int | None:
    """The only scale at which the preset's model works; None for a model of arbitrary scale."""
    return getattr(preset.model, "scale", None)


def training_sets(preset: Preset) -> tuple[str, ...]:
    """The picture sets that training and its validation read; none if there is nothing to train."""
    return (*preset.schedule.data, preset.schedule.valid) if preset.model.trainable else ()


def identity(
    place: Place, parameters: dict[str, Any], resolved: dict[str, Any], notebook: dict[str, str], code_sha256: str
) -> dict[str, Any]:
    """The fields of a record that are known before the run.

    resolved: {"schedule", "model"} from `schedules.resolved`.   notebook: {"name", "sha256"}, the digest of its code cells.
    code_sha256: the digest of `records.CODE`.
    """
    return vars(place.place) | {
        "parameters": parameters,
        "schedule": resolved["schedule"],
        "model": resolved["model"],
        "notebook": notebook["name"],
        "source_sha256": notebook["sha256"],
        "code_sha256": code_sha256,
        "git": provenance.git(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": provenance.versions(),
        "threads": parameters["threads"],
        **provenance.machine(),
    }
