"""Where a result came from: the code, the notebook, the repository, the versions, the machine and the data.

Two digests of the code. `package_digest` changes with any byte of the package: it names the code. `digest` changes only
with what can change a result, and decides what a sweep runs again. It takes the modules that the given ones import, and
those that these import in turn, also inside functions, as far as they belong to the package; of each it hashes the syntax
tree without docstrings. Comments, line breaks and docstrings are not in it, nor are modules that only draw, report or
parse a command line, nor presets: those stand, resolved, in a run's parameters. It errs on the side of running again: a
changed message or a renamed variable counts, and so does another version of Python, whose syntax trees may differ.
"""

import ast
import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nbformat import NotebookNode

PACKAGE = Path(__file__).parent
PACKAGES = ("ipe_sr", "torch", "numpy", "matplotlib", "scikit-image", "papermill", "ipywidgets")


def package_digest() -> str:
    """sha256 over the package's sources and presets: which code made a record."""
    return _sha256((path.relative_to(PACKAGE).as_posix(), path.read_bytes()) for path in _files(".py", ".yaml"))


def digest(*modules: str, package: Path = PACKAGE) -> str:
    """sha256 over the code that these modules run, such as "ipe_sr.training.loop"; what counts is said above.

    package: the folder of the package that they belong to.
    """
    reached, waiting = {}, [name for name in modules if _source(name, package)]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = ast.parse(_source(name, package).read_text(encoding="utf-8"))
            waiting += [other for other in _imports(reached[name], name) if _source(other, package)]
    if missing := [name for name in modules if name not in reached]:
        raise ValueError(f"{missing[0]} is no module of {package}")
    return _sha256((name, ast.dump(_bare(reached[name])).encode()) for name in sorted(reached))


def notebook_digest(notebook: "NotebookNode") -> str:
    """sha256 over the code cells of a notebook: its outputs and its prose are not in it."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()


def git() -> dict[str, str | bool | None]:
    """{"commit", "dirty"} of the checkout that the package stands in; None where it stands in none."""
    try:
        commit, status = (_git(*words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain")))
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(status)}


def versions() -> dict[str, str]:
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in PACKAGES if _installed(name)}


def machine() -> dict[str, str | int]:
    """{"device": in words, "cores": how many processes may run at once}"""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"cpu ({platform.machine()})"
    return {"device": device, "cores": os.cpu_count()}


def data(events: list[dict]) -> dict[str, dict]:
    """File name -> {"bytes", "sha256"} from the events of a journal (see `files.journal`)."""
    return {event["file"]: {k: event[k] for k in ("bytes", "sha256")} for event in events if event["event"] == "data"}


def _files(*suffixes: str) -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*") if path.suffix in suffixes)


def _sha256(parts: Iterable[tuple[str, bytes]]) -> str:
    total = hashlib.sha256()
    for name, content in parts:
        total.update(f"{name}\0".encode() + content + b"\0")
    return total.hexdigest()


def _source(module: str, package: Path) -> Path | None:
    """The file of a module of the package; None for a function, a class, or what belongs elsewhere."""
    first, *rest = module.split(".")
    path = package.joinpath(*rest)
    if first != package.name or not rest:   # the package itself only gathers names for its users
        return None
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imports(tree: ast.Module, module: str) -> Iterator[str]:
    """Everything that may be a module among the imported names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{module}: imports relatively; the digest follows absolute imports only")
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _bare(tree: ast.Module) -> ast.Module:
    """The tree without docstrings."""
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return tree


def _git(*words: str) -> str:
    command = ["git", "-C", str(PACKAGE), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False
