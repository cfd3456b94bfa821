"""Warm start: a decoder that is copied computes the same, and one that is translated computes nearly the same."""

import dataclasses

import pytest
import torch

from ipe_sr.models import EDSRConfig, LIIFConfig, MetaSRConfig
from ipe_sr.training import warm_start

ENCODER = EDSRConfig(blocks=1, channels=4)
SOURCE = LIIFConfig("coordinate", cell=True, skip=False, width=16, encoder=ENCODER)
SCALES = (1.0, 4.0)


def built(config, seed):
    torch.manual_seed(seed)
    return config.build()


def started(config):
    """(source, a model of this config that starts from the source)."""
    source, model = built(SOURCE, 0), built(config, 1)
    warm_start.encoder(model, source)
    warm_start.decoder(model, source, SCALES)
    return source, model


@torch.no_grad()
def test_a_model_with_skip_connections_and_the_same_encoding_starts_with_the_same_picture():
    source, model = started(dataclasses.replace(SOURCE, skip=True))
    lr = torch.rand(1, 3, 6, 7)
    torch.testing.assert_close(model(lr, (17, 20)), source(lr, (17, 20)), rtol=0, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("config", [LIIFConfig(width=16, encoder=ENCODER), MetaSRConfig(encoder=ENCODER)])
def test_a_decoder_of_the_same_config_is_copied_and_the_encoder_stays(config):
    source, model = built(config, 0), built(config, 1)
    encoder = [p.clone() for p in model.encoder.parameters()]
    warm_start.decoder(model, source, SCALES)
    assert all(torch.equal(a, b) for a, b in zip(encoder, model.encoder.parameters(), strict=True))
    warm_start.encoder(model, source)
    lr = torch.rand(1, 3, 6, 7)
    assert torch.equal(model(lr, (17, 20)), source(lr, (17, 20)))


@torch.no_grad()
@pytest.mark.parametrize("encoding", ["positional", "integrated"])
def test_a_translated_decoder_is_far_closer_to_the_source_than_a_random_one(encoding):
    config = LIIFConfig(encoding, skip=True, width=16, encoder=ENCODER)
    source, model = started(config)
    lr, size = torch.rand(1, 3, 6, 7), (17, 20)
    random = built(config, 1)
    warm_start.encoder(random, source)
    error = (model(lr, size) - source(lr, size)).square().mean()
    assert error < 0.05 * (random(lr, size) - source(lr, size)).square().mean()


def test_a_pixels_coordinate_can_be_read_from_its_integrated_encoding_to_a_few_percent():
    source, model = started(LIIFConfig("integrated", skip=True, width=16, encoder=ENCODER))
    translation = warm_start._translation(model, source, SCALES).float()
    centre, radius = torch.linspace(-1.5, 1.5, 31)[:, None].expand(-1, 2), torch.full((31, 2), 1 / 3)
    coordinate = torch.cat([model.describe(centre, radius), torch.ones(31, 1)], -1) @ translation[:, :2]
    assert (coordinate - centre).square().mean().sqrt() < 0.05


def test_parts_that_do_not_fit_are_refused():
    source = built(SOURCE, 0)
    with pytest.raises(ValueError, match="another encoder"):
        warm_start.encoder(built(dataclasses.replace(SOURCE, encoder=EDSRConfig(blocks=2, channels=4)), 1), source)
    with pytest.raises(ValueError, match="holds no encoder"):
        warm_start.encoder(source, torch.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="another width than the model: 16, not 8"):
        warm_start.decoder(built(dataclasses.replace(SOURCE, width=8), 1), source, SCALES)
    with pytest.raises(ValueError, match="only the decoder of a LIIF model"):
        warm_start.decoder(built(MetaSRConfig(encoder=ENCODER), 1), source, SCALES)
    with pytest.raises(ValueError, match="holds no LIIF model"):
        warm_start.decoder(source, built(MetaSRConfig(encoder=ENCODER), 1), SCALES)
    with pytest.raises(ValueError, match="without skip"):
        warm_start.decoder(source, built(dataclasses.replace(SOURCE, skip=True), 1), SCALES)
