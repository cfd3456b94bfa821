"""The demo of notebook 12: effective filters, generated filters, and the tiny models behind them."""

import dataclasses

import torch

from ipe_sr.demos import generality
from ipe_sr.demos.generality import METHODS, REACH, SMALL, effective_filter, tiny_metasr


def test_an_effective_filter_equals_the_models_responses_to_impulses():
    torch.manual_seed(0)
    for encoding in METHODS.values():
        model = dataclasses.replace(SMALL, encoding=encoding).build()
        side, centre, radius = 2 * REACH + 1, (0.25, -0.5), (0.25, 0.5)
        position, size = REACH + torch.tensor([[centre]]).double() / 2, torch.tensor(radius).double()
        pictures = torch.zeros(side**2 + 1, 3, side, side)
        pictures[1:].flatten(2)[torch.arange(side**2), :, torch.arange(side**2)] = 1          # each has one gray impulse
        with torch.no_grad():
            colours = model.query(model.encode(pictures), position.expand(len(pictures), -1, -1), size).mean((1, 2))
        expected = (colours[1:] - colours[0]).view(side, side)
        torch.testing.assert_close(effective_filter(model, centre, radius), expected, rtol=0, atol=1e-5)
        assert expected[0].abs().max() < 1e-6 < expected[1:-1, 1:-1].abs().max(), "the filter is zero at REACH"


def test_the_generated_filter_gives_the_green_of_a_pixel():
    model = tiny_metasr("IPE-MetaSR", steps=2).model
    codes = torch.rand(1, 1, 1, 9 * 16)
    size = torch.full((1, 1, 1, 2), 0.25)
    colour = model.decode(codes, torch.tensor([[[[0.5, -0.5]]]]), size)
    weights = generality._generated_weights(model, 0.5, -0.5, 0.25)
    torch.testing.assert_close((weights.flatten() * codes.flatten()).sum(), colour[0, 0, 0, 1], rtol=0, atol=1e-5)


def test_fitting_keeps_the_callers_random_state_and_always_gives_the_same_weights():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first = tiny_metasr.__wrapped__("MetaSR", steps=2).model.state_dict()
    assert torch.equal(torch.rand(3), expected)
    second = tiny_metasr.__wrapped__("MetaSR", steps=2).model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_scales_and_seed_change_what_is_fitted():
    first, *others = (
        tiny_metasr("MetaSR", 2, *options).model.state_dict() for options in ((), ((1, 2),), (generality.SCALES, 1))
    )
    assert all(any(not torch.equal(first[name], other[name]) for name in first) for other in others)


def test_filters_share_one_scale_of_colours_that_is_white_at_zero():
    weights = {name: torch.full((2 * REACH + 1, 2 * REACH + 1), value) for name, value in (("a", 0.0), ("b", 0.3), ("c", -0.3))}
    pixels = [((0.5, -0.5), (1, 0.25))] * 3
    *panels, bar = generality.filters(weights, columns=3, pixels=pixels).axes
    shades = [panel.images[0].to_rgba(panel.images[0].get_array())[0, 0, :3] for panel in panels]
    assert shades[0].min() > 0.95
    assert shades[1][2] > shades[1][0] and shades[2][0] > shades[2][2], "positive is violet, negative orange"
    assert 0.0 in bar.get_yticks()
    assert all(panel.patches[0].get_bbox().bounds == (-0.375, -0.25, 0.25, 1) for panel in panels), "x, y, width, height"
