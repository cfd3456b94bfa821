"""LM-LIIF and IPE-LM-LIIF: agreement with the equations, size, and what the integrated encoding changes."""

import math

import pytest
import torch
from torch.nn import functional as F

from ipe_sr import encodings, grids, models, render


def naive(model, lr, size):
    """LM-LIIF's equations for one pixel and one neighbour at a time."""
    (h, w), config = lr.shape[-2:], model.config
    codes = F.unfold(model.encoder(lr * 2 - 1), 3, padding=1).view(len(lr), -1, h, w)
    radius = torch.tensor([h / size[0], w / size[1]])
    sr = torch.zeros(len(lr), 3, *size)
    for i in range(size[0]):
        for j in range(size[1]):
            cy, cx = (i + 0.5) * h / size[0] - 0.5, (j + 0.5) * w / size[1] - 0.5
            for y in (math.floor(cy), math.floor(cy) + 1):
                for x in (math.floor(cx), math.floor(cx) + 1):
                    weight = (1 - abs(cy - y)) * (1 - abs(cx - x))                  # area of the opposite rectangle
                    inside = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
                    offset = 2 * torch.tensor([cy - inside[0], cx - inside[1]])
                    cell = (2 * radius).expand(len(lr), 2)
                    given = codes[:, :, *inside]
                    made = model.latent(torch.cat([given, cell], 1) if config.cell else given)
                    n, width = config.render_depth, config.render_width
                    scales, shifts, code = made.split([n * width, n * width, width], 1)
                    pixel = offset if config.encoding == "coordinate" else encodings.integrated(
                        offset, radius, encodings.octaves(config.frequencies))
                    v = torch.cat([code, pixel.expand(len(lr), -1)], 1)
                    v = torch.cat([v, cell], 1) if config.cell else v
                    for layer in range(n):
                        part = slice(layer * width, (layer + 1) * width)
                        v = F.relu(model.decoder.hidden[layer](v) * (scales[:, part] + 1) + shifts[:, part])
                    sr[:, :, i, j] += weight * model.decoder.output(v)
    return sr / 2 + 0.5


@pytest.mark.parametrize("size", [(10, 12), (13, 16), (5, 23)])
@pytest.mark.parametrize("name", ["lm-liif", "ipe-lm-liif"])
@torch.no_grad()
def test_the_model_equals_its_equations_at_every_pixel(tiny, name, size):
    model, lr = tiny(name), torch.rand(2, 3, 5, 6)
    torch.testing.assert_close(model(lr, size), naive(model, lr, size), rtol=0, atol=1e-5)
    torch.testing.assert_close(render.textbook(model, lr, size), model(lr, size), rtol=0, atol=1e-6)


@torch.no_grad()
def test_pixels_of_different_sizes_are_answered_in_one_query(tiny):
    model, features = tiny("lm-liif"), torch.rand(1, 4, 5, 6)
    position, radius = torch.rand(1, 40, 2, dtype=torch.float64) * 4, torch.rand(1, 40, 2, dtype=torch.float64)
    together = model.query(features, position, radius)
    alone = [model.query(features, position[:, i : i + 1], radius[:, i : i + 1]) for i in range(40)]
    torch.testing.assert_close(together, torch.cat(alone, 1), rtol=0, atol=1e-6)


def test_the_sizes_are_those_of_the_published_configuration():
    model = models.method("lm-liif").build()
    count = {name: sum(p.numel() for p in getattr(model, name).parameters()) for name in ("latent", "decoder")}
    assert count == {"latent": (576 + 2 + 1) * 208 + 209 * 208, "decoder": (16 + 2 + 2 + 1) * 16 + 5 * 17 * 16 + 17 * 3}
    assert models.method("ipe-lm-liif") == models.LMLIIFConfig()


@torch.no_grad()
def test_only_the_integrated_encoding_makes_the_latent_network_independent_of_the_scale(tiny):
    """LM-LIIF runs its latent MLP again for each scale, because it reads the cell. IPE-LM-LIIF runs it once for all."""
    for name, same in (("lm-liif", False), ("ipe-lm-liif", True)):
        model, codes = tiny(name), torch.rand(1, 5, 6, 36)
        at = [model.latent(model.with_cell(codes, grids.radii((n, n), (6, 6))[None, None, None])) for n in (12, 24)]
        assert torch.equal(*at) == same
