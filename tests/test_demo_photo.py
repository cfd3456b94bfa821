"""What notebook 13's widget does with a picture, beside its sliders (`test_demos.py` has those)."""

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
    """In place of the released weights; nothing uploaded stays."""
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


def test_an_upright_photograph_at_the_originals_size_is_the_original(pixels):
    y, x = torch.meshgrid(torch.arange(24.0), torch.arange(36.0), indexing="ij")
    picture = (0.5 + 0.4 * torch.sin(0.3 * y + 0.2 * x)).expand(3, -1, -1)
    for zoom in (4, 2):   # LR pixels of 4 x 4: the original's size, and half of it
        size = (6 * zoom, 9 * zoom)
        seen = demos.photographed(picture, footprints.turned(size, (2.5, 4.0), zoom), size, 4)
        inner = (slice(None), slice(2, -2), slice(2, -2))
        torch.testing.assert_close(seen[inner], resample.bicubic(picture, size)[inner], rtol=0, atol=0.01)


def test_beyond_a_photograph_there_is_white(pixels):
    seen = demos.photographed(images.to_tensor(pixels(24, 24)), footprints.turned((8, 8), (100, 100), 1), (8, 8), 4)
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


def test_16_bits_are_as_good_as_8(tmp_path, pixels):
    gray = pixels(48, 48, 1)
    images.write(tmp_path / "deep.png", images.Picture(images.to_depth(gray, np.uint16)))
    photo.upload("deep.png", (tmp_path / "deep.png").read_bytes())
    photo.upload("flat.png", file_of(gray[..., 0]))
    torch.testing.assert_close(photo.opened("deep.png").lr, photo.opened("flat.png").lr)


def test_a_picture_uploaded_again_replaces_the_first(pixels):
    for number in (0, 1):
        photo.upload("mine.png", file_of(pixels(48, 48, seed=number)))
        expected = images.to_tensor(pixels(48, 48, seed=number))
        torch.testing.assert_close(photo.opened("mine.png").lr, expected, rtol=0, atol=0.1)


@pytest.mark.parametrize(("data", "words"), [
    (b"", "is empty"), (b"no picture", "not a picture"), (file_of(np.zeros((40, 40, 3), np.uint8))[:60], "damaged"),
])
def test_what_is_no_picture_is_refused(data, words):
    with pytest.raises(InputError, match=f"mine.png: {words}"):
        photo.upload("mine.png", data)
    assert not photo._own


def chosen(name, data):
    """What a reader's choice of a file makes the button's value."""
    return ({"name": name, "type": "image/png", "size": len(data), "last_modified": NOON, "content": data},)


def test_the_button_adds_a_picture_and_shows_it(pixels):
    start = {"picture": "coffee", "zoom": 2.0, "turn": 0, "pixels": "areas"}
    controls = {"picture": ["coffee", "fine-text"], "zoom": (1.0, 8.0, 0.25), "turn": (0, 90, 3), "pixels": ["areas", "points"]}
    explorer = Explorer(demos.photo_view, demos.photo_view_readout, controls, start)
    before = explorer.picture.value
    button, said = demos.with_upload(explorer).children[0].children
    button.value = chosen("mine.png", file_of(pixels(60, 60)))
    assert explorer.state["picture"] == "mine.png" and "mine.png" in said.value
    assert explorer.controls["picture"].options == ("coffee", "fine-text", "mine.png")
    assert explorer.picture.value != before
    button.value = chosen("bad.png", b"no picture")
    assert "bad.png: not a picture" in said.value and explorer.state["picture"] == "mine.png"
