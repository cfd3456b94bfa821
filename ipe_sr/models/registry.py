"""Families of models and encoders by name. A decorator on a config adds one, here or in a plugin (see EXTENDING.md).

    @register("siren")                       @register_encoder("window")
    @dataclass(frozen=True)                  @dataclass(frozen=True)
    class SirenConfig(FamilyConfig): ...     class WindowConfig(EncoderConfig): ...

A config is a frozen dataclass of plain data that a checkpoint carries; its method `build()` makes the module. This module
and `models.families` import no torch, so that a command that only plans work starts at once.
"""

from collections.abc import Callable
from typing import ClassVar

from ipe_sr import plugins, presets
from ipe_sr.errors import InputError

_FAMILIES: dict[str, type] = {}
_ENCODERS: dict[str, type] = {}


class EncoderConfig:
    """Base of the configs of encoders, with what rendering in tiles has to know of one.

    An encoder maps (B, 3, h, w), normalised to [-1, 1], to features (B, channels, h, w).
    reach: how many pixels away, along an axis, a feature still depends on the picture; None where there is no bound or none
    is known, and then every picture is encoded whole.   period: a tile starts at a multiple of it, which windows need; 1
    serves convolutions.   activations: about how many numbers the encoder holds at once for each LR pixel, without
    gradients, for estimates of memory; None where that is not known.
    """

    channels: int
    reach: int | None = None
    period: ClassVar[int] = 1
    activations: int | None = None

    def build(self):
        """The encoder as a `torch.nn.Module` with random weights."""
        raise NotImplementedError


class FamilyConfig:
    """Base of the configs of models.   trainable: whether the model has parameters."""

    trainable: ClassVar[bool] = True

    def build(self):
        """The model as a `torch.nn.Module` with random weights."""
        raise NotImplementedError


def register(name: str) -> Callable[[type], type]:
    """A decorator that makes a `FamilyConfig` the family of this name. Raises InputError for another class or a taken name."""
    return _adder(_FAMILIES, FamilyConfig, "family", name)


def register_encoder(name: str) -> Callable[[type], type]:
    """A decorator that makes an `EncoderConfig` the encoder of this name. Raises InputError as `register`."""
    return _adder(_ENCODERS, EncoderConfig, "encoder", name)


def families() -> dict[str, type]:
    """Name -> config of every family, plugins included."""
    plugins.load()
    return dict(_FAMILIES)


def encoders() -> dict[str, type]:
    """Name -> config of every encoder, plugins included."""
    plugins.load()
    return dict(_ENCODERS)


def _adder(table: dict[str, type], base: type, what: str, name: str) -> Callable[[type], type]:
    def add(config: type) -> type:
        if not issubclass(config, base):
            raise InputError(f"{what} {name!r}: {config.__qualname__} must inherit from {base.__name__}")
        ours = config.__module__.partition(".")[0] == __name__.partition(".")[0]
        if base is FamilyConfig and not ours and name in presets.names("methods"):
            raise InputError(f"{what} {name!r}: the package has a method of this name; choose another")
        known = table.get(name)
        if known and (known.__module__, known.__qualname__) != (config.__module__, config.__qualname__):   # not a reload
            raise InputError(f"{what} {name!r} is registered already, by {known.__module__}: choose another name")
        table[name] = config
        return config

    return add
