"""Notebook 09's widget: its trainings are the same however they are looked at, and can be played."""

import torch

from ipe_sr import demos
from ipe_sr.demos.live_training import EVERY, Training
from ipe_sr.widgets import Explorer


def test_a_training_is_the_same_in_whatever_order_it_is_asked():
    straight, halting = Training(0.003), Training(0.003)
    losses, picture = straight.after(2 * EVERY)
    halting.after(EVERY)
    torch.rand(3)   # what happens between is none of its business
    assert halting.after(2 * EVERY)[0] == losses
    assert torch.equal(halting.after(2 * EVERY)[1], picture)
    for training in (straight, halting):
        back, _ = training.after(EVERY)
        assert back == losses[:EVERY] and training.losses == losses, "going back takes no step"
    assert torch.equal(straight.after(EVERY)[1], halting.after(EVERY)[1])
    assert not torch.equal(straight.after(EVERY)[1], picture) and losses[-1] < 0.6 * losses[0]


def test_a_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    Training(0.01).after(EVERY)
    assert torch.equal(torch.rand(2), expected)


def test_too_high_a_rate_paints_one_colour_and_says_so_in_numbers():
    _, picture = Training(0.1).after(4 * EVERY)
    assert picture.std((-2, -1)).max() < 0.02
    assert "nan" not in demos.live_training_readout(4 * EVERY, "0.1")


def test_play_moves_a_slider_over_its_range():
    explorer = Explorer(demos.footprint, demos.footprint_readout, {"scale": (1, 8, 1)}, {"scale": 2})
    text = repr(explorer)
    button, clock = demos.with_play(explorer, "scale").children[:2]
    assert button.description == "play"
    assert (clock.min, clock.max, clock.step) == (1, 8, 1)
    assert repr(explorer) == text and explorer.picture in explorer.children
