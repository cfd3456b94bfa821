"""Weights on disk: safetensors files with the config in the header; official `.pth` files are imported (see `official`)."""

import json
import os
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ipe_sr.errors import InputError, first_line
from ipe_sr.files import note_use, replacing
from ipe_sr.models import configs, official

FORMAT = "ipe_sr/1"
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)   # of numbers that are read
STATE = "ipe_sr-training/2"   # all of a training, finished or not (see `training.state`)


def save(
    model: nn.Module, path: str | os.PathLike, training: dict[str, Any] | None = None, dtype: torch.dtype | None = None
) -> None:
    """Write weights, config and the facts of their training (any JSON) to a `.safetensors` file, atomically.

    dtype: to store the weights in, such as torch.float16; by default their own. `read` returns float32 again.
    """
    header = {"format": FORMAT, "model": json.dumps(configs.to_dict(model.config)), "training": json.dumps(training or {})}
    tensors = {name: tensor.to(dtype or tensor.dtype).contiguous() for name, tensor in model.state_dict().items()}
    with replacing(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, metadata=header)


def read(path: str | os.PathLike) -> nn.Module:
    """The model in a `.safetensors` file of ours, or in an official `.pth` of LIIF, MetaSR or LTE.

    The state of a training, finished or not, gives its averaged weights if they are kept, else its weights.
    Raises InputError for a file that is missing, damaged, needs unpickling, or whose tensors do not fit its config.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    note_use(path)
    if path.suffix.lower() == ".safetensors":
        config, tensors = _read_safetensors(path)
    elif path.suffix.lower() in (".pth", ".pt"):
        config, tensors = official.read(path)
    else:
        raise InputError(f"{path}: a checkpoint ends in .safetensors (ours) or .pth (official LIIF, MetaSR, LTE)")
    try:
        due = configs.shapes(config)
    except ValueError as error:
        raise InputError(f"{path}: its header holds no usable model config ({first_line(error)})") from None
    _check(tensors, due, path)
    model = config.build()
    model.load_state_dict(tensors)
    return model.eval()


def training_facts(path: str | os.PathLike) -> dict[str, Any]:
    """The facts that `save` wrote, or for the state of a training, how far it is."""
    header = _header(Path(path))
    try:
        if header.get("format") == STATE:
            preset = json.loads(header["preset"])
            schedule = preset["schedule"]
            facts = {"preset": preset["name"], "steps": int(header["step"]), "seconds": round(float(header["seconds"]), 1)}
            return facts | {"seed": schedule["seed"], "schedule": schedule}
        return json.loads(header.get("training", "{}"))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: its header holds no usable facts of a training ({first_line(error)})") from None


def _header(path: Path) -> dict[str, str]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            return file.metadata() or {}
    except (safetensors.SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({first_line(error)})") from None


def _read_safetensors(path: Path) -> tuple[Any, dict[str, Tensor]]:
    header = _header(path)
    if (kind := header.get("format")) not in (FORMAT, STATE):
        raise InputError(f"{path}: its header does not say {FORMAT!r}; only checkpoints written by ipe_sr are read")
    try:
        config = configs.from_dict(json.loads(header["model"]) if kind == FORMAT else json.loads(header["preset"])["model"])
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path}: its header holds no usable model config ({first_line(error)})") from None
    try:
        tensors = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, KeyError, MemoryError) as error:
        raise InputError(f"{path}: not a readable safetensors file ({first_line(error)})") from None
    return config, tensors if kind == FORMAT else _result(tensors)


def _result(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The model's weights in the state of a training: the averaged ones if they are kept."""
    kept = next((part for part in ("average.", "model.") if any(name.startswith(part) for name in state)), "")
    return {name.removeprefix(kept): tensor for name, tensor in state.items() if name.startswith(kept)}


def _check(given: dict[str, Tensor], expected: dict[str, Tensor], path: Path) -> None:
    if missing := sorted(expected.keys() - given.keys()):
        raise InputError(f"{path}: tensor {missing[0]!r} is missing ({len(missing)} in all)")
    if extra := sorted(given.keys() - expected.keys()):
        raise InputError(f"{path}: tensor {extra[0]!r} does not belong to this model ({len(extra)} in all)")
    for name, tensor in given.items():
        want = tuple(expected[name].shape)
        if tuple(tensor.shape) != want:
            raise InputError(f"{path}: tensor {name!r} has shape {tuple(tensor.shape)} where {want} is due")
        if tensor.dtype not in DTYPES or not tensor.isfinite().all():
            raise InputError(f"{path}: tensor {name!r} is not made of finite floating-point numbers")
