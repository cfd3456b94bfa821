"""All of a training, new or from one safetensors file: weights, averages, optimiser, random state, step.

Nothing is unpickled."""

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

from ipe_sr.errors import InputError, first_line
from ipe_sr.files import replacing
from ipe_sr.models import checkpoints, configs
from ipe_sr.models.checkpoints import STATE
from ipe_sr.training import schedules, warm_start
from ipe_sr.training.schedules import Preset, Schedule

FREE_TO_CHANGE = ("log_every", "validate_every", "checkpoint_minutes", "valid", "valid_scales")


@dataclass
class TrainingState:
    """The moving parts of a training."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: nn.Module | None
    step: int = 0
    seconds: float = 0.0

    @property
    def result(self) -> nn.Module:
        """The weights that count: averaged ones where they are kept."""
        return self.model if self.average is None else self.average


def new(preset: Preset, device: torch.device, warm: bool = True) -> TrainingState:
    """Step 0. warm: take over what the schedule starts from, which a state to be restored holds already.

    Raises InputError for a model without parameters, or a checkpoint that does not fit.
    """
    schedule = preset.schedule
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
            except InputError as error:   # names the file
                raise InputError(f"{option}: {error}") from None
            try:
                take_over(model, found)
            except ValueError as error:
                raise InputError(f"{option}: {given[option]} {error}") from None


def save(run: TrainingState, path: Path, preset: Preset) -> None:
    """Write the state, whole or not at all."""
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
    """Put a saved state into a fresh run. Raises InputError for a damaged file or one of another preset."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = file.metadata() or {}
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable training state ({first_line(error)})") from None
    if header.get("format") != STATE:
        raise InputError(f"{path}: its header does not say {STATE!r}")
    saved, now = json.loads(header["preset"]), _facts(preset)
    free = FREE_TO_CHANGE if preset.schedule.decay == "cosine" else ("steps", *FREE_TO_CHANGE)   # a cosine knows its end
    for key in now["schedule"]:
        if key not in free and saved["schedule"].get(key) != now["schedule"][key]:
            raise InputError(f"{path}: was trained with {key} = {saved['schedule'].get(key)!r}, not {now['schedule'][key]!r}")
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
