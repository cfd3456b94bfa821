"""LTE and IPE-LTE: agreement with the paper's equations, the mean of waves over a pixel, and refused options."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ipe_sr import models

SIZES = [(10, 12), (20, 24), (23, 31), (5, 41), (61, 7)]   # of a 5 x 6 picture


def naive(model, lr, size):
    """LTE's equations for one pixel and one neighbour at a time. Torch adds the bilinearly interpolated input."""
    (h, w), width = lr.shape[-2:], model.config.width
    features = model.encoder(lr * 2 - 1)
    amplitude, frequency = model.amplitude(features), model.frequency(features)
    sr = F.interpolate(lr * 2 - 1, size=size, mode="bilinear", align_corners=False).clone()
    radius = (h / size[0], w / size[1])
    phase = model.phase(torch.tensor([[2 * radius[0], 2 * radius[1]]]))[0]
    for i in range(size[0]):
        for j in range(size[1]):
            cy, cx = (i + 0.5) * h / size[0] - 0.5, (j + 0.5) * w / size[1] - 0.5
            for y in (math.floor(cy), math.floor(cy) + 1):
                for x in (math.floor(cx), math.floor(cx) + 1):
                    weight = (1 - abs(cy - y)) * (1 - abs(cx - x))                  # area of the opposite rectangle
                    inside_y, inside_x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
                    dy, dx = 2 * (cy - inside_y), 2 * (cx - inside_x)
                    f = frequency[:, :, inside_y, inside_x]                         # pairs (y, x), one after the other
                    angle = math.pi * (f[:, 0::2] * dy + f[:, 1::2] * dx + phase)
                    code = torch.cat([angle.cos(), angle.sin()], 1)
                    if model.config.encoding == "integrated":
                        for r, part in ((radius[0], f[:, 0::2]), (radius[1], f[:, 1::2])):
                            damping = (math.pi * part * r).sin() / (math.pi * part * r)
                            code = code * torch.cat([damping, damping], 1)
                    assert code.shape[1] == width
                    sr[:, :, i, j] += weight * model.decoder(amplitude[:, :, inside_y, inside_x] * code)
    return sr / 2 + 0.5


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["lte", "ipe-lte"])
@torch.no_grad()
def test_the_model_equals_its_equations_at_every_pixel(tiny, name, size):
    model, lr = tiny(name), torch.rand(2, 3, 5, 6)
    torch.testing.assert_close(model(lr, size), naive(model, lr, size), rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_integrated_waves_are_the_mean_of_the_waves_over_the_pixel(tiny):
    """The mean comes from Gauss-Legendre quadrature over the box. All its points have the cell of the pixel."""
    area = tiny("ipe-lte").double()
    point = tiny("lte").double()
    point.load_state_dict(area.state_dict())
    frequency, centre = torch.randn(5, 8, 2).double() * 2, torch.rand(5, 2).double() * 4 - 2
    radius = torch.tensor([0.7, 0.2]).double()
    nodes, weights = (torch.from_numpy(a) for a in np.polynomial.legendre.leggauss(20))
    mean = sum(
        wy * wx / 4 * point.waves(frequency, centre + radius * torch.stack([y, x]), radius)
        for y, wy in zip(nodes, weights, strict=True) for x, wx in zip(nodes, weights, strict=True)
    )
    codes = torch.cat([torch.ones(5, 16), frequency.flatten(1), torch.zeros(5, 3)], 1)
    damped = area.damp(codes, radius)
    assert torch.equal(damped[:, 16:], codes[:, 16:])
    torch.testing.assert_close(damped[:, :16] * area.waves(frequency, centre, radius), mean, rtol=0, atol=1e-12)
    assert torch.equal(area.damp(codes, radius * 0), codes) and torch.equal(point.damp(codes, radius), codes)


@torch.no_grad()
def test_with_a_decoder_of_zeros_the_picture_is_bilinear_interpolation(tiny):
    model, lr = tiny("ipe-lte"), torch.rand(2, 3, 5, 6)
    model.decoder.output.weight.zero_()
    model.decoder.output.bias.zero_()
    expected = F.interpolate(lr, size=(23, 31), mode="bilinear", align_corners=False)
    torch.testing.assert_close(model(lr, (23, 31)), expected, rtol=0, atol=1e-6)


def test_the_presets_have_the_encodings_that_their_names_state():
    assert models.method("ipe-lte") == models.LTEConfig()
    assert models.method("lte") == models.LTEConfig(encoding="positional")


@pytest.mark.parametrize(("options", "message"), [
    ({"encoding": "coordinate"}, "positional, integrated"), ({"width": 5}, "even"), ({"width": 0}, "even"),
    ({"depth": 0}, "depth at least 1"),
])
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.LTEConfig(**options).build()
