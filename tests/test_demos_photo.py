"""The demo of notebook 15: its camera, uploaded pictures and the upload button. `test_demos.py` tests its sliders."""

import datetime
import io

import numpy as np
import pytest
import torch
from PIL import Image

from ipe_sr import demos, footprints, models
from ipe_sr.demos import photo
from ipe_sr.errors import InputError
from ipe_sr.imaging import images, resample
from ipe_sr.widgets import Explorer

NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def small_model(tiny, monkeypatch):
    """A tiny model replaces the released weights. Uploaded pictures are forgotten after each test."""
    monkeypatch.setattr(models, "cached", lambda name: tiny())
    monkeypatch.setattr(photo, "_own", {})
    photo.opened.cache_clear()
    photo._views.cache_clear()
    yield
    photo.opened.cache_clear()
    photo._views.cache_clear()


def file_of(pixels, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def test_a_photograph_without_rotation_is_the_original_resized_bicubically(pixels):
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(36.0), indexing="ij")
    picture = (0.5 + 0.4 * torch.sin(0.3 * y + 0.2 * x)).expand(3, -1, -1)
    for zoom in (4, 2):   # an LR pixel is 4 x 4 pixels: the original's size, and half of it
        size = (6 * zoom, 9 * zoom)
        seen = footprints.photographed(picture, footprints.turned(size, (2.5, 4.0), zoom), size, 4)
        inner = (slice(None), slice(2, -2), slice(2, -2))
        torch.testing.assert_close(seen[inner], resample.bicubic(picture, size)[inner], rtol=0, atol=0.01)


def test_outside_the_picture_a_photograph_is_white(pixels):
    seen = footprints.photographed(images.to_tensor(pixels(24, 24)), footprints.turned((8, 8), (100, 100), 1), (8, 8), 4)
    assert (seen > 0.9999).all()


@pytest.mark.parametrize("shape", [(90, 120, 3), (120, 90, 4), (60, 60, 1), (30, 200, 2), (1, 1, 3)])
def test_pictures_of_any_kind_and_shape_can_be_uploaded(pixels, shape):
    whole = pixels(*shape)
    photo.upload("mine.png", file_of(whole[..., 0] if shape[2] == 1 else whole))
    opened = photo.opened("mine.png")
    assert max(opened.lr.shape[-2:]) == photo.SIDE and opened.lr.shape[0] == 3
    assert opened.original.shape[-2:] == tuple(photo.FACTOR * n for n in opened.lr.shape[-2:])
    assert abs(opened.lr.mean() - whole[..., : min(shape[2], 3)].mean() / 255) < 0.25
    state = {"picture": "mine.png", "zoom": 1.0, "turn": 30, "pixels": "areas"}
    assert demos.photo_view(**state).dtype == np.uint8
    assert "mine.png" in demos.photo_view_readout(**state)


def test_a_16_bit_picture_gives_the_same_lr_picture_as_its_8_bit_version(tmp_path, pixels):
    gray = pixels(48, 48, 1)
    images.write(tmp_path / "deep.png", images.Picture(images.to_depth(gray, np.uint16)))
    photo.upload("deep.png", (tmp_path / "deep.png").read_bytes())
    photo.upload("flat.png", file_of(gray[..., 0]))
    torch.testing.assert_close(photo.opened("deep.png").lr, photo.opened("flat.png").lr)


def test_a_second_upload_of_the_same_name_replaces_the_first(pixels):
    for number in (0, 1):
        photo.upload("mine.png", file_of(pixels(48, 48, seed=number)))
        expected = images.to_tensor(pixels(48, 48, seed=number))
        torch.testing.assert_close(photo.opened("mine.png").lr, expected, rtol=0, atol=0.1)


def test_the_views_of_a_second_upload_are_its_own():
    """Red, then blue, under one name. The tiny network has random weights, so its colours are known to change, no more."""
    answers = []
    for colour in (0, 2):
        whole = np.zeros((48, 48, 3), np.uint8)
        whole[..., colour] = 255
        photo.upload("mine.png", file_of(whole))
        interpolated, sr, original = (view[:, 32, 32] for view in photo._views("mine.png", 2.0, 0, "areas"))
        for middle in (interpolated, original):
            assert middle.argmax() == colour and middle.sum() < 1.2
        answers.append(sr)
    assert (answers[0] - answers[1]).abs().max() > 1e-4


@pytest.mark.parametrize(("data", "words"), [
    (b"", "is empty"), (b"no picture", "not a picture"), (file_of(np.zeros((40, 40, 3), np.uint8))[:60], "damaged"),
])
def test_a_file_that_is_not_a_readable_picture_is_refused_with_its_name(data, words):
    with pytest.raises(InputError, match=f"mine.png: {words}"):
        photo.upload("mine.png", data)
    assert not photo._own


def chosen(name, data):
    """The value of an upload button after the user has chosen this file."""
    return ({"name": name, "type": "image/png", "size": len(data), "last_modified": NOON, "content": data},)


def test_the_upload_button_adds_a_picture_and_selects_it_and_refuses_a_bad_file(pixels):
    start = {"picture": "coffee", "zoom": 2.0, "turn": 0, "pixels": "areas"}
    controls = {"picture": ["coffee", "fine-text"], "zoom": (1.0, 8.0, 0.25), "turn": (0, 90, 3), "pixels": ["areas", "points"]}
    explorer = Explorer(demos.photo_view, demos.photo_view_readout, controls, start)
    before = explorer.picture.value
    button, message = demos.with_upload(explorer).children[0].children
    button.value = chosen("mine.png", file_of(pixels(60, 60)))
    assert explorer.state["picture"] == "mine.png" and "mine.png" in message.value
    assert explorer.controls["picture"].options == ("coffee", "fine-text", "mine.png")
    assert explorer.picture.value != before
    button.value = chosen("bad.png", b"no picture")
    assert "bad.png: not a picture" in message.value and explorer.state["picture"] == "mine.png"
