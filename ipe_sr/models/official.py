"""Checkpoints of the official implementations of LIIF and LTE: `.pth` files, read without unpickling.

LIIF's repository (github.com/yinboc/liif) trains LIIF and MetaSR, LTE's (github.com/jaewon-lee-b/lte) trains LTE, with the
same loop. It stores {"model": {"name", "args", "sd"}, ...}: the arguments from which the model was built, and its tensors.
`ENCODERS` and `MODELS` say which of these models have the same parts here, and how their tensors are called.
"""

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ipe_sr.errors import InputError, first_line
from ipe_sr.models.families import EDSRConfig, LIIFConfig, LTEConfig, MetaSRConfig, RDNConfig
from ipe_sr.models.registry import EncoderConfig, FamilyConfig

SUPPORTED = "liif, metasr and lte with the encoders edsr-baseline and rdn"
UNUSED = ("encoder.sub_mean.", "encoder.add_mean.")   # stored there, applied nowhere
LARGEST = 1 << 12   # of any number among the arguments

RENAMED = {   # their name of a tensor -> ours; MLPs are renamed by `_mlp`
    r"encoder\.head\.0\.(.*)": r"encoder.head.\1",
    r"encoder\.SFENet([12])\.(.*)": r"encoder.shallow\1.\2",
    r"encoder\.RDBs\.(\d+)\.convs\.(\d+)\.conv\.0\.(.*)": r"encoder.blocks.\1.layers.\2.\3",
    r"encoder\.RDBs\.(\d+)\.LFF\.(.*)": r"encoder.blocks.\1.fusion.\2",
    r"encoder\.GFF\.(.*)": r"encoder.fusion.\1",
    r"coef\.(.*)": r"amplitude.\1",
    r"freq\.(.*)": r"frequency.\1",
}


class Unsupported(ValueError):
    """The checkpoint holds a model that has no equal here. The message says which argument."""


def read(path: Path) -> tuple[FamilyConfig, dict[str, Tensor]]:
    """The config and the tensors, by our names, of an official checkpoint.

    Raises InputError for a file that is damaged, needs unpickling, or holds something else.
    """
    stored = _load(path)
    try:
        spec = stored["model"] if isinstance(stored, dict) else {}
        tensors, name, args = dict(spec["sd"]), spec["name"], dict(spec["args"])
        if not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in tensors.items()):
            raise TypeError
        encoder, options = args["encoder_spec"]["name"], dict(args["encoder_spec"].get("args") or {})
    except (KeyError, TypeError, IndexError, ValueError, AttributeError):
        message = f"{path}: not an official LIIF, MetaSR or LTE checkpoint (no model / name / args / sd inside)"
        raise InputError(message) from None
    try:
        if name not in MODELS or encoder not in ENCODERS:
            raise Unsupported("it has no equal here")
        config = MODELS[name](args, ENCODERS[encoder](options))
    except Unsupported as error:
        message = f"{path}: holds {name!r} with encoder {encoder!r}: {error}; only {SUPPORTED} are imported"
        raise InputError(message) from None
    depth = getattr(config, "depth", 1)
    return config, {_ours(key, depth): value for key, value in tensors.items() if not key.startswith(UNUSED)}


def _load(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        with open(path, "rb") as file:
            begins = file.read(2)
        if begins != b"PK" and begins[:1] != b"\x80":   # a zip archive, or a pickle of old
            raise InputError(f"{path}: not a PyTorch checkpoint") from None
        raise InputError(f"{path}: holds more than tensors and would need unpickling, which can run code; refused") from None
    except Exception as error:   # on damaged data the loader raises nearly anything
        raise InputError(f"{path}: not a readable PyTorch checkpoint ({first_line(error)})") from None


def _ours(name: str, depth: int) -> str:
    if match := re.fullmatch(r"imnet\.layers\.(\d+)\.(.*)", name):   # linear layers stand at even numbers, ReLUs between them
        layer = int(match[1]) // 2
        return f"decoder.output.{match[2]}" if layer == depth else f"decoder.hidden.{layer}.{match[2]}"
    for theirs, ours in RENAMED.items():
        if re.fullmatch(theirs, name):
            return re.sub(theirs, ours, name)
    return name


def _number(options: dict[str, Any], name: str, default: int) -> int:
    value = options.get(name, default)
    if type(value) is not int or not 1 <= value <= LARGEST:
        raise Unsupported(f"its {name} is {value!r}")
    return value


def _as_there(options: dict[str, Any], **required: Any) -> None:
    """Raises Unsupported if an argument is given with another value than our models compute with."""
    for name, value in required.items():
        if options.get(name, value) != value:
            raise Unsupported(f"its {name} is {options[name]!r}")


def _edsr(options: dict[str, Any]) -> EncoderConfig:
    _as_there(options, res_scale=1, rgb_range=1, no_upsampling=True)
    return EDSRConfig(blocks=_number(options, "n_resblocks", 16), channels=_number(options, "n_feats", 64))


def _rdn(options: dict[str, Any]) -> EncoderConfig:
    _as_there(options, RDNkSize=3, n_colors=3, no_upsampling=True)
    sizes = {"A": (20, 6, 32), "B": (16, 8, 64)}   # blocks, layers, growth
    if (chosen := options.get("RDNconfig", "B")) not in sizes:
        raise Unsupported(f"its RDNconfig is {chosen!r}")
    blocks, layers, growth = sizes[chosen]
    return RDNConfig(blocks=blocks, layers=layers, growth=growth, channels=_number(options, "G0", 64))


def _hidden(args: dict[str, Any], depth: int) -> dict[str, int]:
    """Width and depth of the MLP `imnet`."""
    spec = args.get("imnet_spec") or {}
    if not isinstance(spec, dict) or spec.get("name", "mlp") != "mlp" or not isinstance(spec.get("args") or {}, dict):
        raise Unsupported(f"its imnet_spec is {spec!r}")
    widths = (spec.get("args") or {}).get("hidden_list", [256] * depth)
    if not isinstance(widths, list) or len(set(map(str, widths))) != 1 or len(widths) > 64:
        raise Unsupported(f"the hidden_list of its MLP is {widths!r}")
    return {"width": _number({"width": widths[0]}, "width", 256), "depth": len(widths)}


def _liif(args: dict[str, Any], encoder: EncoderConfig) -> FamilyConfig:
    options = {"cell": "cell_decode", "ensemble": "local_ensemble", "unfold": "feat_unfold"}   # all True by default there
    given = {ours: bool(args.get(theirs, True)) for ours, theirs in options.items()}
    return LIIFConfig(encoding="coordinate", skip=False, encoder=encoder, **given, **_hidden(args, 4))


def _metasr(args: dict[str, Any], encoder: EncoderConfig) -> FamilyConfig:
    return MetaSRConfig(encoding="coordinate", encoder=encoder)   # its MLP has one layer of 256, whatever the arguments say


def _lte(args: dict[str, Any], encoder: EncoderConfig) -> FamilyConfig:
    hidden, width = _hidden(args, 3), _number(args, "hidden_dim", 256)
    if hidden["width"] != width:
        raise Unsupported(f"its MLP is {hidden['width']} wide, and it has {width} amplitudes")
    return LTEConfig(encoding="positional", encoder=encoder, **hidden)


ENCODERS: dict[str, Callable[[dict[str, Any]], EncoderConfig]] = {"edsr-baseline": _edsr, "rdn": _rdn}
MODELS: dict[str, Callable[[dict[str, Any], EncoderConfig], FamilyConfig]] = {"liif": _liif, "metasr": _metasr, "lte": _lte}
