"""Weights on disk: safetensors files with the config in the header. The official LIIF `.pth` is imported without unpickling."""

import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ipe_sr.errors import InputError, first_line
from ipe_sr.files import note_use, replacing
from ipe_sr.models import configs
from ipe_sr.models.families import LIIFConfig

FORMAT = "ipe_sr/1"
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
    """The model in a `.safetensors` file of ours, or in an official LIIF `.pth` (EDSR-baseline encoder).

    The state of a training, finished or not, gives its averaged weights if they are kept, else its weights.
    Raises InputError for a file that is missing, damaged, needs unpickling, or whose tensors do not fit its config.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    note_use(path)
    if path.suffix == ".safetensors":
        config, tensors = _read_safetensors(path)
    elif path.suffix in (".pth", ".pt"):
        config, tensors = _read_official(path)
    else:
        raise InputError(f"{path}: a checkpoint ends in .safetensors (ours) or .pth (official LIIF)")
    try:
        model = config.build()
    except ValueError as error:
        raise InputError(f"{path}: its header holds no usable model config ({first_line(error)})") from None
    _check(tensors, model.state_dict(), path)
    model.load_state_dict(tensors)
    return model.eval()


def training_facts(path: str | os.PathLike) -> dict[str, Any]:
    """The facts that `save` wrote, or for the state of a training, how far it is."""
    header = _header(Path(path))
    if header.get("format") == STATE:
        preset = json.loads(header["preset"])
        schedule = preset["schedule"]
        facts = {"preset": preset["name"], "steps": int(header["step"]), "seconds": round(float(header["seconds"]), 1)}
        return facts | {"seed": schedule["seed"], "schedule": schedule}
    return json.loads(header.get("training", "{}"))


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
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: its header holds no usable model config ({first_line(error)})") from None
    tensors = safetensors.torch.load_file(path)
    return config, tensors if kind == FORMAT else _result(tensors)


def _result(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The model's weights in the state of a training: the averaged ones if they are kept."""
    kept = next((part for part in ("average.", "model.") if any(name.startswith(part) for name in state)), "")
    return {name.removeprefix(kept): tensor for name, tensor in state.items() if name.startswith(kept)}


# The official implementation's names of EDSR-baseline-LIIF's tensors, and ours.
OFFICIAL_NAMES = (
    (re.compile(r"encoder\.head\.0\.(.*)"), lambda m: f"encoder.head.{m[1]}"),
    (re.compile(r"imnet\.layers\.8\.(.*)"), lambda m: f"decoder.output.{m[1]}"),
    (re.compile(r"imnet\.layers\.(\d+)\.(.*)"), lambda m: f"decoder.hidden.{int(m[1]) // 2}.{m[2]}"),
)
OFFICIAL_OPTIONS = {"cell": "cell_decode", "ensemble": "local_ensemble", "unfold": "feat_unfold"}   # all True by default there
OFFICIAL_UNUSED = ("encoder.sub_mean.", "encoder.add_mean.")   # stored there, applied nowhere


def _read_official(path: Path) -> tuple[Any, dict[str, Tensor]]:
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        with open(path, "rb") as file:
            begins = file.read(2)
        if begins != b"PK" and begins[:1] != b"\x80":   # a zip archive, or a pickle of old
            raise InputError(f"{path}: not a PyTorch checkpoint") from None
        raise InputError(f"{path}: holds more than tensors and would need unpickling, which can run code; refused") from None
    except Exception as error:   # on damaged data the loader raises nearly anything
        raise InputError(f"{path}: not a readable PyTorch checkpoint ({first_line(error)})") from None
    try:
        spec = stored["model"] if isinstance(stored, dict) else {}
        tensors, name, args = dict(spec["sd"]), spec["name"], dict(spec["args"])
        encoder = args["encoder_spec"]["name"]
        if not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in tensors.items()):
            raise TypeError
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
        raise InputError(f"{path}: not an official LIIF checkpoint (no model / name / args / sd inside)") from None
    if (name, encoder) != ("liif", "edsr-baseline"):
        raise InputError(f"{path}: holds {name!r} with encoder {encoder!r}; only 'liif' with 'edsr-baseline' is imported")
    options = {ours: bool(args.get(theirs, True)) for ours, theirs in OFFICIAL_OPTIONS.items()}
    config = LIIFConfig(encoding="coordinate", skip=False, **options)
    return config, {_ours(key): value for key, value in tensors.items() if not key.startswith(OFFICIAL_UNUSED)}


def _ours(name: str) -> str:
    for pattern, rename in OFFICIAL_NAMES:
        if match := pattern.fullmatch(name):
            return rename(match)
    return name


def _check(given: dict[str, Tensor], expected: dict[str, Tensor], path: Path) -> None:
    if missing := sorted(expected.keys() - given.keys()):
        raise InputError(f"{path}: tensor {missing[0]!r} is missing ({len(missing)} in all)")
    if extra := sorted(given.keys() - expected.keys()):
        raise InputError(f"{path}: tensor {extra[0]!r} does not belong to this model ({len(extra)} in all)")
    for name, tensor in given.items():
        want = tuple(expected[name].shape)
        if tuple(tensor.shape) != want:
            raise InputError(f"{path}: tensor {name!r} has shape {tuple(tensor.shape)} where {want} is due")
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise InputError(f"{path}: tensor {name!r} is not made of finite floating-point numbers")
