"""Twins: a definition in a notebook with the name of a package function has the same outputs and the same gradients."""

import ast
import importlib
import importlib.util
import itertools
import pkgutil
from pathlib import Path

import pytest
import torch

import ipe_sr
from ipe_sr import models
from ipe_sr.imaging import metrics
from ipe_sr.series import documents
from ipe_sr.training import batches

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = [*documents.notebooks(FOLDER), *documents.notebooks(FOLDER / "exercises")]
TAG = "twin:"


class Random(tuple):
    """The shape of an input: a float64 tensor, uniform in [0, 1), whose gradient is compared."""


SMALL = models.LIIFConfig(frequencies=2, width=4, depth=1, encoder=models.EDSRConfig(blocks=0, channels=2))
BATCH = batches.Batch(lr=torch.rand(2, 3, 4, 5).double(), position=3 * torch.rand(2, 7, 2).double(),
                      radius=torch.full((2, 1, 2), 0.5).double(), colour=torch.rand(2, 7, 3).double(), pixel=None, sizes=())

# The inputs of each trial, by the twin's name; a new twin needs an entry. First come the arguments that make the module, if
# the twin is a module or makes one; then the inputs.
TRIALS = {
    "MLP": ((5, 3, 8, 3), [Random((7, 5))]),
    "MetaSR": ((models.MetaSRConfig(encoding="coordinate", width=4, encoder=SMALL.encoder),), [Random((2, 3, 4, 5)), (7, 11)]),
    "MLP with skips": ((5, 3, 8, 3, True), [Random((7, 5))]),
    "Objective": ((SMALL.build(),), [BATCH]),
    "ResidualBlock": ((4,), [Random((2, 4, 5, 6))]),
    "ResidualDenseBlock": ((4, 3, 2), [Random((2, 4, 5, 6))]),
    "centres": ((), [7, 3]),
    "conv3": ((4, 3), [Random((2, 4, 5, 6))]),
    "corners": ((), [Random((2, 7, 2)), (4, 5)]),
    "descend": ((), [Random((5, 5)), Random((3, 5)), Random((5,)), 7]),
    "integrated": ((), [Random((7, 3, 2)), Random((7, 3, 2)), Random((5,))]),
    "luma": ((), [Random((3, 4, 5))]),
    "nearest": ((), [Random((2, 7, 2)), (4, 5)]),
    "parallelogram": ((), [Random((7, 3, 2)), Random((7, 3, 2, 2)), Random((5,))]),
    "parts": ((), [Random((7,)), Random((7,)), 3]),
    "positional": ((), [Random((7, 3, 2)), Random((5,))]),
    "queries": ((), [Random((3, 8, 8)), (4, 4), (1, 2)]),
    "radii": ((), [(7, 5), (3, 4)]),
    "similarity": ((), [Random((7,)), Random((4,)), Random((5,))]),
    "unfold": ((), [Random((2, 4, 5, 6))]),
    "wide_network": ((), [Random((7, 3))]),
}


def registered():
    """Yield, for every tagged cell, (source, name, twin in the package).

    source: the notebook's imports and registered definitions up to this cell.
    """
    for path in NOTEBOOKS:
        taught = ""
        for cell in documents.code_cells(documents.read(path)):
            imports = [node for node in ast.parse(cell.source).body if isinstance(node, (ast.Import, ast.ImportFrom))]
            taught += "".join(f"{ast.unparse(node)}\n" for node in imports)
            for tag in cell.metadata.get("tags", []):
                if tag.startswith(TAG):
                    module, name = tag.removeprefix(TAG).split(":")
                    twin = getattr(importlib.import_module(module), name)
                    taught += cell.source + "\n"
                    yield pytest.param(taught, name, twin, id=f"{path.parent.name}-{path.name[:2]}-{name}")


def tried(definition, name, weights=None):
    """(values of a definition, their gradients by inputs and weights, the weights).   weights: None for random ones."""
    made_with, inputs = TRIALS[name]
    random = torch.Generator().manual_seed(0)
    inputs = [torch.rand(x, generator=random, dtype=torch.float64).requires_grad_() if isinstance(x, Random) else x
              for x in inputs]
    function = definition(*made_with).double() if made_with else definition
    if weights is not None:
        function.load_state_dict(weights)
    value = function(*inputs)
    values = value if isinstance(value, tuple) else (value,)
    leaves = [x for x in (*inputs, *(function.parameters() if made_with else ())) if isinstance(x, torch.Tensor)]
    total = sum((part * torch.linspace(-1, 1, part.numel()).reshape(part.shape)).sum() for part in values if part.requires_grad)
    gradients = torch.autograd.grad(total, leaves) if leaves else ()
    return values, gradients, function.state_dict() if made_with else None


