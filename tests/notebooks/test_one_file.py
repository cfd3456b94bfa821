"""`notebooks/ipe_liif.py`, the network of the notebooks in one file, computes what the package computes."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import ipe_sr
from ipe_sr import models
from ipe_sr.imaging import resample

FILE = Path(__file__).parents[2] / "notebooks" / "ipe_liif.py"


@pytest.fixture(scope="module")
def one_file():
    spec = importlib.util.spec_from_file_location("one_file", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_has_at_most_two_hundred_lines_and_does_not_use_the_package():
    text = FILE.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 200
    assert "import ipe_sr" not in text and "from ipe_sr" not in text


@pytest.mark.parametrize("size", [(14, 18), (7, 9), (21, 50)])
def test_a_small_network_paints_what_the_package_paints_with_the_same_gradients(one_file, size):
    torch.manual_seed(0)
    own = one_file.IPELIIF(blocks=1, channels=8, width=16, frequencies=4)
    encoder = models.EDSRConfig(blocks=1, channels=8)
    twin = models.LIIFConfig(encoding="integrated", frequencies=4, width=16, skip=True, cell=False, encoder=encoder).build()
    twin.load_state_dict(own.state_dict())
    lr = torch.rand(1, 3, 7, 9)
    painted, due = own(lr, size), twin(lr, size)
    torch.testing.assert_close(painted, due, rtol=0, atol=1e-5)
    gradients = torch.autograd.grad(painted.square().sum(), list(own.parameters()))
    for gradient, other in zip(gradients, torch.autograd.grad(due.square().sum(), list(twin.parameters())), strict=True):
        torch.testing.assert_close(gradient, other, rtol=1e-3, atol=1e-4)


def test_the_released_weights_fit(one_file):
    own = one_file.IPELIIF()
    own.load_state_dict(load_file(Path(ipe_sr.__file__).parent / "weights" / "ipe-liif.safetensors"))
    lr = torch.rand(1, 3, 8, 10, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(own(lr, (20, 27)), ipe_sr.load("ipe-liif")(lr, (20, 27)), rtol=0, atol=1e-5)


def test_its_reduction_is_that_of_the_package(one_file):
    hr = torch.rand(1, 3, 40, 52, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one_file.reduced(hr, (13, 20)), resample.bicubic(hr, (13, 20)), rtol=0, atol=1e-5)


def test_training_lowers_the_loss(one_file):
    torch.manual_seed(0)
    line = torch.linspace(0, 1, 64)
    hr = torch.stack([line.expand(64, 64), line[:, None].expand(64, 64), torch.full((64, 64), 0.5)])[None]
    small = one_file.IPELIIF(blocks=0, channels=4, width=16, frequencies=4)
    losses = one_file.train(small, hr, 150, patch=12, queries=128, rate=1e-2)
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])


def test_the_command_enlarges_a_picture(tmp_path):
    Image.fromarray(np.zeros((40, 50, 3), np.uint8)).save(tmp_path / "small.png")
    words = [sys.executable, str(FILE), "small.png", "--steps", "2", "--scale", "1.5", "--out", "large.png"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "large.png: 75 x 60 pixels" in done.stdout
    assert Image.open(tmp_path / "large.png").size == (75, 60)
