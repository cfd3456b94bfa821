"""One experiment: a preset trained with one seed (or loaded, or resumed), evaluated on named sets, and recorded.

The notebook of the sweeps is a thin face over this: `prepare`, `train`, `evaluate`, `decode`, `record`.
"""

import csv
import json
import math
import resource
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ipe_sr import evaluation, files, models, provenance
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, images, samples
from ipe_sr.imaging.datasets import ImageSet
from ipe_sr.models.devices import device_named
from ipe_sr.sweeps.records import Place, Record
from ipe_sr.training import loop, schedules
from ipe_sr.training.schedules import Preset

CODE, TRAINING_CODE = "ipe_sr.sweeps.experiments", "ipe_sr.training.loop"   # see `provenance.digest`
STAMP = "training.json"   # in a training's folder: which preset and code it belongs to
DECODED = 96              # LR pixels a side of the picture that is timed


@dataclass(frozen=True)
class Experiment:
    """What is to be done, checked.   parameters: as they were given."""

    preset: Preset
    data: tuple[ImageSet, ...]
    scales: tuple[float, ...]
    threads: int
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """how: "trained", "resumed", "loaded" or "nothing to train".   seconds, steps: of the training, over all resumptions.
    curve: [{"step", "name", "value"}]."""

    model: nn.Module
    checkpoint: Path | None
    how: str
    seconds: float
    steps: int
    curve: list[dict[str, Any]]


@dataclass(frozen=True)
class Evaluated:
    """scores: one for each set and scale.   seconds: what they took.   data: the pictures read, training's included."""

    scores: list[evaluation.Score]
    seconds: float
    data: dict[str, dict[str, Any]]


def prepare(
    preset: str, settings: dict[str, Any], data: list[str], scales: list[float], seed: int, threads: int
) -> Experiment:
    """Check everything that can be wrong with an experiment before any work; raises InputError.

    settings: options of the preset, as in `schedules.preset`.   data: evaluation sets (`datasets.find`).
    """
    given = {"preset": preset, "settings": settings, "data": data, "scales": scales, "seed": seed, "threads": threads}
    chosen = schedules.preset(preset, settings | {"seed": seed})
    if threads < 1:
        raise InputError(f"threads must be at least 1, got {threads}")
    if not scales or not all(isinstance(scale, int | float) and 1 <= scale <= 64 for scale in scales):
        raise InputError(f"scales must be numbers from 1 to 64, at least one; got {scales}")
    fixed = getattr(chosen.model, "scale", None)
    if fixed and list(scales) != [fixed]:
        raise InputError(f"preset {preset!r} answers at scale {fixed} only; got scales {scales}")
    sets = tuple(datasets.find(name) for name in data)
    for name in training_sets(chosen):
        datasets.find(name)
    if trains(chosen):
        schedules.sources(chosen.schedule)
    return Experiment(chosen, sets, tuple(scales), threads, given)


def training_sets(preset: Preset) -> tuple[str, ...]:
    """The picture sets that training reads; none where there is nothing to train."""
    return (*preset.schedule.data, preset.schedule.valid) if trains(preset) else ()


def trains(preset: Preset) -> bool:
    """Whether its model has parameters; none are made to find out."""
    with torch.device("meta"):
        return any(True for _ in preset.model.build().parameters())


def train(experiment: Experiment, folder: Path, progress: Callable = lambda step, values: None) -> Trained:
    """Bring the model to the end of its schedule in a folder of its own, from wherever the folder stands.

    A finished training of the same resolved preset by the same code is loaded, a partial one resumed; one of another
    preset or code is removed and begun anew. Raises InputError for a folder that holds anything else.
    """
    torch.set_num_threads(experiment.threads)
    if not trains(experiment.preset):
        return Trained(experiment.preset.model.build().eval(), None, "nothing to train", 0.0, 0, [])
    how = _make_ready(folder, experiment.preset)
    checkpoint = folder / loop.MODEL
    if how != "loaded":
        loop.train(experiment.preset, folder, resume=how == "resumed", threads=experiment.threads, progress=progress)
    facts = models.training_facts(checkpoint)
    return Trained(models.read(checkpoint), checkpoint, how, facts["seconds"], facts["steps"], _curve(folder / "metrics.csv"))


