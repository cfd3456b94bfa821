"""Models of a fixed scale (EDSR, RDN with their upsamplers): their equations, and the sizes and scales that they refuse."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import ipe_sr
from ipe_sr import InputError, models

SMALL = models.EDSRConfig(blocks=1, channels=4)


def build(scale, encoder=SMALL):
    torch.manual_seed(0)
    return models.FixedScaleConfig(scale, encoder).build().eval()


@pytest.mark.parametrize("scale", [2, 3, 4])
@torch.no_grad()
def test_the_decoder_equals_convolutions_and_pixel_shuffles(scale):
    """The shuffle is written out: pixel (y, x) of a group of f x f pixels is channel f y + x of the group's f^2."""
    model, lr = build(scale), torch.rand(2, 3, 5, 6)
    x = model.encoder(lr * 2 - 1)
    convolutions = [layer for layer in model.decoder if isinstance(layer, torch.nn.Conv2d)]
    for conv, f in zip(convolutions[:-1], {2: [2], 3: [3], 4: [2, 2]}[scale], strict=True):
        wide = F.conv2d(x, conv.weight, conv.bias, padding=1)
        x = torch.empty(2, 4, f * x.shape[2], f * x.shape[3])
        for y0 in range(f):
            for x0 in range(f):
                x[:, :, y0::f, x0::f] = wide[:, f * y0 + x0::f * f]
    expected = F.conv2d(x, convolutions[-1].weight, convolutions[-1].bias, padding=1) / 2 + 0.5
    torch.testing.assert_close(model(lr, (5 * scale, 6 * scale)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("lr_size", [(1, 9), (9, 1), (1, 1)])
def test_a_picture_of_one_row_or_column_can_be_upscaled(lr_size):
    size = (3 * lr_size[0], 3 * lr_size[1])
    assert build(3)(torch.rand(1, 3, *lr_size), size).shape == (1, 3, *size)


@pytest.mark.parametrize("size", [(15, 18), (10, 13), (5, 6), (12, 10)])
def test_any_other_size_is_refused(size):
    message = f"this model makes scale 2 only: 10x12 from a 5x6 picture, not {size[0]}x{size[1]}"
    with pytest.raises(InputError) as caught:
        build(2)(torch.rand(1, 3, 5, 6), size)
    assert str(caught.value) == message


def test_upscale_works_at_the_models_scale_only():
    picture = np.arange(90, dtype=np.uint8).reshape(5, 6, 3)   # a constant picture needs no network
    assert ipe_sr.upscale(picture, 2, model=build(2)).shape == (10, 12, 3)
    with pytest.raises(InputError, match="scale 2 only"):
        ipe_sr.upscale(picture, 3, model=build(2))


@pytest.mark.parametrize("scale", [0, 1, 5, 8])
def test_a_config_of_an_unknown_scale_is_refused(scale):
    with pytest.raises(ValueError, match=f"one of 2, 3, 4, got {scale}"):
        models.FixedScaleConfig(scale)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_gradients_of_the_decoder_equal_finite_differences(scale):
    head = build(scale, models.EDSRConfig(blocks=0, channels=1)).double().decoder
    weights = dict(head.named_parameters())

    def decode(features, *values):
        return torch.func.functional_call(head, dict(zip(weights, values, strict=True)), features)

    features = torch.rand(1, 1, 1, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(decode, (features, *weights.values()))


@torch.no_grad()
@pytest.mark.parametrize("name", ["edsr-x4", "rdn-x3"])
def test_a_saved_model_is_read_with_the_same_config_and_picture(tmp_path, name):
    config = models.method(name)
    small = {"channels": 4, "blocks": 1} | ({"layers": 2, "growth": 4} if isinstance(config.encoder, models.RDNConfig) else {})
    config = dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, **small))
    model, lr = config.build(), torch.rand(1, 3, 5, 6)
    models.save(model, tmp_path / "model.safetensors")
    again, size = models.read(tmp_path / "model.safetensors"), (5 * config.scale, 6 * config.scale)
    assert again.config == config
    assert torch.equal(again(lr, size), model(lr, size))
