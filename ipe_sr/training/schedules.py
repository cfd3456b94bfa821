"""How to train: a schedule (recipe, data, length) and a method (model) make a preset, named SCHEDULE-METHOD."""

import dataclasses
import json
import math
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args, get_origin

from ipe_sr import presets
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.models import configs

ENCODER_NAME = "model.encoder.name"   # the setting that replaces a method's encoder
DECAYS = ("halve", "cosine", "constant")
PRECISIONS = ("fp32", "bf16")
LOSSES = ("l1", "psnr")


@dataclass(frozen=True)
class Schedule:
    """The options of a training. Raises InputError for a value out of range.

    steps: optimiser steps.   batch, patch, queries, scales, reduction: see `batches.Sampler`.
    loss: "l1", the mean absolute error, or "psnr", minus the mean PSNR of the crops.
    learning_rate: the highest.   warm_up: steps over which it rises.   decay: "halve" every `halve_every` steps, "cosine" to
    zero, or "constant".   clip: largest norm of the gradient; 0 does not clip.
    precision: "fp32", or "bf16" for autocast; the weights stay float32.
    ema: decay of the averaged weights, 0 keeps none; see `average_decay`.
    degradation: how LR patches are made, a name in `degradations.DEGRADATIONS`; "pairs" takes those of the data (see `pairs`).
    data, valid: picture sets, by name or folder; see `datasets.find`.
    init_encoder, init_decoder: checkpoints whose encoder and decoder the model starts from, as paths or as files in the data
    folder; see `warm_start`.   freeze_encoder: do not train the encoder.
    teacher: a checkpoint whose predictions are the target.   teacher_weight: their share; the rest are the true colours; see
    `distillation`.   checkpoint_minutes: time between two saved states.   model: options of the method that this schedule
    changes.
    """

    steps: int
    batch: int = 16
    patch: int = 48
    queries: int = 2304
    scales: tuple[float, float] = (1.0, 4.0)
    reduction: int = 1
    loss: str = "l1"
    learning_rate: float = 1e-4
    warm_up: int = 0
    decay: str = "halve"
    halve_every: int = 200_000
    clip: float = 0.0
    ema: float = 0.0
    precision: str = "fp32"
    data: tuple[str, ...] = ("div2k-train",)
    valid: str = "div2k-valid"
    valid_scales: tuple[float, ...] = (2.0, 3.0, 4.0)
    validate_every: int = 1000
    log_every: int = 50
    checkpoint_minutes: float = 5.0
    degradation: str = "bicubic"
    seed: int = 0
    init_encoder: str = ""
    init_decoder: str = ""
    freeze_encoder: bool = False
    teacher: str = ""
    teacher_weight: float = 1.0
    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self):
        for name in ("steps", "batch", "patch", "queries", "validate_every", "log_every", "halve_every", "reduction"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("seed", "checkpoint_minutes", "warm_up"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.seed >= 2**63:
            raise InputError(f"seed must be below 2^63, got {self.seed}")
        if not self.data or not all(1 <= scale <= 64 for scale in self.valid_scales):
            raise InputError(f"data needs a set and valid_scales lie in 1 to 64; got {self.data} and {self.valid_scales}")
        if len(self.scales) != 2 or not 1 <= self.scales[0] <= self.scales[1] <= 64:
            raise InputError(f"scales must be two numbers from 1 to 64, low and high; got {self.scales}")
        if not 0 < self.learning_rate < 1:
            raise InputError(f"learning_rate must lie between 0 and 1, got {self.learning_rate}")
        if not (0 <= self.ema < 1 and self.clip >= 0):
            raise InputError(f"ema must lie in [0, 1) and clip be at least 0; got {self.ema} and {self.clip}")
        if not 0 < self.teacher_weight <= 1:
            raise InputError(f"teacher_weight must lie in (0, 1], got {self.teacher_weight}")
        choices = {"loss": LOSSES, "decay": DECAYS, "precision": PRECISIONS}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise InputError(f"{name} {getattr(self, name)!r} is unknown: use one of {', '.join(known)}")

    def rate(self, step: int) -> float:
        """The learning rate of a step (0-based)."""
        risen = min(1.0, (step + 1) / (self.warm_up + 1)) * self.learning_rate
        if self.decay == "halve":
            return risen * 0.5 ** (step // self.halve_every)
        if self.decay == "cosine":
            return risen * 0.5 * (1 + math.cos(math.pi * step / self.steps))
        return risen

    def average_decay(self, step: int) -> float:
        """The decay of the averaged weights at a step (0-based). It is small at first, so that the random start soon fades."""
        return min(self.ema, (1 + step) / (10 + step))


@dataclass(frozen=True)
class Preset:
    """name: SCHEDULE-METHOD.   model: the config of the method, as the schedule changes it."""

    name: str
    schedule: Schedule
    model: configs.Config


def names() -> list[str]:
    """The names of all schedules."""
    return presets.names("schedules")


def preset(name: str, settings: dict[str, Any] | None = None) -> Preset:
    """A preset by name.   settings: override options of the schedule, and as `model.OPTION` options of the model.

    Raises InputError for an unknown schedule, method or option, and for a value of the wrong kind.
    """
    schedule_name, _, method = name.partition("-")
    if schedule_name not in names() or method not in configs.methods():
        raise InputError(
            f"preset {name!r} is unknown: join one of {', '.join(names())} and one of {', '.join(configs.methods())} by '-'"
        )
    options = presets.read("schedules", schedule_name)
    try:
        base = _base(configs.method(method), (settings or {}).get(ENCODER_NAME))
    except ValueError as error:
        raise InputError(f"preset {name!r}: model: {error}") from None
    changes = _applicable(options.pop("model", {}), base)
    for key, value in (settings or {}).items():
        if key.startswith("model."):
            _insert(changes, key.removeprefix("model.").split("."), value)
        else:
            options[key] = value
    if "model" in options:
        raise InputError("option 'model' is set one by one: model.OPTION=VALUE")
    try:
        model = configs.from_dict(_merge(base, changes))
    except ValueError as error:
        raise InputError(f"preset {name!r}: model: {error}") from None
    if base["kind"] == "fixed-scale":   # such a model has one scale, and its loss is that of whole patches
        scale, patch = base["scale"], options.get("patch", Schedule.patch)
        whole = (patch * scale) ** 2 if type(patch) is int else 1   # a patch of the wrong kind is refused below
        for key, value in {"scales": [scale] * 2, "valid_scales": [scale], "queries": whole}.items():
            if key in (settings or {}) and settings[key] != value:
                warnings.warn(f"option {key!r} does not apply to {name}, where it is {value}", stacklevel=2)
            options[key] = value
    return Preset(name, _schedule(options | {"model": changes}), model)


def sources(schedule: Schedule) -> dict[str, Path]:
    """Option -> path, of the checkpoints that a training starts from or learns from. Raises InputError if one is missing."""
    given = {option: getattr(schedule, option) for option in ("init_encoder", "init_decoder", "teacher")}
    return {option: datasets.file(path) for option, path in given.items() if path}


def schedule_facts(schedule: Schedule) -> dict[str, Any]:
    """A schedule as JSON data."""
    facts = json.loads(json.dumps(dataclasses.asdict(schedule)))
    if facts["degradation"] == "bicubic":   # as in all trainings before there was a choice, whose records stay valid
        del facts["degradation"]
    return facts


def resolved(preset: Preset) -> dict[str, Any]:
    """A preset's schedule and model as JSON data."""
    model = json.loads(json.dumps(configs.to_dict(preset.model)))
    return {"schedule": schedule_facts(preset.schedule), "model": model}


def _schedule(options: dict[str, Any]) -> Schedule:
    known = {f.name: f.type for f in dataclasses.fields(Schedule)}
    for key in options:
        if key not in known:
            raise InputError(f"option {key!r} is unknown: use one of {', '.join(known)}, or model.OPTION")
    if "steps" not in options:
        raise InputError("option 'steps' is missing: a schedule says how many steps it takes")
    return Schedule(**{key: _typed(key, value, known[key]) for key, value in options.items()})


def _typed(key: str, value: Any, kind: Any) -> Any:
    """The value in the type that its field declares: a single value becomes a tuple of one, a whole number a float."""
    if get_origin(kind) is tuple:
        items = value if isinstance(value, (list, tuple)) else (value,)
        return tuple(_typed(key, item, get_args(kind)[0]) for item in items)
    if kind is float and type(value) is int:
        return float(value)
    kind = get_origin(kind) or kind
    if type(value) is not kind:
        raise InputError(f"option {key!r} must be {kind.__name__}, got {value!r}")
    return value


def _base(config: configs.Config, encoder: str | None) -> dict[str, Any]:
    """A method's config as data; with another encoder, by name, that encoder's options take the place of the old one's."""
    if encoder is not None and hasattr(config, "encoder"):
        config = dataclasses.replace(config, encoder=configs.encoder({"name": encoder}))
    return configs.to_dict(config)


def _applicable(changes: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """The part of a schedule's changes that this method has options for: bicubic has no encoder that could be narrowed."""
    return {
        key: _applicable(value, base[key]) if isinstance(value, dict) and isinstance(base[key], dict) else value
        for key, value in changes.items() if key in base
    }


def _merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    nested = {k: _merge(base[k], v) for k, v in changes.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return base | changes | nested


def _insert(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise InputError(f"option 'model.{'.'.join(path)}': {key} holds no options")
    tree[path[-1]] = value
