"""Transparent, gray and constant pictures: no fringes, no tints, nothing that was constant changes."""

import numpy as np
import pytest
import torch

import ipe_sr
from ipe_sr.imaging import alpha

MODELS = ["bicubic", "ipe-field-light", "ipe-liif-cell"]
CASES = [(model, scale) for model in MODELS[:2] for scale in (1, 1.3, 2, 2.7, (3, 1.5), 4, 8)] + [(MODELS[2], 2.7)]


def disc(hidden: int, soft: bool, size: int = 24) -> np.ndarray:
    """A white disc on transparent pixels of another colour: (size, size, 4)."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    distance = size * 0.3 - np.hypot(y, x)
    cover = np.clip(distance + 0.5, 0, 1) if soft else (distance > 0).astype(float)
    rgba = np.full((size, size, 4), 255, np.uint8)
    rgba[..., 3] = (cover * 255).round()
    rgba[rgba[..., 3] == 0, :3] = hidden
    return rgba


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("hidden", [0, 90])
@pytest.mark.parametrize(("model", "scale"), CASES)
def test_a_white_disc_is_white_over_white(soft, hidden, model, scale):
    sr = ipe_sr.upscale(disc(hidden, soft), scale, model=model).astype(float)
    cover = sr[..., 3:] / 255
    assert (sr[..., :3] * cover + 255 * (1 - cover)).min() > 254.99


@pytest.mark.parametrize("channels", [2, 4])
def test_an_edge_between_two_colours_shows_those_two_alone(channels):
    """Left: opaque, of one gray. Right: another. Around both: invisible, black."""
    rgba = np.zeros((20, 30, channels), np.uint8)
    rgba[5:15, 5:15], rgba[5:15, 15:25] = 200, 100
    rgba[5:15, 5:25, -1] = 255
    sr = ipe_sr.upscale(rgba, 3, model="bicubic")
    seen = sr[sr[..., -1] > 0][:, :-1]
    assert seen.min() >= 90 and seen.max() <= 210


def test_what_is_opaque_stays_opaque_and_what_is_invisible_stays_so(tiny):
    rgba = disc(0, soft=False, size=32)
    sr = ipe_sr.upscale(rgba, 3, model=tiny())
    inner, outer = sr[42:54, 42:54, 3], sr[:6, :, 3]
    assert (inner == 255).all() and (outer == 0).all()
    assert len(np.unique(sr[..., 3])) > 2, "the edge itself is the model's"


def test_bleeding_takes_the_nearest_visible_colour_and_changes_no_visible_one():
    colours, cover = torch.rand(3, 6, 7), torch.zeros(6, 7)
    cover[2, 2], cover[4, 6] = 0.01, 1
    made = alpha.bled(colours, cover)
    assert torch.equal(made[:, 0, 0], colours[:, 2, 2]) and torch.equal(made[:, 5, 6], colours[:, 4, 6])
    assert torch.equal(alpha.bled(colours, torch.ones(6, 7)), colours)
    assert torch.equal(alpha.bled(colours, torch.zeros(6, 7)), colours)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("constant", [{3: 1.0}, {3: 0.5}, {0: 0.0}, {1: 1.0, 2: 0.25}, {0: 0.3, 1: 0.3, 2: 0.3, 3: 1.0}])
def test_a_constant_channel_stays_constant(pixels, model, kind, constant):
    whole = pixels(9, 10, 4, np.uint16) / 65535
    for channel, value in constant.items():
        whole[..., channel] = value
    picture = whole.astype(kind) if kind == np.float32 else (whole * np.iinfo(kind).max).round().astype(kind)
    sr = ipe_sr.upscale(picture, 2, model=model)
    for channel in constant:
        assert np.unique(sr[..., channel]).tolist() == np.unique(picture[..., channel]).tolist()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("scale", [2, 4])
def test_a_gray_picture_in_rgb_stays_gray_and_is_that_of_one_channel(model, channels, scale):
    noise = np.random.default_rng(0).integers(0, 256, (12, 13, 1), np.uint8)
    picture = np.repeat(noise, channels, -1)
    picture[..., 3:] = 255
    sr = ipe_sr.upscale(picture, scale, model=model)
    assert (sr[..., 0] == sr[..., 1]).all() and (sr[..., 0] == sr[..., 2]).all()
    assert np.array_equal(sr[..., :1], ipe_sr.upscale(noise, scale, model=model))


@pytest.mark.parametrize("image", [
    np.linspace(-1, 1, 64).reshape(8, 8), np.full((8, 8), -0.4), np.full((8, 8, 3), 1.4), np.linspace(0, 2, 64).reshape(8, 8),
    torch.linspace(-1, 1, 64).reshape(1, 8, 8), np.linspace(0, 255, 64, dtype=np.float32).reshape(8, 8),
])
def test_floats_of_another_range_are_refused(image):
    with pytest.raises(ipe_sr.InputError, match="where 0 is black and 1 is white"):
        ipe_sr.upscale(image, 2, model="bicubic")


def test_floats_that_overshoot_a_little_are_taken():
    picture = np.linspace(-0.1, 1.1, 64).reshape(8, 8)
    assert ipe_sr.upscale(picture, 2, model="bicubic").max() == 1


def test_a_masked_array_is_refused():
    with pytest.raises(ipe_sr.InputError, match="masked array"):
        ipe_sr.upscale(np.ma.masked_less(np.zeros((8, 8), np.uint8), 1), 2, model="bicubic")


@pytest.mark.parametrize("arguments", [
    {"scale": True}, {"scale": (True, 2)}, {"scale": np.True_}, {"size": (True, True)}, {"size": (16, np.True_)},
])
def test_truth_is_no_number(arguments):
    with pytest.raises(ipe_sr.InputError, match=r"scale|size"):
        ipe_sr.upscale(np.zeros((1, 1), np.uint8), model="bicubic", **arguments)


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_any_byte_order(pixels, order):
    gray = pixels(8, 9, 1, np.uint16)
    sr = ipe_sr.upscale(gray.astype(f"{order}u2"), 2, model="bicubic")
    assert np.array_equal(sr, ipe_sr.upscale(gray, 2, model="bicubic"))
