"""The notebooks as data: their parameters, what presets may set, and how outputs are stored in them."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from ipe_sr.errors import InputError, first_line

PRESETS = ("smoke", "teach", "paper")
EVERYWHERE = "all"   # the presets' key for parameters of every notebook
RUN_TIME = re.compile(r"(\*\*Run time:\*\*)[^\n]*")


def notebooks(folder: Path) -> list[Path]:
    """The numbered notebooks, in order. Raises InputError where there are none."""
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise InputError(f"{folder}: holds no numbered notebooks; run this in a checkout, or give --notebooks FOLDER")
    return found


def read(path: Path) -> NotebookNode:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable notebook ({first_line(error)})") from None


def preset(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    """`params/NAME.yaml`: notebook number (or "all") -> parameters."""
    path = folder / "params" / f"{name}.yaml"
    if name not in PRESETS or not path.is_file():
        raise InputError(f"preset {name!r} is unknown: use one of {', '.join(PRESETS)}")
    return yaml.safe_load(path.read_text()) or {}


def declared(notebook: NotebookNode, path: Path) -> dict[str, Any]:
    """The parameters of a notebook and their defaults: literals in its one cell tagged `parameters`.

    Raises InputError for none or several such cells, anything but `name = literal`, or a parameter that no other cell reads.
    """
    cells = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise InputError(f"{path}: has {len(cells)} cells tagged 'parameters' where one is due")
    values = {}
    for statement in _parse(cells[0], path).body:
        try:
            (target,) = statement.targets
            values[target.id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):
            raise InputError(f"{path}: parameters cell, line {statement.lineno}: not `name = literal`") from None
    names = [node for cell in code_cells(notebook) if cell is not cells[0] for node in ast.walk(_parse(cell, path))]
    read = {node.id for node in names if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    if unread := sorted(values.keys() - read):
        raise InputError(f"{path}: nothing reads parameter {unread[0]!r}")
    return values


def resolve(defaults: dict[str, Any], given: dict[str, Any], path: Path) -> dict[str, Any]:
    """Defaults overridden by what was given; raises InputError for an unknown name or another type."""
    for name, value in given.items():
        if name not in defaults:
            raise InputError(f"{path.name}: parameter {name!r} is unknown: use one of {', '.join(defaults)}")
        want = type(defaults[name])
        if type(value) is not want and not (want is float and type(value) is int):
            raise InputError(f"{path.name}: parameter {name!r} must be {want.__name__}, like {defaults[name]!r}; got {value!r}")
    return defaults | given


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def failures(executed: NotebookNode) -> list[str]:
    """Errors that an execution leaves without stopping: in outputs, and inside widgets whose callbacks crashed."""
    found = []
    for number, cell in enumerate(code_cells(executed), 1):
        found += [f"cell {number}: {o.ename}: {o.evalue}" for o in cell.get("outputs", []) if o.output_type == "error"]
    widgets = executed.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    for model in widgets.get("state", {}).values():
        outputs = model.get("state", {}).get("outputs", ())
        found += [f"a widget's callback: {o['ename']}: {o['evalue']}" for o in outputs if o.get("output_type") == "error"]
    return found


def with_outputs(pristine: NotebookNode, executed: NotebookNode, run_time: str) -> NotebookNode:
    """The pristine notebook with the outputs of an execution: counts 1..N, no widget state, no run metadata."""
    outputs = {cell.id: cell.get("outputs", []) for cell in code_cells(executed)}
    for count, cell in enumerate(code_cells(pristine), 1):
        cell.outputs = [_portable(output, count) for output in outputs[cell.id]]
        cell.execution_count = count
        cell.metadata = {k: v for k, v in cell.metadata.items() if k == "tags"}
    pristine.cells[0].source = RUN_TIME.sub(rf"\1 {run_time}", pristine.cells[0].source)
    pristine.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return pristine


def _portable(output: NotebookNode, count: int) -> NotebookNode:
    output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    if "execution_count" in output:
        output.execution_count = count
    return output


def _parse(cell: NotebookNode, path: Path) -> ast.Module:
    try:
        return ast.parse(cell.source)
    except SyntaxError as error:
        raise InputError(f"{path}: cell {cell.id}, line {error.lineno}: not plain Python ({error.msg})") from None
