"""Schedules: presets by name, their options, the learning rate and the decay of the moving average."""

import dataclasses

import pytest

from ipe_sr import options
from ipe_sr.errors import InputError
from ipe_sr.models import configs
from ipe_sr.training import schedules


@pytest.mark.parametrize("schedule", schedules.names())
def test_every_schedule_makes_a_preset_with_every_method(schedule):
    for method in configs.methods():
        preset = schedules.preset(f"{schedule}-{method}")
        assert preset.name == f"{schedule}-{method}"
        assert preset.schedule.steps > 0


def test_the_paper_preset_has_the_papers_schedule_and_model():
    preset = schedules.preset("paper-ipe-liif")
    s = preset.schedule
    assert (s.steps, s.batch, s.patch, s.queries, s.scales) == (1_000_000, 16, 48, 2304, (1, 4))
    assert [s.rate(epoch * 1000) for epoch in (0, 199, 200, 999)] == [1e-4, 1e-4, 5e-5, 1e-4 / 16]
    assert preset.model == configs.method("ipe-liif")


@pytest.mark.parametrize("low_high", [("6", 6), ("12", 12)])
def test_the_presets_of_table_3_differ_in_their_scales_only(low_high):
    name, high = low_high
    wide, narrow = schedules.preset(f"paper{name}-liif").schedule, schedules.preset("paper-liif").schedule
    assert wide.scales == (1, high) and max(wide.valid_scales) == high
    assert wide.steps == narrow.steps and wide.data == narrow.data


def test_a_fixed_scale_method_trains_at_its_scale_only():
    assert schedules.preset("tiny-edsr-x3").schedule.scales == (3, 3)


def test_a_fixed_scale_method_warns_that_it_ignores_scales():
    with pytest.warns(UserWarning, match="option 'scales' does not apply to tiny-edsr-x2, where it is .2, 2."):
        assert schedules.preset("tiny-edsr-x2", {"scales": [1, 4]}).schedule.scales == (2, 2)


def test_a_number_in_scientific_notation_without_a_point_is_a_number():
    """YAML 1.1 reads 1e-4, without a point, as text; our parser reads a number."""
    made = schedules.preset("tiny-liif", dict([options.setting("learning_rate=1e-4")]))
    assert made.schedule.learning_rate == 1e-4


def test_during_warm_up_the_learning_rate_rises_linearly_to_the_decays_value():
    warm = schedules.preset("paper-liif", {"decay": "cosine", "steps": 100, "warm_up": 9}).schedule
    cold = dataclasses.replace(warm, warm_up=0)
    assert [warm.rate(step) / cold.rate(step) for step in (0, 4, 9, 50)] == pytest.approx([0.1, 0.5, 1, 1])


def test_the_moving_average_soon_forgets_its_start():
    """An average of 1 that starts at 0 comes within 1e-3 of 1 in 50 steps. A fixed decay would keep 0.95 of the start."""
    schedule, average = schedules.preset("tiny-liif", {"ema": 0.999}).schedule, 0.0
    for step in range(50):
        average += (1 - schedule.average_decay(step)) * (1 - average)
    assert abs(average - 1) < 1e-3
    assert schedule.average_decay(100_000) == 0.999 and schedules.preset("tiny-liif").schedule.average_decay(5) == 0


def test_tiny_makes_a_model_smaller_and_settings_override_it():
    preset = schedules.preset("tiny-ipe-liif", {"model.frequencies": 4, "model.encoder.blocks": 2, "seed": 7})
    assert (preset.model.width, preset.model.frequencies, preset.schedule.seed) == (64, 4, 7)
    assert (preset.model.encoder.blocks, preset.model.encoder.channels) == (2, 32)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("huge-liif", {}, "preset 'huge-liif' is unknown"), ("tiny", {}, "is unknown"), ("tiny-nothing", {}, "is unknown"),
        ("tiny-liif", {"decay": "fast"}, "decay 'fast' is unknown"), ("tiny-liif", {"scales": [4, 1]}, "low and high"),
        ("tiny-liif", {"learning_rate": 2}, "between 0 and 1"), ("tiny-liif", {"ema": 1}, "ema must lie"),
        ("tiny-liif", {"scales": [1, "x"]}, "must be float, got 'x'"),
        ("tiny-liif", {"learning_rate": "1e-4"}, "must be float, got '1e-4'"),
        ("tiny-liif", {"data": [3]}, "must be str, got 3"), ("tiny-liif", {"data": []}, "data needs a set"),
        ("tiny-liif", {"valid_scales": 0}, "valid_scales lie in 1 to 64"),
        ("tiny-liif", {"seed": -1}, "at least 0"), ("tiny-liif", {"checkpoint_minutes": float("nan")}, "at least 0"),
        ("tiny-liif", {"steps": True}, "'steps' must be int, got True"), ("tiny-liif", {"model": 3}, "model.OPTION=VALUE"),
        ("tiny-liif", {"model.width.x": 3}, "'model.width.x': width holds no options"),
        ("tiny-liif", {"model.width": "wide"}, "'width' must be int"), ("tiny-liif", {"model.encoder.layers": 3}, "'layers'"),
    ],
)
def test_a_bad_preset_or_setting_gives_one_clear_line(name, settings, message):
    with pytest.raises(InputError, match=message) as caught:
        schedules.preset(name, settings)
    assert "\n" not in str(caught.value)
