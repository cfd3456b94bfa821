"""Notebooks as data: their parameters, the presets that set them, and the outputs that are stored in them."""

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from ipe_sr import files
from ipe_sr.errors import InputError, first_line

PRESETS = ("smoke", "teach", "paper")
EVERYWHERE = "all"   # in a preset: parameters of every notebook
WIDGET = "application/vnd.jupyter.widget-view+json"
RUN_TIME = re.compile(r"(\*\*Run time:\*\*)[^\n]*")


def notebooks(folder: Path) -> list[Path]:
    """The numbered notebooks of a folder, in order. Raises InputError if there are none."""
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise InputError(f"{folder}: holds no numbered notebooks; run this in a checkout, or give --notebooks FOLDER")
    return found


def read(path: Path) -> NotebookNode:
    """A notebook file. Raises InputError if it cannot be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not a readable notebook ({first_line(error)})") from None


def preset(folder: Path, name: str) -> dict[str, dict[str, Any]]:
    """The content of `params/NAME.yaml`: number of a notebook, or "all" -> parameters.

    Raises InputError for an unknown name, and for a file that is missing or damaged.
    """
    if name not in PRESETS:
        raise InputError(f"preset {name!r} is unknown: use one of {', '.join(PRESETS)}")
    return files.read_yaml(folder / "params" / f"{name}.yaml") or {}


def declared(notebook: NotebookNode, path: Path) -> dict[str, Any]:
    """The parameters of a notebook and their defaults. Its one cell with the tag `parameters` holds them.

    Raises InputError if there is not exactly one such cell, if it holds anything but lines `name = literal`, or if no other
    cell reads a parameter.
    """
    cells = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise InputError(f"{path}: has {len(cells)} cells tagged 'parameters'; it must have exactly one")
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
        raise InputError(f"{path}: no cell reads parameter {unread[0]!r}; remove it")
    return values


def resolve(defaults: dict[str, Any], given: dict[str, Any], path: Path) -> dict[str, Any]:
    """The defaults, overridden by the given values. Raises InputError for an unknown name or a value of another type."""
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
    """One line for each error in a notebook's outputs, and for each callback of a widget that crashed.

    Neither kind stops an execution.
    """
    found = []
    for number, cell in enumerate(code_cells(executed), 1):
        found += [f"cell {number}: {o.ename}: {o.evalue}" for o in cell.get("outputs", []) if o.output_type == "error"]
    widgets = executed.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    for model in widgets.get("state", {}).values():
        outputs = model.get("state", {}).get("outputs", ())
        found += [f"a widget's callback: {o['ename']}: {o['evalue']}" for o in outputs if o.get("output_type") == "error"]
    return found


def with_outputs(pristine: NotebookNode, executed: NotebookNode, run_time: str) -> NotebookNode:
    """The pristine notebook with the outputs of an execution. Cells count from 1; metadata of the run are left out."""
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


def remove_widget(output: NotebookNode) -> None:
    """Delete an output's reference to a widget: the widget ended with its kernel. The output's text stays."""
    output.get("data", {}).pop(WIDGET, None)


def _portable(output: NotebookNode, count: int) -> NotebookNode:
    remove_widget(output)
    if "execution_count" in output:
        output.execution_count = count
    return output


def _parse(cell: NotebookNode, path: Path) -> ast.Module:
    try:
        return ast.parse(cell.source)
    except SyntaxError as error:
        raise InputError(f"{path}: cell {cell.id}, line {error.lineno}: not plain Python ({error.msg})") from None
