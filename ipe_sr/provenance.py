"""Where a result came from: the code, the notebook, the repository, the versions, the machine and the data.

There are two digests of the code. `package_digest` changes with any change of the package's files. It names the code.
`digest` changes only with code that can change a result. It decides what a sweep runs again.

`digest` takes the given modules and the plugins (see `plugins`), then every module that these import, directly or through
others, also inside functions, as long as it belongs to the package or to a plugin. Of each module it hashes the syntax tree
without docstrings. It therefore ignores comments, line breaks, docstrings, modules that only draw, report or parse a command
line, and presets. (A run's parameters hold the resolved presets.) In doubt it runs again: a changed message or a renamed
variable changes the digest, and so may another version of Python, because its syntax trees may differ.
"""

import ast
import hashlib
import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from ipe_sr import plugins
from ipe_sr.errors import InputError

if TYPE_CHECKING:
    from nbformat import NotebookNode

PACKAGE = Path(__file__).resolve().parent
PACKAGES = ("ipe_sr", "torch", "numpy", "matplotlib", "scikit-image", "papermill", "ipywidgets")


def package_digest() -> str:
    """SHA-256 over the package's sources and presets, as text: line endings do not change it."""
    found = sorted(path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".yaml"))
    return _sha256((path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")) for path in found)


def digest(*modules: str, package: Path = PACKAGE) -> str:
    """SHA-256 over the code that modules such as "ipe_sr.training.loop" run, and over the plugins' code.

    package: the folder of the package that the modules belong to.
    Raises ValueError for an unknown module, InputError for a plugin without Python source.
    """
    homes = {package.name: package} | {name: _home(name) for name in _top_level_names(plugins.names())}
    roots = [*modules, *(module for name in plugins.names() for module in _modules_of(name, homes))]
    reached: dict[str, ast.Module] = {}
    waiting = [name for name in roots if _source(name, homes)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            path = _source(name, homes)
            reached[name] = ast.parse(path.read_text(encoding="utf-8"))
            inside = name if path.stem == "__init__" else name.rpartition(".")[0]
            imported = [*_imports(reached[name], inside), *_imports(_stub(path), inside)]
            # The package's own __init__ only gathers names for its users.
            waiting += [other for other in imported if other != package.name and _source(other, homes)]
    if missing := [name for name in modules if name not in reached]:
        raise ValueError(f"{missing[0]} is no module of {package}")
    return _sha256((name, ast.dump(_without_docstrings(reached[name]))) for name in sorted(reached))


def notebook_digest(notebook: "NotebookNode") -> str:
    """SHA-256 over the code cells of a notebook. Outputs, prose and line endings (CRLF or LF) do not change it."""
    cells = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    sources = [source.replace("\r\n", "\n").replace("\r", "\n") for source in cells]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def git() -> dict[str, str | bool | None]:
    """{"commit", "dirty"} of the package's own checkout.

    Both are None without one. The repository of another project does not count, although it may enclose the package:
    a virtual environment often lies in a project's checkout.
    """
    try:
        if Path(_git("rev-parse", "--show-toplevel")).resolve() != PACKAGE.parent:
            return {"commit": None, "dirty": None}
        return {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def versions() -> dict[str, str]:
    """Version of Python and of each installed package of `PACKAGES`, by name."""
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES if _installed(name)}


def machine() -> dict[str, str | int]:
    """{"device": the GPU's name, or the kind of CPU where there is no GPU; "cores": number of CPU cores}

    A process that has loaded torch asks torch, which knows the GPU that it computes on. Any other process, such as one that
    only starts kernels, asks the driver for its first GPU, because loading torch would take longer than all the rest.
    """
    name = _torch_gpu() if "torch" in sys.modules else _driver_gpu()
    return {"device": name or f"cpu ({platform.machine()})", "cores": os.cpu_count()}


def data(events: list[dict]) -> dict[str, dict]:
    """File name -> {"bytes", "sha256"} from the events of a journal (see `files.journal`)."""
    return {event["file"]: {k: event[k] for k in ("bytes", "sha256")} for event in events if event["event"] == "data"}


def _stub(path: Path) -> ast.Module:
    """The stub beside a source, which names what a package imports on first use; empty where there is none."""
    stub = path.with_suffix(".pyi")
    return ast.parse(stub.read_text(encoding="utf-8") if stub.exists() else "")


def _sha256(parts: Iterable[tuple[str, str]]) -> str:
    total = hashlib.sha256()
    for name, text in parts:
        total.update(f"{name}\0{text}\0".encode())
    return total.hexdigest()


def _top_level_names(modules: Iterable[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def _home(name: str) -> Path:
    """Where the source of a top-level module or package lies: FOLDER/NAME, without suffix. Nothing is imported."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if spec and spec.origin and not places:
        places = [str(Path(spec.origin).with_suffix(""))]
    if not places:
        raise InputError(f"plugin {name!r} cannot be found: name a module on Python's path, such as one in PYTHONPATH")
    return Path(places[0])


def _modules_of(plugin: str, homes: dict[str, Path]) -> Iterator[str]:
    """A plugin's module, or every module of a plugin that is a package: it may import some of them by computed names."""
    path = _source(plugin, homes)
    if path is None:
        raise InputError(f"plugin {plugin!r} has no Python source: a record must name the code that made it")
    yield plugin
    if path.name == "__init__.py":
        for file in sorted(path.parent.rglob("*.py")):
            parts = file.relative_to(path.parent).with_suffix("").parts
            yield ".".join([plugin, *(parts[:-1] if parts[-1] == "__init__" else parts)])


def _source(module: str, homes: dict[str, Path]) -> Path | None:
    """The file of a module of the package or of a plugin; None for a function, a class, or any other module."""
    first, *rest = module.split(".")
    if first not in homes:
        return None
    path = homes[first].joinpath(*rest)
    return next((file for file in (path / "__init__.py", path.parent / f"{path.name}.py") if file.is_file()), None)


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Every imported name that may be a module.   package: the one that the importing module belongs to."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


def _git(*words: str) -> str:
    command = ["git", "-C", str(PACKAGE), *words]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout.strip()


def _torch_gpu() -> str | None:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def _driver_gpu() -> str | None:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        names = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    return names[0] if names else None


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
