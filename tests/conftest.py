"""Settings and fixtures that all tests share: the data folder, official weights, tiny models, small pictures.

Torch uses one thread, because test files run side by side. Hypothesis draws the same examples every time.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from PIL import Image, ImageCms

from ipe_sr import files, models

torch.set_num_threads(1)
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("fixed")

OFFICIAL = "weights/edsr-baseline-liif.pth"
GOLDEN = "golden/liif_edsr_baseline.npz"


@pytest.fixture(scope="session")
def data() -> Path:
    """The data folder. A test is skipped if a file that the tests need is missing from it."""
    root = files.data_root()
    for needed in (OFFICIAL, GOLDEN, "benchmark/Set5/HR"):
        if not (root / needed).exists():
            pytest.skip(f"{needed} is not in the data folder {root}: download it or set IPE_SR_DATA")
    return root.resolve()


@pytest.fixture(scope="session")
def official(data):
    """The official EDSR-baseline-LIIF, read from its .pth file."""
    return models.load(data / OFFICIAL)


@pytest.fixture(scope="session")
def golden(data) -> dict[str, np.ndarray]:
    """Inputs and outputs of the official implementation with these weights."""
    with np.load(data / GOLDEN) as file:
        return dict(file)


@pytest.fixture
def tiny():
    """tiny(method, seed, **options): a model of that method with random weights and a tiny encoder and decoder."""
    def build(name: str = "ipe-liif", seed: int = 0, **options):
        torch.manual_seed(seed)
        small = {"encoder": models.EDSRConfig(blocks=1, channels=4), "width": 16} | options
        return dataclasses.replace(models.method(name), **small).build().eval()

    return build


@pytest.fixture
def pixels():
    """pixels(h, w, channels, dtype, seed): a smooth picture with some noise, over the whole range of its dtype."""
    def make(h: int, w: int, channels: int = 3, dtype=np.uint8, seed: int = 0) -> np.ndarray:
        y, x, c = np.ogrid[:h, :w, :channels]
        noise = np.random.default_rng(seed).uniform(-1, 1, (h, w, channels))
        wave = 0.5 + 0.45 * np.sin(0.5 * y + 0.3 * x + 1.7 * c) + 0.05 * noise
        return (wave * np.iinfo(dtype).max).round().astype(dtype)

    return make


@pytest.fixture
def picture_folder(tmp_path, pixels) -> Path:
    """A folder of two small pictures."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, shape in enumerate(((48, 60), (50, 44))):
        Image.fromarray(pixels(*shape, seed=number)).save(folder / f"picture{number}.png")
    return folder


@pytest.fixture(scope="session")
def icc() -> bytes:
    """An ICC profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
