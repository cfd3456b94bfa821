"""One run of an experiment, in steps: `train`, `evaluate`, `decode`, `record`. The notebook of the sweeps calls them in turn.

The experiment comes from `experiments.prepare`.
"""

import csv
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
from ipe_sr.models.devices import device_named
from ipe_sr.sweeps import experiments, records
from ipe_sr.sweeps.experiments import Experiment
from ipe_sr.sweeps.records import Record
from ipe_sr.training import loop, schedules
from ipe_sr.training.schedules import Preset

TRAINING_CODE = "ipe_sr.training.loop"   # a finished training is used again until this code changes; see `provenance.digest`
STAMP = "training.json"   # in a training's folder: the preset and the code that it belongs to
DECODED = 96              # LR pixels on each side of the picture that is timed


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
    """scores: one for each set and scale.   seconds: how long they took.   data: the pictures read, those of training
    included: file name -> {"bytes", "sha256"}."""

    scores: list[evaluation.Score]
    seconds: float
    data: dict[str, dict[str, Any]]


def train(experiment: Experiment, folder: Path, progress: Callable = lambda step, values: None) -> Trained:
    """Trains the model to the end of its schedule, in a folder of its own.

    If the folder holds a training of the same resolved preset by the same code, it is loaded if finished, else resumed. If
    it holds a training of another preset or code, that is removed and training starts anew. Raises InputError if the folder
    holds anything else.
    """
    torch.set_num_threads(experiment.threads)
    if not experiment.preset.model.trainable:
        return Trained(experiment.preset.model.build().eval(), None, "nothing to train", 0.0, 0, [])
    how = _make_ready(folder, experiment.preset)
    checkpoint = folder / loop.MODEL
    if how != "loaded":
        loop.train(experiment.preset, folder, resume=how == "resumed", threads=experiment.threads, progress=progress)
    facts = models.training_facts(checkpoint)
    return Trained(models.read(checkpoint), checkpoint, how, facts["seconds"], facts["steps"], _curve(folder / "metrics.csv"))


def evaluate(experiment: Experiment, model: nn.Module) -> Evaluated:
    """Scores the model on every set at every scale, on the GPU if there is one."""
    model.to(device_named("auto"))
    with files.journal() as events:
        for name in experiments.training_sets(experiment.preset):
            for path in datasets.find(name).hr:
                files.note_use(path)
        started = time.perf_counter()
        scores = [
            score for one in experiment.data
            for score in evaluation.evaluate(model, one, experiment.scales, experiment.protocol, experiment.ssim)
        ]
        seconds = time.perf_counter() - started
    return Evaluated(scores, seconds, provenance.data(events))


@torch.inference_mode()
def decode(model: nn.Module) -> dict[str, Any]:
    """Times one fixed picture, at x4 or at a fixed-scale model's own scale.

    Returns {"picture": its sizes in words, "seconds": the median of three}.
    """
    device = device_named("auto")
    model.to(device)
    side = round(DECODED * getattr(model.config, "scale", 4))
    lr = images.to_tensor(samples.image("coffee")[100 : 100 + DECODED, 200 : 200 + DECODED])[None].to(device)   # (1, 3, h, w)
    seconds = []
    for _ in range(4):   # the first is a warm-up
        started = time.perf_counter()
        model(lr, (side, side)).cpu()
        seconds.append(time.perf_counter() - started)
    return {"picture": f"{DECODED}x{DECODED} to {side}x{side}", "seconds": statistics.median(seconds[1:])}


def record(
    experiment: Experiment, trained: Trained, evaluated: Evaluated, decoded: dict[str, Any], place: dict[str, str],
    notebook: dict[str, str], out: Path,
) -> Record:
    """The record of a run that succeeded.

    place: {"table", "block", "row", "params"}.   notebook: {"name", "sha256"}, the digest of its code cells.
    out: the folder that the checkpoint's path is relative to.
    """
    checkpoint = trained.checkpoint and {
        "path": trained.checkpoint.resolve().relative_to(out.resolve()).as_posix(), "sha256": files.sha256(trained.checkpoint)
    }
    cuda = torch.cuda.is_available()
    resolved, code = schedules.resolved(experiment.preset), provenance.digest(records.CODE)
    return Record(
        **experiments.identity(experiment.place(**place), experiment.parameters, resolved, notebook, code),
        status="ok", failure=None,
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


def _make_ready(folder: Path, preset: Preset) -> str:
    """Leaves in the folder only what belongs to this training. Returns "loaded", "resumed" or "trained"."""
    code, path = provenance.digest(TRAINING_CODE), folder / STAMP
    stamp = {"preset": preset.name, **schedules.resolved(preset), "code_sha256": code}
    if path.exists() and files.read_json(path) != stamp:
        shutil.rmtree(folder)
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise InputError(f"{folder}: holds files but no {STAMP}; give this training a folder of its own")
        folder.mkdir(parents=True, exist_ok=True)
        files.write_json(path, stamp)
    if (folder / loop.MODEL).exists():
        return "loaded"
    return "resumed" if (folder / loop.LAST).exists() else "trained"


def _curve(path: Path) -> list[dict[str, Any]]:
    """The rows of `metrics.csv`; a value that is not finite is None, because JSON cannot express it."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{"step": int(row["step"]), "name": row["name"], "value": float(row["value"])} for row in csv.DictReader(file)]
    return [row | {"value": row["value"] if math.isfinite(row["value"]) else None} for row in rows]
