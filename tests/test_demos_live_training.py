"""The demo of notebook 09: its trainings do not depend on the order in which steps are viewed; its play button."""

import torch

from ipe_sr import demos
from ipe_sr.demos.live_training import EVERY, Training
from ipe_sr.widgets import Explorer


def test_a_training_gives_the_same_results_in_any_order_of_requests():
    at_once, in_parts = Training(0.003), Training(0.003)
    losses, picture = at_once.after(2 * EVERY)
    in_parts.after(EVERY)
    torch.rand(3)   # other random numbers drawn in between change nothing
    assert in_parts.after(2 * EVERY)[0] == losses
    assert torch.equal(in_parts.after(2 * EVERY)[1], picture)
    for training in (at_once, in_parts):
        back, _ = training.after(EVERY)
        assert back == losses[:EVERY] and training.losses == losses, "a request for an earlier step trains no further"
    assert torch.equal(at_once.after(EVERY)[1], in_parts.after(EVERY)[1])
    assert not torch.equal(at_once.after(EVERY)[1], picture) and losses[-1] < 0.6 * losses[0]


def test_a_training_does_not_change_the_callers_random_state():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    Training(0.01).after(EVERY)
    assert torch.equal(torch.rand(2), expected)


def test_too_high_a_learning_rate_gives_a_picture_of_one_colour_and_a_readout_without_nan():
    _, picture = Training(0.1).after(4 * EVERY)
    assert picture.std((-2, -1)).max() < 0.02
    assert "nan" not in demos.live_training_readout(4 * EVERY, "0.1")


def test_the_play_button_covers_the_range_of_its_slider_and_keeps_the_explorers_text():
    explorer = Explorer(demos.footprint, demos.footprint_readout, {"scale": (1, 8, 1)}, {"scale": 2})
    text = repr(explorer)
    button, clock = demos.with_play(explorer, "scale").children[:2]
    assert button.description == "play"
    assert (clock.min, clock.max, clock.step) == (1, 8, 1)
    assert repr(explorer) == text and explorer.picture in explorer.children
