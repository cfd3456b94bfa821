"""The first demo of notebook 15: a part of a picture at its own resolution, and what an enlargement takes."""

import io
import mmap
import time

import numpy as np
import pytest
import torch
from PIL import Image

from ipe_sr import demos, models
from ipe_sr.demos import enlarging, photo
from ipe_sr.imaging import images

STATE = {"picture": "mine.png", "down": 50, "right": 50, "scale": 3.0, "model": "ipe-liif-cell"}


@pytest.fixture(autouse=True)
def small_model(tiny, monkeypatch):
    monkeypatch.setattr(models, "cached", lambda name: tiny())
    monkeypatch.setattr(photo, "_own", {})
    enlarging._encoded.cache_clear()
    yield
    enlarging._encoded.cache_clear()


def add(pixels, name="mine.png"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    photo.upload(name, buffer.getvalue())


@pytest.mark.parametrize("share", [0, 37, 100])
@pytest.mark.parametrize("scale", [1.5, 3.0, 8.0])
def test_a_part_lies_within_the_picture_and_where_it_was_asked_for(pixels, share, scale):
    add(pixels(200, 260))
    _, matrix, lr, _ = enlarging._part("mine.png", share, share, scale, "ipe-liif-cell")
    start = enlarging._encoded("mine.png", share, share, "ipe-liif-cell")[0]
    first = matrix[:2, 2] + torch.tensor(start)                        # position of the first pixel's centre, LR pixels
    last = first + (enlarging.OUT[0] - 1) / scale
    for a, b, n in zip(first.tolist(), last.tolist(), (200, 260), strict=True):
        assert a - 0.5 / scale >= -0.5 - 1e-9 and b + 0.5 / scale <= n - 0.5 + 1e-9
        if share in (0, 100):
            edge = a - 0.5 / scale + 0.5 if share == 0 else n - 0.5 - b - 0.5 / scale
            assert abs(edge) < 1e-9
    inside = matrix[:2, 2] + (enlarging.OUT[0] - 1) / scale            # and within the pixels that were encoded
    assert (matrix[:2, 2] > -0.5).all() and (inside < torch.tensor(lr.shape[-2:]) - 0.5).all()


@pytest.mark.parametrize("shape", [(3, 5), (30, 400), (64, 64)])
def test_small_and_long_pictures_can_be_shown(pixels, shape):
    add(pixels(*shape))
    assert demos.enlarged_part(**STATE).dtype == np.uint8
    assert f"{shape[0]} x {shape[1]} pixels" in demos.enlarged_part_readout(**STATE)
    assert f"{shape[0] * 3} x {shape[1] * 3}" in demos.enlarged_part_readout(**STATE)


def test_a_second_upload_of_the_same_name_is_encoded_again(pixels):
    found = []
    for value in (40, 200):
        add(np.full((80, 80, 3), value, np.uint8))
        found.append(enlarging._part(**STATE)[2].mean().item())
    assert found == pytest.approx([40 / 255, 200 / 255])


def test_the_own_picture_is_the_last_upload_or_the_default(pixels):
    sample = demos.own_picture("chelsea")
    assert sample.shape == (300, 451, 3) and sample.dtype == np.uint8
    first, second = pixels(20, 30), pixels(40, 10, seed=1)
    add(first, "a.png")
    add(second, "b.png")
    np.testing.assert_array_equal(demos.own_picture("chelsea"), second)
    add(first, "a.png")
    np.testing.assert_array_equal(demos.own_picture("chelsea"), first)


def test_measured_sees_time_and_memory_and_hands_on_result_and_error():
    def work():
        with mmap.mmap(-1, 40_000_000) as kept:      # fresh pages: an allocator may hand out some that the process had
            kept.write(b"1" * 40_000_000)
            time.sleep(0.1)
            return kept.tell()

    result, seconds, memory = demos.measured(work)
    assert result == 40_000_000 and 0.1 <= seconds < 5 and 20 < memory < 200
    with pytest.raises(ZeroDivisionError):
        demos.measured(lambda: 1 / 0)


def test_the_panels_show_the_picture_itself(pixels):
    """A gray picture is gray in the first two panels, which use no network."""
    add(np.full((80, 80, 3), 100, np.uint8))
    _, matrix, lr, look = enlarging._part(**STATE)
    assert images.to_pixels(lr).min() == images.to_pixels(lr).max() == 100
    assert look(matrix, enlarging.OUT).shape == (1, 3, *enlarging.OUT)
