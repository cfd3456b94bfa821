"""Presets: two folders of small YAML files, `methods` and `schedules`. A file may extend another one in its folder."""

from importlib import resources
from typing import Any

from ipe_sr import files
from ipe_sr.errors import InputError

FOLDER = resources.files(__package__)


def names(kind: str) -> list[str]:
    """The presets of a kind ("methods" or "schedules"), sorted."""
    return sorted(path.name.removesuffix(".yaml") for path in (FOLDER / kind).iterdir() if path.name.endswith(".yaml"))


def read(kind: str, name: str, above: tuple[str, ...] = ()) -> dict[str, Any]:
    """The options of a preset: those of its base (`extends: NAME`), then its own; a nested mapping is replaced whole.

    above: the presets that extend it. Raises InputError for a file that holds no mapping, an unknown base or a circle.
    """
    options = files.parse_yaml((FOLDER / kind / f"{name}.yaml").read_text(encoding="utf-8"), f"{name}.yaml")
    if not isinstance(options, dict):
        raise InputError(f"{name}.yaml: a preset is a mapping, got {options!r}")
    base = options.pop("extends", None)
    if base is None:
        return options
    if base not in names(kind):
        raise InputError(f"{name}.yaml: extends {base!r}, which is unknown: use one of {', '.join(names(kind))}")
    if base in (*above, name):
        raise InputError(f"{name}.yaml: extends {base!r}, which extends it in turn")
    return read(kind, base, (*above, name)) | options