def evaluate(experiment: Experiment, model: nn.Module) -> Evaluated:
    """Score the model, on the GPU where there is one, on every set at every scale."""
    model.to(device_named("auto"))
    with files.journal() as events:
        for name in training_sets(experiment.preset):
            for path in datasets.find(name).hr:
                files.note_use(path)
        started = time.perf_counter()
        scores = [score for one in experiment.data for score in evaluation.evaluate(model, one, experiment.scales)]
        seconds = time.perf_counter() - started
    return Evaluated(scores, seconds, provenance.data(events))


@torch.inference_mode()
def decode(model: nn.Module) -> dict[str, Any]:
    """Time one fixed picture, at x4 or a fixed-scale model's own: {"picture": in words, "seconds": median of three}."""
    device = device_named("auto")
    model.to(device)
    side = round(DECODED * getattr(model.config, "scale", 4))
    lr = images.to_tensor(samples.image("coffee")[100 : 100 + DECODED, 200 : 200 + DECODED])[None].to(device)
    seconds = []
    for _ in range(4):   # the first one warms up
        started = time.perf_counter()
        model(lr, (side, side)).cpu()
        seconds.append(time.perf_counter() - started)
    return {"picture": f"{DECODED}x{DECODED} to {side}x{side}", "seconds": statistics.median(seconds[1:])}


def record(
    experiment: Experiment, trained: Trained, evaluated: Evaluated, decoded: dict[str, Any], place: dict[str, str],
    notebook: dict[str, str], out: Path,
) -> Record:
    """All of it as a run record.   place: table, block, row and params.   notebook: name and sha256 of its code.
    out: the folder that the checkpoint's path is relative to."""
    checkpoint = trained.checkpoint and {
        "path": trained.checkpoint.resolve().relative_to(out.resolve()).as_posix(), "sha256": files.sha256(trained.checkpoint)
    }
    cuda = torch.cuda.is_available()
    return Record(
        **identity(experiment, place, notebook), status="ok", failure=None,
        seconds={"train": trained.seconds, "evaluate": evaluated.seconds},
        iterations=trained.steps,
        peak_memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        peak_device_bytes=torch.cuda.max_memory_allocated() if cuda else None,
        data=evaluated.data,
        checkpoint=checkpoint,
        parameter_count=sum(p.numel() for p in trained.model.parameters()),
        scores=[score.record() for score in evaluated.scores],
        curve=trained.curve,
        decode=decoded,
    )


def failed(experiment: Experiment, place: dict[str, str], notebook: dict[str, str], failure: str) -> Record:
    """The record of a run that ended with an error.   failure: one line that names notebook and cell."""
    return Record(**identity(experiment, place, notebook), status="failed", failure=failure)


def identity(experiment: Experiment, place: dict[str, str], notebook: dict[str, str]) -> dict[str, Any]:
    """The part of a record that is known before the run."""
    preset = experiment.preset
    where = Place(**place, method=preset.name.partition("-")[2], preset=preset.name, seed=preset.schedule.seed)
    return vars(where) | {
        "parameters": experiment.parameters,
        **schedules.resolved(preset),
        "notebook": notebook["name"],
        "source_sha256": notebook["sha256"],
        "code_sha256": provenance.digest(CODE),
        "git": provenance.git(),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "versions": provenance.versions(),
        "threads": experiment.threads,
        **provenance.machine(),
    }


def _make_ready(folder: Path, preset: Preset) -> str:
    """Leave in the folder what belongs to this training, and say how it goes on."""
    code, path = provenance.digest(TRAINING_CODE), folder / STAMP
    stamp = {"preset": preset.name, **schedules.resolved(preset), "code_sha256": code}
    if path.exists() and json.loads(path.read_text()) != stamp:
        shutil.rmtree(folder)
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: holds files but no {STAMP}; give a folder of its own to this training")
        folder.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as temporary:
            temporary.write_text(json.dumps(stamp, indent=1))
    if (folder / loop.MODEL).exists():
        return "loaded"
    return "resumed" if (folder / loop.LAST).exists() else "trained"


def _curve(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        rows = [{"step": int(row["step"]), "name": row["name"], "value": float(row["value"])} for row in csv.DictReader(file)]
    return [row | {"value": row["value"] if math.isfinite(row["value"]) else None} for row in rows]
