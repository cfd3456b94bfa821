"""Notebook 10's widget: what stands on each side of its divider."""

import numpy as np
import pytest

from ipe_sr.demos import side_by_side
from ipe_sr.imaging import images, metrics


class Recorder:
    """An axes that remembers what is drawn on it."""

    def imshow(self, picture, **kwargs):
        self.picture = np.asarray(picture)

    def axvline(self, x, **kwargs):
        self.line = x

    def text(self, x, y, text, **kwargs):
        self.texts = [*getattr(self, "texts", []), text]


def drawn(**state):
    axes = np.array([[Recorder(), Recorder()]])
    side_by_side.wipe.__wrapped__(axes, **state)
    return axes[0]


@pytest.mark.parametrize("divider", [0, 40, 96])
def test_each_side_shows_its_method(divider):
    picture, error = drawn(divider=divider, scale="3", left="bicubic", right="IPE-LIIF")
    left, right, hr = (side_by_side.versions()["3", method] for method in ("bicubic", "IPE-LIIF", "original"))
    np.testing.assert_array_equal(picture.picture[:, :divider], images.to_pixels(left)[:, :divider])
    np.testing.assert_array_equal(picture.picture[:, divider:], images.to_pixels(right)[:, divider:])
    np.testing.assert_allclose(error.picture[:, divider:], np.abs(right - hr).mean(0)[:, divider:], atol=1e-7)
    assert picture.line == error.line == divider
    assert picture.texts == error.texts == ["bicubic", "IPE-LIIF"]


def test_the_original_has_no_error_and_no_decibels():
    _, error = drawn(divider=0, scale="2", left="bicubic", right="original")
    assert not error.picture.any()
    text = side_by_side.wipe_readout(divider=0, scale="2", left="bicubic", right="original")
    assert text.count("dB") == 1 and "right original" in text


def test_the_readout_has_the_decibels_of_the_whole_crop():
    sr, hr = (side_by_side.versions()["4", method] for method in ("IPE-LIIF", "original"))
    text = side_by_side.wipe_readout(divider=8, scale="4", left="LR pixels", right="IPE-LIIF")
    assert f"IPE-LIIF: {metrics.psnr(sr, hr, 'div2k', 4):.2f} dB" in text


def test_the_network_is_ahead_of_bicubic_and_bicubic_of_blocks():
    for scale in side_by_side.SCALES:
        hr = side_by_side.versions()[scale, "original"]
        blocks, bicubic, network = (
            metrics.psnr(side_by_side.versions()[scale, method], hr, "div2k", float(scale))
            for method in side_by_side.METHODS[:3]
        )
        assert blocks < bicubic < network
