"""Configs as data: what a checkpoint's header and a method's YAML file hold."""

import dataclasses
from typing import Any

from ipe_sr import presets
from ipe_sr.errors import InputError
from ipe_sr.models.bicubic import BicubicConfig
from ipe_sr.models.encoders import EncoderConfig
from ipe_sr.models.fixed_scale import FixedScaleConfig
from ipe_sr.models.liif import LIIFConfig
from ipe_sr.models.lmf import LMFConfig
from ipe_sr.models.lte import LTEConfig
from ipe_sr.models.metasr import MetaSRConfig

KINDS = {
    "bicubic": BicubicConfig, "fixed-scale": FixedScaleConfig, "liif": LIIFConfig, "lmf": LMFConfig, "lte": LTEConfig,
    "metasr": MetaSRConfig,
}
Config = BicubicConfig | FixedScaleConfig | LIIFConfig | LMFConfig | LTEConfig | MetaSRConfig


def to_dict(config: Config) -> dict[str, Any]:
    """Plain data, with the `kind` that `from_dict` needs."""
    kind = next(kind for kind, cls in KINDS.items() if type(config) is cls)
    return {"kind": kind, **dataclasses.asdict(config)}


def from_dict(data: dict[str, Any]) -> Config:
    """The config that `to_dict` wrote. Options left out take their defaults; raises ValueError for unknown ones."""
    if not isinstance(data, dict):
        raise ValueError(f"a config is a mapping, got {data!r}")
    options = dict(data)
    kind = options.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is unknown: use one of {', '.join(KINDS)}")
    if "encoder" in options:
        options["encoder"] = _fill(EncoderConfig, options["encoder"])
    return _fill(KINDS[kind], options)


def methods() -> list[str]:
    """Names of the methods that have a preset."""
    return presets.names("methods")


def method(name: str) -> Config:
    """The config of a method by name (`presets/methods/NAME.yaml`; see `presets.read` for `extends`).

    Raises InputError for an unknown name or base, or a preset that makes no config.
    """
    if name not in methods():
        raise InputError(f"method {name!r} is unknown: use one of {', '.join(methods())}")
    options = presets.read("methods", name)
    try:
        return from_dict(options)
    except ValueError as error:
        raise InputError(f"{name}.yaml: {error}") from None


def _fill(cls: type, options: dict[str, Any]):
    if not isinstance(options, dict):
        raise ValueError(f"{cls.__name__} takes named options, got {options!r}")
    known = {field.name: field for field in dataclasses.fields(cls)}
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"option {name!r} is unknown: use one of {', '.join(known)}")
        kind = known[name].type
        if isinstance(kind, type) and kind in (bool, int, str) and type(value) is not kind:
            raise ValueError(f"option {name!r} must be {kind.__name__}, got {value!r}")
    return cls(**options)