@pytest.mark.parametrize(("source", "name", "twin"), [twin for twin in registered() if twin.values[1] in TRIALS])
def test_twins_agree_in_value_and_gradient(source, name, twin):
    agree(source, name, twin, name)


@pytest.mark.parametrize(("source", "name", "twin"), [twin for twin in registered() if twin.id == "notebooks-08-MLP"])
def test_decoders_with_skips_agree(source, name, twin):
    agree(source, name, twin, "MLP with skips")


def agree(source, name, twin, trial):
    taught = {}
    exec(source, taught)
    values, gradients, weights = tried(twin, trial)
    own_values, own_gradients, _ = tried(taught[name], trial, weights)
    for ours, theirs in zip(own_values, values, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)
    for ours, theirs in zip(own_gradients, gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-13)


def line_fitted(learn):
    """Losses and weights of three steps of a training loop on a linear map. The weights depend on its gradients."""
    random = torch.Generator().manual_seed(0)
    position, radius, colour = torch.rand(3, 2000, 2, generator=random, dtype=torch.float64)
    weights = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    losses = learn(lambda position, radius: (position + radius) @ weights, [weights], (position, radius, colour), 3)
    return torch.tensor(losses), weights


def pictures_scored(psnr):
    """PSNR in dB, under every protocol, of a picture with values outside [0, 1]."""
    sr, hr = torch.rand(2, 3, 30, 34, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1.2 - 0.1
    return [torch.tensor(psnr(sr, hr, protocol, 2.5), dtype=torch.float64) for protocol in metrics.PROTOCOLS.values()]


def lessons_drawn(sampler):
    """The random numbers of the first lessons of some steps."""
    store = batches.Store(torch.zeros(3840, dtype=torch.uint8), (("a", 0, 20, 30), ("b", 1800, 17, 40)))
    made = sampler(store, 3, 4, 10, (1.0, 4.0), 7)
    draw = getattr(made, "draw", None) or made._draw   # the notebook's method has no underscore
    draws = [draw(step, item) for step, item in itertools.product(range(5), range(3))]
    return [torch.tensor([*numbers, factor, *pixel]) for *numbers, pixel, factor in draws]


def rates_of_steps(schedule):
    """Learning rates of 50 steps under both decays."""
    made = [schedule(steps=50, learning_rate=0.3, decay=decay, halve_every=12) for decay in ("halve", "cosine")]
    return [torch.tensor([each.rate(step) for step in range(50)], dtype=torch.float64) for each in made]


def frequencies_drawn(half_disc):
    """Frequencies drawn with one seed."""
    torch.manual_seed(0)
    return [half_disc(7, 3.0)]


OTHERWISE = {   # twins that need a trial of their own
    "Sampler": lessons_drawn, "Schedule": rates_of_steps, "half_disc": frequencies_drawn,
    "learn": line_fitted, "psnr": pictures_scored,
}


@pytest.mark.parametrize(("source", "name", "twin"), [twin for twin in registered() if twin.values[1] in OTHERWISE])
def test_twins_that_train_score_or_draw_agree(source, name, twin):
    taught = {}
    exec(source, taught)
    for ours, theirs in zip(OTHERWISE[name](taught[name]), OTHERWISE[name](twin), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_every_twin_is_tried():
    names = {twin.values[1] for twin in registered()}
    assert names and names <= TRIALS.keys() | OTHERWISE.keys()


def public_functions():
    """The names of the package's public functions and classes, without the programs in `benchmarks`."""
    names = set()
    for module in pkgutil.walk_packages(ipe_sr.__path__, "ipe_sr."):
        if module.name.startswith("ipe_sr.benchmarks"):
            continue
        tree = ast.parse(Path(importlib.util.find_spec(module.name).origin).read_text(encoding="utf-8"))
        kinds = (ast.FunctionDef, ast.ClassDef)
        names |= {node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")}
    return names


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_package_name_defined_in_a_notebook_is_a_registered_twin(path):
    taken = public_functions()
    for cell in documents.code_cells(documents.read(path)):
        for node in ast.parse(cell.source).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in taken:
                twins = [tag.split(":")[-1] for tag in cell.metadata.get("tags", []) if tag.startswith(TAG)]
                assert node.name in twins, f"{node.name} repeats a name of the package and is not registered"
