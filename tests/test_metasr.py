"""MetaSR, MetaSR with PE and IPE-MetaSR: agreement with the papers' equations, rounding, symmetry and options."""

import dataclasses
import math

import pytest
import torch
from torch.nn import functional as F

from ipe_sr import grids, models

SIZES = [(10, 12), (15, 18), (20, 24), (23, 31), (5, 41), (6, 6), (61, 7)]   # of a 5 x 6 picture: whole, odd, asymmetric


def described(encoding, centre, radius):
    """Eqs. 3-6 for one pixel, term by term, with three octaves."""
    terms = []
    for wave in (math.sin, math.cos):
        for c, r in zip(centre, radius, strict=True):
            for k in range(3):
                damping = math.sin(2**k * r) / (2**k * r) if encoding == "integrated" else 1
                terms.append(wave(2**k * c) * damping)
    return terms


def naive(model, lr, size):
    """Eqs. 9 and 10, pixel by pixel. Indices are computed with integers."""
    (h, w), weights = lr.shape[-2:], dict(model.decoder.named_parameters())
    features = F.pad(model.encoder(lr * 2 - 1), (1, 1, 1, 1))
    sr = torch.empty(len(lr), 3, *size, dtype=lr.dtype)
    radius = (h / size[0], w / size[1])
    for i in range(size[0]):
        for j in range(size[1]):
            if model.config.encoding == "coordinate":
                y, x = i * h // size[0], j * w // size[1]                           # floor(i / s)
                code = [i * h % size[0] / size[0], j * w % size[1] / size[1], math.sqrt(radius[0] * radius[1])]
            else:
                y, x = (2 * i + 1) * h // (2 * size[0]), (2 * j + 1) * w // (2 * size[1])
                centre = [(2 * i + 1) * h / size[0] - 2 * y - 1, (2 * j + 1) * w / size[1] - 2 * x - 1]
                assert max(map(abs, centre)) <= 1
                code = described(model.config.encoding, centre, radius)
            hidden = (weights["hidden.0.weight"] @ torch.tensor(code, dtype=lr.dtype) + weights["hidden.0.bias"]).relu()
            filters = (weights["output.weight"] @ hidden + weights["output.bias"]).view(-1, 3)
            patches = features[:, :, y:y + 3, x:x + 3].flatten(1)
            sr[:, :, i, j] = patches @ filters / 2 + 0.5
    return sr


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["metasr", "metasr-pe", "ipe-metasr"])
@torch.no_grad()
def test_the_model_equals_its_equations_at_every_pixel(tiny, name, size):
    model, lr = tiny(name, frequencies=3), torch.rand(2, 3, 5, 6)
    torch.testing.assert_close(model(lr, size), naive(model, lr, size), rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_in", [1, 5, 48, 97, 510])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_rounding_does_not_change_the_lr_pixel_that_is_read(tiny, n_in, dtype):
    """The reference is floor(i / s) in integers; i / s is often whole. In float32 it is tested up to the size of a patch."""
    model = tiny("metasr")
    for n_out in (n_in, 2 * n_in, 3 * n_in, 7 * n_in, round(2.7 * n_in), round(3.9 * n_in) + 1):
        if dtype == torch.float32 and n_in > 48:
            continue
        i = torch.arange(n_out)
        centres = grids.centres(n_out, n_in)
        position, radius = torch.stack([centres, 0 * centres], -1).to(dtype), torch.tensor([n_in / n_out, 1], dtype=dtype)
        around = model.locate(position[None], radius, (n_in, 1))
        assert torch.equal(around.index[0, :, 0], i * n_in // n_out)
        corner = model.describe(around.offset, radius)[0, :, 0, 0]
        exact = (i * n_in % n_out).double() / n_out
        assert (corner - exact).abs().max() < (1e-9 if dtype == torch.float64 else 1e-5)


def test_the_inverse_scale_is_the_geometric_mean_of_both_axes(tiny):
    """At equal scales this is the input of the reference code."""
    model, centre = tiny("metasr"), torch.zeros(1, 2)
    for radius, expected in (((0.25, 0.25), 0.25), ((0.25, 1.0), 0.5), ((1.0, 0.25), 0.5)):
        code = model.describe(centre, torch.tensor(radius))
        torch.testing.assert_close(code, torch.tensor([[(1 - radius[0]) / 2, (1 - radius[1]) / 2, expected]]))


@torch.no_grad()
def test_swapping_the_axes_transposes_the_picture(tiny):
    """The weights are made symmetric first."""
    model, lr = tiny("metasr"), torch.rand(1, 3, 5, 6)
    for conv in (m for m in model.encoder.modules() if isinstance(m, torch.nn.Conv2d)):
        conv.weight.copy_((conv.weight + conv.weight.transpose(2, 3)) / 2)
    first, last = model.decoder.hidden[0].weight, model.decoder.output
    first[:, :2] = first[:, :2].mean(1, keepdim=True)
    for values in (last.weight.view(4, 3, 3, 3, -1), last.bias.view(4, 3, 3, 3, 1)):   # channel, row, column, colour
        values.copy_((values + values.transpose(1, 2)) / 2)
    torch.testing.assert_close(model(lr.mT, (31, 11)), model(lr, (11, 31)).mT, rtol=0, atol=1e-5)


@torch.no_grad()
def test_at_radius_0_the_integrated_encoding_equals_the_positional_one(tiny):
    area, point = tiny("ipe-metasr"), tiny("metasr-pe")
    point.load_state_dict(area.state_dict())
    features, position = area.encode(torch.rand(1, 3, 5, 6)), torch.rand(1, 50, 2, dtype=torch.float64) * 4
    expected = point.query(features, position, torch.tensor([0.5, 0.5]))
    torch.testing.assert_close(area.query(features, position, torch.zeros(2)), expected, rtol=0, atol=1e-6)
    torch.testing.assert_close(area.query(features, position, torch.full((2,), 1e-7)), expected, rtol=0, atol=1e-6)
    assert (area.query(features, position, torch.full((2,), 0.5)) - expected).abs().max() > 1e-3


@torch.no_grad()
def test_queries_with_different_radii_give_the_same_as_one_at_a_time(tiny):
    for name in ("metasr", "ipe-metasr"):
        model = tiny(name)
        features, position = model.encode(torch.rand(2, 3, 5, 6)), torch.rand(2, 7, 2, dtype=torch.float64) * 4
        radius = torch.rand(2, 7, 2, dtype=torch.float64)
        together = model.query(features, position, radius)
        for b in range(2):
            for q in range(7):
                alone = model.query(features[b:b + 1], position[b:b + 1, q:q + 1], radius[b, q])
                torch.testing.assert_close(alone[0, 0], together[b, q], rtol=0, atol=1e-6)


def test_the_presets_have_the_encodings_that_their_names_state():
    assert models.method("ipe-metasr") == models.MetaSRConfig()
    assert models.method("metasr-pe") == dataclasses.replace(models.MetaSRConfig(), encoding="positional")
    with pytest.raises(ValueError, match="coordinate, positional, integrated"):
        models.MetaSRConfig(encoding="fourier").build()
