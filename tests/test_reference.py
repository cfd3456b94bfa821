"""Where this package differs from the published code of LIIF (github.com/yinboc/liif), and by how much.

Everything else agrees: see test_models and test_metrics. Each test computes both sides, so that it also shows the rule of the
published code in a few lines.
"""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.imaging import datasets, images, samples
from ipe_sr.training import batches


def published_corners(position, lr_size):
    """LIIF's weights: |the product of both offsets| + 1e-9, of the opposite code, divided by the sum over the four codes."""
    around = grids.corners(position, lr_size)
    area = around.offset.prod(-1).abs() + 1e-9
    return around._replace(weight=area.flip(-1) / area.sum(-1, keepdim=True))


def test_the_weights_agree_but_for_the_last_centre_lines():
    """On the line through the last row's or column's LR centres, both codes of that axis are one. LIIF's four areas are then
    all 1e-9, so that it takes the plain mean of the four codes; we keep the weights of the other axis."""
    for size in ((5, 7), (1, 6), (1, 1)):
        for scale in (1, 2, 3, 5, 7):
            position = grids.mesh(*(grids.centres(n * scale, n) for n in size))
            ours, theirs = grids.corners(position, size), published_corners(position, size)
            beyond = ((position < 0) | (position > torch.tensor(size) - 1)).any(-1)
            line = (position == torch.tensor(size) - 1).any(-1)
            torch.testing.assert_close(ours.weight[~line & ~beyond], theirs.weight[~line & ~beyond], rtol=0, atol=1e-7)
            assert torch.equal(theirs.weight[line], torch.full_like(theirs.weight[line], 0.25))


@pytest.mark.parametrize("scale", [5, 7])
@torch.no_grad()
def test_on_the_last_centre_lines_our_weights_give_better_colours_than_the_published_ones(official, data, scale):
    """With the official weights on Set5. No protocol sees these pixels: all cut off a wider border."""
    errors = {"ours": [], "published": []}
    for path in datasets.find("set5").hr:
        pair = datasets.pair(datasets.find("set5"), path, scale)[:2]
        lr, hr = (images.to_tensor(np.broadcast_to(a, (*a.shape[:2], 3))) for a in pair)
        size, lr_size = hr.shape[-2:], lr.shape[-2:]
        position = grids.mesh(*(grids.centres(n, m) for n, m in zip(size, lr_size, strict=True)))
        line = (position == torch.tensor(lr_size) - 1).any(-1)
        features, radius = official.encode(lr[None]), grids.radii(size, lr_size)[None, None]
        for name, weights in (("ours", grids.corners), ("published", published_corners)):
            official.locate = weights
            try:
                rgb = official.textbook(features, position[line][None], radius)[0].clamp(0, 1)
            finally:
                del official.locate
            errors[name].append((rgb - hr.flatten(1).T[line]).square().mean())
    ours, published = (-10 * torch.stack(errors[name]).mean().log10() for name in ("ours", "published"))
    assert 0.2 < ours - published < 0.6   # 0.38 dB at x5 and 0.36 dB at x7


def test_a_tie_between_two_codes_goes_up_here_and_to_the_even_one_there():
    """Without the ensemble LIIF takes the nearest code by `grid_sample`."""
    position = torch.tensor([0.5, 1.5, 2.5], dtype=torch.float64)                  # on the borders of 4 LR pixels
    codes = torch.arange(4.0).view(1, 1, 1, 4)
    at = torch.stack([(2 * position + 1) / 4 - 1, torch.zeros(3, dtype=torch.float64)], -1).float()[None, None]
    theirs = F.grid_sample(codes, at, mode="nearest", align_corners=False).flatten().tolist()
    assert grids.containing(position, 4).index.flatten().tolist() == [1, 2, 3]
    assert theirs == [0, 2, 2]


def test_training_pictures_differ_by_one_level_in_some_values():
    """LIIF reduces a crop with PIL, which rounds and clips to 8 bits after each axis. We do so once, at the end."""
    store = batches.Store.of([samples.path("coffee")], batches.cache_folder())
    for scale in (1.7, 2.5, 4.0):
        sampler = batches.Sampler(store, 4, 48, 64, (scale, scale), seed=0)
        ours = (sampler(0).lr * 255).round()                                       # (4, 3, 48, 48)
        for item, lr in enumerate(ours):
            crop = sampler._crop(sampler._draw(0, item)).movedim(0, -1).byte().numpy()
            theirs = np.array(Image.fromarray(crop).resize((48, 48), Image.Resampling.BICUBIC))
            difference = np.abs(lr.movedim(0, -1).numpy() - theirs)
            assert 0.03 < (difference == 1).mean() < 0.25 and (difference > 1).mean() < 0.005   # where one axis overshoots
