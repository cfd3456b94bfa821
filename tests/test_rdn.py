"""The encoder RDN: its size, agreement with the paper's equations, its options, and a round trip through a file."""

import dataclasses

import pytest
import torch
from torch.nn import functional as F

from ipe_sr import models
from ipe_sr.models import configs
from ipe_sr.models.encoders import RDN

TRUNK = 21_973_952   # with the reference's x2 upsampler 22,123,395: see test_presets
SMALL = {"blocks": 2, "channels": 4, "layers": 3, "growth": 5}


def test_rdn_has_the_number_of_parameters_that_its_layers_add_up_to():
    block = sum(9 * 64 * 64 * (layer + 1) + 64 for layer in range(8)) + (64 + 8 * 64) * 64 + 64
    assert block == 1_364_544
    shallow, fusion = 9 * 3 * 64 + 64 + 9 * 64 * 64 + 64, 16 * 64 * 64 + 64 + 9 * 64 * 64 + 64
    assert shallow + 16 * block + fusion == TRUNK
    model = RDN()
    assert sum(p.numel() for p in model.parameters()) == TRUNK
    with torch.no_grad():
        features = model(torch.rand(1, 3, 5, 4) * 2 - 1)
    assert features.shape == (1, 64, 5, 4) and features.isfinite().all()


@torch.no_grad()
def test_rdn_equals_the_papers_equations():
    """Eqs. 1 to 8 of arXiv 1802.08797 are written out, with the model's weights."""
    torch.manual_seed(0)
    model, x = RDN(**SMALL), torch.rand(2, 3, 6, 7)

    def conv(name, x):
        weight = model.get_parameter(f"{name}.weight")
        return F.conv2d(x, weight, model.get_parameter(f"{name}.bias"), padding=weight.shape[-1] // 2)

    first = conv("shallow1", x)
    f0 = conv("shallow2", first)
    blocks, entering = [], f0
    for d in range(2):
        c1 = F.relu(conv(f"blocks.{d}.layers.0", entering))
        c2 = F.relu(conv(f"blocks.{d}.layers.1", torch.cat([entering, c1], 1)))
        c3 = F.relu(conv(f"blocks.{d}.layers.2", torch.cat([entering, c1, c2], 1)))
        entering = entering + conv(f"blocks.{d}.fusion", torch.cat([entering, c1, c2, c3], 1))
        blocks.append(entering)
    expected = first + conv("fusion.1", conv("fusion.0", torch.cat(blocks, 1)))
    torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-6)


def test_every_weight_has_a_gradient():
    torch.manual_seed(0)
    model = RDN(**SMALL)
    model(torch.rand(1, 3, 6, 7)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_configs_build_the_encoders_that_they_name():
    assert isinstance(models.RDNConfig(**SMALL).build(), RDN)
    assert isinstance(models.EDSRConfig().build(), models.EDSR)
    assert models.method("rdn-liif").encoder == models.RDNConfig(blocks=16, channels=64, layers=8, growth=64)


@pytest.mark.parametrize(("options", "message"), [
    ({"name": "swin"}, "encoder 'swin' is unknown: use one of edsr, rdn"), ({"layers": 4}, "option 'layers' is unknown"),
    ({"growth": 32}, "option 'growth' is unknown"), ({"name": "rdn", "blocks": 0}, "at least 1"),
    ({"name": "rdn", "layers": 0}, "at least 1"), ({"name": "rdn", "growth": 0}, "at least 1"),
    ({"channels": 0}, "channels >= 1"),
])
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        configs.encoder(options)


@torch.no_grad()
def test_a_saved_model_with_rdn_is_read_with_the_same_config_and_picture(tmp_path):
    config = dataclasses.replace(models.method("rdn-ipe-liif"), width=8, encoder=models.RDNConfig(**SMALL))
    model, lr = config.build(), torch.rand(1, 3, 5, 6)
    models.save(model, tmp_path / "rdn.safetensors")
    again = models.read(tmp_path / "rdn.safetensors")
    assert again.config == config
    assert torch.equal(again(lr, (11, 13)), model(lr, (11, 13)))
