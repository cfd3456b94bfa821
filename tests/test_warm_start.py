"""A decoder that starts from another's computes nearly the same, whatever code it reads of a pixel."""

import dataclasses

import pytest
import torch

from ipe_sr.models import EncoderConfig, LIIFConfig, MetaSRConfig
from ipe_sr.training import warm_start

ENCODER = EncoderConfig(blocks=1, channels=4)
SOURCE = LIIFConfig("coordinate", cell=True, skip=False, width=16, encoder=ENCODER)
SCALES = (1.0, 4.0)


def made(config, seed):
    torch.manual_seed(seed)
    return config.build()


def started(config):
    source, model = made(SOURCE, 0), made(config, 1)
    warm_start.encoder(model, source)
    warm_start.decoder(model, source, SCALES)
    return source, model


@torch.no_grad()
def test_the_same_numbers_in_another_wiring_give_the_same_picture():
    source, model = started(dataclasses.replace(SOURCE, skip=True))
    lr = torch.rand(1, 3, 6, 7)
    torch.testing.assert_close(model(lr, (17, 20)), source(lr, (17, 20)), rtol=0, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("config", [LIIFConfig(width=16, encoder=ENCODER), MetaSRConfig(encoder=ENCODER)])
def test_a_decoder_of_the_same_config_is_taken_as_it_is(config):
    source, model = made(config, 0), made(config, 1)
    encoder = [p.clone() for p in model.encoder.parameters()]
    warm_start.decoder(model, source, SCALES)
    assert all(torch.equal(a, b) for a, b in zip(encoder, model.encoder.parameters(), strict=True))
    warm_start.encoder(model, source)
    lr = torch.rand(1, 3, 6, 7)
    assert torch.equal(model(lr, (17, 20)), source(lr, (17, 20)))


@torch.no_grad()
@pytest.mark.parametrize("encoding", ["positional", "integrated"])
def test_codes_speak_of_places_nearly_as_coordinates_do(encoding):
    config = LIIFConfig(encoding, skip=True, width=16, encoder=ENCODER)
    source, model = started(config)
    lr, size = torch.rand(1, 3, 6, 7), (17, 20)
    unlike = made(config, 1)
    warm_start.encoder(unlike, source)
    lost = (model(lr, size) - source(lr, size)).square().mean()
    assert lost < 0.05 * (unlike(lr, size) - source(lr, size)).square().mean()


def test_the_integrated_code_gives_the_place_of_a_pixel_to_a_few_percent():
    source, model = started(LIIFConfig("integrated", skip=True, width=16, encoder=ENCODER))
    translation = warm_start._translation(model, source, SCALES).float()
    centre, radius = torch.linspace(-1.5, 1.5, 31)[:, None].expand(-1, 2), torch.full((31, 2), 1 / 3)
    place = torch.cat([model.describe(centre, radius), torch.ones(31, 1)], -1) @ translation[:, :2]
    assert (place - centre).square().mean().sqrt() < 0.05


def test_what_is_not_alike_is_refused():
    source = made(SOURCE, 0)
    with pytest.raises(ValueError, match="another encoder"):
        warm_start.encoder(made(dataclasses.replace(SOURCE, encoder=EncoderConfig(blocks=2, channels=4)), 1), source)
    with pytest.raises(ValueError, match="another width"):
        warm_start.decoder(made(dataclasses.replace(SOURCE, width=8), 1), source, SCALES)
    with pytest.raises(ValueError, match="LIIF family"):
        warm_start.decoder(made(MetaSRConfig(encoder=ENCODER), 1), source, SCALES)
    with pytest.raises(ValueError, match="without skip"):
        warm_start.decoder(source, made(dataclasses.replace(SOURCE, skip=True), 1), SCALES)
