"""The state of a training: weights, averaged weights, optimiser, random state and step.

A state is new, or it is read from one safetensors file. Nothing is unpickled.
"""

import copy
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ipe_sr import memory
from ipe_sr.errors import InputError, first_line
from ipe_sr.files import replacing
from ipe_sr.models import checkpoints, configs
from ipe_sr.models.checkpoints import STATE
from ipe_sr.training import schedules, warm_start
from ipe_sr.training.schedules import Preset, Schedule

COPIES = 5   # of the weights: themselves, gradients, two moments of Adam, averages
# A resumed training may have other values of these options.
FREE_TO_CHANGE = ("log_every", "validate_every", "checkpoint_minutes", "valid", "valid_scales")


@dataclass
class TrainingState:
    """Everything that changes during a training.

    average: the exponential moving average of the weights, or None.   seconds: of training, over all resumptions.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: nn.Module | None
    step: int = 0
    seconds: float = 0.0

    @property
    def result(self) -> nn.Module:
        """The model that the training is for: with averaged weights if they are kept."""
        return self.model if self.average is None else self.average


def new(preset: Preset, device: torch.device, warm: bool = True) -> TrainingState:
    """The state at step 0.   warm: copy weights from the checkpoints that the schedule names; a restored state has them.

    Raises InputError if the model has no parameters, or if a checkpoint does not fit it.
    """
    schedule = preset.schedule
    memory.check(
        COPIES * configs.weight_bytes(preset.model), f"preset {preset.name!r}: its model", "choose a smaller width or depth"
    )
    model = preset.model.build()
    if not list(model.parameters()):
        raise InputError(f"preset {preset.name!r}: has nothing to train")
    if warm:
        _warm_start(model, schedule)
    if schedule.freeze_encoder:
        model.encoder.requires_grad_(False)
    model.to(device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=schedule.learning_rate)
    average = copy.deepcopy(model).requires_grad_(False) if schedule.ema else None
    return TrainingState(model, optimizer, average)


def _warm_start(model: nn.Module, schedule: Schedule) -> None:
    start = {"init_encoder": warm_start.encoder, "init_decoder": functools.partial(warm_start.decoder, scales=schedule.scales)}
    given = schedules.sources(schedule)
    for option, take_over in start.items():
        if option in given:
            try:
                found = checkpoints.read(given[option])
            except InputError as error:   # its message names the file
                raise InputError(f"{option}: {error}") from None
            try:
                take_over(model, found)
            except ValueError as error:
                raise InputError(f"{option}: {given[option]} {error}") from None


def save(run: TrainingState, path: Path, preset: Preset) -> None:
    """Write the state to a file, atomically."""
    tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    if run.average:
        tensors |= {f"average.{name}": value for name, value in run.average.state_dict().items()}
    for i, moments in run.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    tensors["random"] = torch.get_rng_state()
    header = {"format": STATE, "preset": json.dumps(_facts(preset)), "step": str(run.step), "seconds": repr(run.seconds)}
    with replacing(path) as temporary:
        safetensors.torch.save_file({name: value.detach().contiguous() for name, value in tensors.items()}, temporary, header)


def restore(run: TrainingState, path: Path, preset: Preset) -> None:
    """Copy a saved state into a new one. Raises InputError if the file is damaged or belongs to another preset."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable training state ({first_line(error)})") from None
    if header.get("format") != STATE:
        raise InputError(f"{path}: its header does not say {STATE!r}")
    saved, now = json.loads(header["preset"]), schedules.schedule_facts(preset.schedule)
    before = schedules.schedule_facts(Schedule(steps=1)) | saved["schedule"]   # older states lack the newer options
    before, now = ({"degradation": "bicubic"} | facts for facts in (before, now))
    free = FREE_TO_CHANGE if preset.schedule.decay == "cosine" else ("steps", *FREE_TO_CHANGE)   # a cosine depends on its end
    for key, value in now.items():
        if key not in free and before[key] != value:
            raise InputError(f"{path}: was trained with {key} = {before[key]!r}, not {value!r}")
    if int(header["step"]) > preset.schedule.steps:
        raise InputError(f"{path}: has done {header['step']} steps already; steps = {preset.schedule.steps} is less")
    if configs.from_dict(saved["model"]) != preset.model:
        raise InputError(f"{path}: is a training of another model ({saved['name']})")

    run.model.load_state_dict(_part(tensors, "model."))
    if run.average:
        run.average.load_state_dict(_part(tensors, "average."))
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in _part(tensors, "optimizer.").items():
        i, _, key = name.partition(".")
        moments.setdefault(int(i), {})[key] = value
    run.optimizer.load_state_dict(run.optimizer.state_dict() | {"state": moments})
    torch.set_rng_state(tensors["random"])
    run.step, run.seconds = int(header["step"]), float(header["seconds"])


def _facts(preset: Preset) -> dict[str, Any]:
    return {"name": preset.name, **schedules.resolved(preset)}


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
