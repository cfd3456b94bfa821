"""What a notebook defines under the name of a package function is its twin: same outputs, same gradients."""

import ast
import importlib
import importlib.util
import math
import pkgutil
from pathlib import Path

import pytest
import torch

import ipe_sr
from ipe_sr import series

NOTEBOOKS = series.notebooks(Path(__file__).parents[2] / "notebooks")
TAG = "twin:"


def registered():
    """(notebook, definition's source, package function) of every cell tagged `twin:module:name`."""
    for path in NOTEBOOKS:
        for cell in series.code_cells(series.read(path)):
            for tag in cell.metadata.get("tags", []):
                if tag.startswith(TAG):
                    module, name = tag.removeprefix(TAG).split(":")
                    twin = getattr(importlib.import_module(module), name)
                    yield pytest.param(cell.source, name, twin, id=f"{path.name[:2]}-{name}")


def sample(name, generator):
    """Inputs for a twin, by its name; a new twin needs an entry here."""
    shapes = {"integrated": [(7, 3, 2), (7, 3, 2), (5,)]}
    return [torch.rand(shape, generator=generator, dtype=torch.float64) for shape in shapes[name]]


@pytest.mark.parametrize(("source", "name", "twin"), list(registered()))
def test_twins_agree_in_value_and_gradient(source, name, twin):
    taught = {"torch": torch, "math": math}
    exec(source, taught)
    inputs = sample(name, torch.Generator().manual_seed(0))
    values, gradients = [], []
    for function in (taught[name], twin):
        leaves = [x.clone().requires_grad_() for x in inputs]
        value = function(*leaves)
        weights = torch.linspace(-1, 1, value.numel(), dtype=value.dtype).reshape(value.shape)
        values.append(value)
        gradients.append(torch.autograd.grad((value * weights).sum(), leaves))
    torch.testing.assert_close(values[0], values[1], rtol=1e-14, atol=1e-14)
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)


def test_at_least_one_twin_is_registered():
    assert list(registered())


def public_functions():
    """Every public function and class of the package, by name."""
    names = set()
    for module in pkgutil.walk_packages(ipe_sr.__path__, "ipe_sr."):
        tree = ast.parse(Path(importlib.util.find_spec(module.name).origin).read_text())
        kinds = (ast.FunctionDef, ast.ClassDef)
        names |= {node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")}
    return names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_package_name_defined_in_a_notebook_is_a_registered_twin(path):
    taken = public_functions()
    for cell in series.code_cells(series.read(path)):
        for node in ast.parse(cell.source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in taken:
                twins = [tag.split(":")[-1] for tag in cell.metadata.get("tags", []) if tag.startswith(TAG)]
                assert node.name in twins, f"{node.name} repeats a name of the package and is not registered"
