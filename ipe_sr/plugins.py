"""Plugins: modules outside the package that register encodings, decoders and encoders of their own (see EXTENDING.md).

A plugin is named by `ipe-sr --plugin`, which takes a module or a .py file, by the environment variable IPE_SR_PLUGINS, which
takes names of modules separated by commas, or by an entry point of an installed package in the group "ipe_sr.plugins". The
variable reaches the processes that a command starts, such as the kernels of a sweep.
"""

import functools
import importlib
import importlib.util
import os
import sys
from importlib import metadata
from pathlib import Path

from ipe_sr.errors import InputError, first_line

PLUGINS = "IPE_SR_PLUGINS"   # environment variable
GROUP = "ipe_sr.plugins"     # of entry points


def names() -> list[str]:
    """The modules named by the environment variable, then those of installed packages, each once."""
    given = [name.strip() for name in os.environ.get(PLUGINS, "").split(",")]
    installed = [point.value for point in metadata.entry_points(group=GROUP)]
    return list(dict.fromkeys(name for name in (*given, *installed) if name))


def add(modules: list[str]) -> None:
    """Name further plugins for this process and those that it starts, and import them.

    modules: names of modules, or paths of .py files. Raises InputError for a missing file, and as `load`.
    """
    found = [_of_file(Path(module)) if module.endswith(".py") else module for module in modules]
    os.environ[PLUGINS] = ",".join(dict.fromkeys((*names(), *found)))
    load()


def load() -> None:
    """Import every plugin that is not imported yet. Raises InputError for one that cannot be imported."""
    for name in names():
        _import(name)


def _of_file(path: Path) -> str:
    """The name of a file's module, whose folder goes on Python's path, here and in processes that are started."""
    if not path.is_file():
        raise InputError(f"--plugin: {path}: no such file")
    loaded = sys.modules.get(path.stem) or importlib.util.find_spec(path.stem)
    home = getattr(loaded, "__file__", None) or getattr(loaded, "origin", None)
    if loaded and home != str(path.resolve()):
        raise InputError(f"--plugin: {path}: there is another module {path.stem!r} ({home or 'built in'}); rename the file")
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    return path.stem


@functools.cache
def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if name == error.name or name.startswith(f"{error.name}."):
            remedy = "give a module on Python's path, or the path of a .py file"
        else:
            remedy = f"it needs the package {error.name!r}; install it"
        raise InputError(f"plugin {name!r} cannot be imported: {remedy}") from None
    except InputError as error:
        raise InputError(f"plugin {name!r}: {first_line(error)}") from None
