"""The still figures of notebook 03: a grating and its mean, encodings by position, the numbers that decoders are told."""

import numpy as np
import pytest
import torch

from ipe_sr.demos import shapes
from ipe_sr.encodings import integrated, octaves


@pytest.mark.parametrize(("low", "high", "sign"), [(1, 2.5, 1), (4, 5.5, -1), (7, 8, 1)])
def test_bars_change_places_between_one_and_two_periods_in_the_box(low, high, sign):
    (ax,) = shapes.grating().axes
    wave, mean = ax.images[0].get_array()
    w_r = np.linspace(0, 8, len(wave))
    part = (w_r > low) & (w_r < high)
    assert sign * np.corrcoef(wave[part], mean[part])[0, 1] > 0.8


def test_the_mean_of_the_grating_is_the_box_damping_of_its_local_frequency():
    wave, mean = shapes.grating(finest=6, length=600).axes[0].images[0].get_array()
    w_r = np.linspace(0, 6, len(wave))
    slow = w_r > 0.5                                             # the frequency changes little within a box
    np.testing.assert_allclose(mean[slow], (wave * np.sinc(w_r / np.pi))[slow], atol=0.02)


def test_the_dotted_line_lies_between_the_octaves_that_a_scale_allows_and_the_finer_ones():
    position, w = torch.linspace(-2, 2, 11, dtype=torch.float64)[:, None], octaves(10, dtype=torch.float64)
    encoded = {f"x{s}": (integrated(position, torch.full_like(position, 1 / s), w)[:, :10], s) for s in (2, 30)}
    panels = shapes.rows_by_position(encoded).axes
    for ax, allowed in zip(panels, (2, 6), strict=False):        # the octaves of notebook 03, section 4
        *_, dotted = ax.lines
        assert allowed - 1 < dotted.get_ydata()[0] < allowed


def test_each_number_told_has_its_name_and_cells_are_written_out():
    told = {"centre": torch.zeros(2, 1), "with cell": torch.tensor([[0.0, 2.0], [0.0, 0.5]]), "PE": torch.zeros(2, 6)}
    panels = shapes.numbers_told(told, ["large", "small"]).axes
    names = [[label.get_text() for label in ax.get_xticklabels()] for ax in panels[:3]]
    assert names == [["x"], ["x", "cell"], ["s0", "s1", "s2", "c0", "c1", "c2"]]
    assert [text.get_text() for text in panels[1].texts] == ["2", "0.5"]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["large", "small"]
