"""Configs as data: what a checkpoint's header and a method's YAML file hold."""

import dataclasses
from typing import Any, get_type_hints

from ipe_sr import presets
from ipe_sr.errors import InputError
from ipe_sr.models import families, registry  # `families` registers the package's own

Config = registry.FamilyConfig
DEFAULT_ENCODER = "edsr"
LARGEST = 4096   # of any whole number; published models have layers of up to 1024
LEFT_OVER = {"layers": 8, "growth": 64}   # RDN's options at their defaults, which older files name with EDSR, too


def to_dict(config: Config) -> dict[str, Any]:
    """Plain data, with the `kind` and the encoder's `name` that `from_dict` needs."""
    data = {"kind": _name(registry.families(), config)} | dataclasses.asdict(config)
    if "encoder" in data:
        data["encoder"] = {"name": _name(registry.encoders(), config.encoder)} | data["encoder"]
    return data


def from_dict(data: dict[str, Any]) -> Config:
    """The config that `to_dict` wrote. Options left out take their defaults; raises ValueError for unknown ones."""
    options = _mapping(data, "a config")
    if "encoder" in options:
        options["encoder"] = encoder(options["encoder"])
    kind = options.pop("kind", None)
    return _fill(_known(registry.families(), "kind", kind), options)


def methods() -> list[str]:
    """Names of the methods: those that have a preset, and every family of a plugin, with its defaults."""
    named = presets.names("methods")
    plugged = {name for name, config in registry.families().items() if config.__module__ != families.__name__}
    return sorted(plugged.union(named))


def method(name: str) -> Config:
    """The config of a method by name (`presets/methods/NAME.yaml`; see `presets.read` for `extends`).

    Raises InputError for an unknown name or base, or a preset that makes no config.
    """
    if name not in methods():
        raise InputError(f"method {name!r} is unknown: use one of {', '.join(methods())}")
    preset = name in presets.names("methods")   # else it is a family of a plugin, with its defaults
    options = presets.read("methods", name) if preset else {"kind": name}
    try:
        return from_dict(options)
    except ValueError as error:
        raise InputError(f"{name}{'.yaml' if preset else ''}: {error}") from None


def encoder(data: dict[str, Any]) -> registry.EncoderConfig:
    """The config of an encoder from its name and options. Raises ValueError for an unknown name or option."""
    options = _mapping(data, "an encoder")
    name = options.pop("name", DEFAULT_ENCODER)
    if name == "edsr":
        options = {key: value for key, value in options.items() if LEFT_OVER.get(key) != value}
    return _fill(_known(registry.encoders(), "encoder", name), options)


def shapes(config: Config) -> dict[str, Any]:
    """The tensors of a model by name, on the device "meta": shapes without numbers, which take no memory."""
    import torch

    try:
        with torch.device("meta"):
            return config.build().state_dict()
    except (NotImplementedError, RuntimeError):   # a model of a plugin may compute while it is built
        return config.build().state_dict()


def weight_bytes(config: Config) -> int:
    """What the weights of a model take in float32."""
    return 4 * sum(tensor.numel() for tensor in shapes(config).values())


def _mapping(data: Any, what: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what} is a mapping of options, got {data!r}")
    return dict(data)


def _known(table: dict[str, type], what: str, name: Any) -> type:
    if name not in table:
        raise ValueError(f"{what} {name!r} is unknown: use one of {', '.join(sorted(table))}, or name its plugin (--plugin)")
    return table[name]


def _name(table: dict[str, type], config: Any) -> str:
    return next(name for name, cls in table.items() if type(config) is cls)


def _fill(cls: type, options: dict[str, Any]):
    known, kinds = {field.name: field for field in dataclasses.fields(cls)}, get_type_hints(cls)
    for name, value in options.items():
        if name not in known:
            raise ValueError(f"option {name!r} is unknown: use one of {', '.join(known)}")
        kind = kinds[name]
        fits = type(value) is kind or (kind is float and type(value) is int)
        if kind is int and fits and abs(value) > LARGEST:
            raise ValueError(f"option {name!r} must be at most {LARGEST:,}, got {value:,}")
        if kind in (bool, int, float, str) and not fits:
            raise ValueError(f"option {name!r} must be {kind.__name__}, got {value!r}")
    required = [name for name, field in known.items() if field.default is field.default_factory]   # both MISSING
    if missing := [name for name in required if name not in options]:
        raise ValueError(f"option {missing[0]!r} is missing")
    return cls(**options)
