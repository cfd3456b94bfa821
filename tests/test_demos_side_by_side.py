"""The demo of notebook 10: the pictures and errors on both sides of its divider, and its readout."""

import numpy as np
import pytest

from ipe_sr.demos import side_by_side
from ipe_sr.imaging import images, metrics


class Recorder:
    """Stands in for a matplotlib axes and remembers what is drawn."""

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
def test_each_side_shows_the_picture_and_the_error_of_its_method(divider):
    picture, error = drawn(divider=divider, scale="3", left="bicubic", right="IPE-LIIF")
    left, right, hr = (side_by_side.versions()["3", method] for method in ("bicubic", "IPE-LIIF", "original"))
    np.testing.assert_array_equal(picture.picture[:, :divider], images.to_pixels(left)[:, :divider])
    np.testing.assert_array_equal(picture.picture[:, divider:], images.to_pixels(right)[:, divider:])
    np.testing.assert_allclose(error.picture[:, divider:], np.abs(right - hr).mean(0)[:, divider:], atol=1e-7)
    assert picture.line == error.line == divider
    assert picture.texts == error.texts == ["bicubic", "IPE-LIIF"]


def test_the_original_has_no_error_and_no_psnr():
    _, error = drawn(divider=0, scale="2", left="bicubic", right="original")
    assert not error.picture.any()
    text = side_by_side.wipe_readout(divider=0, scale="2", left="bicubic", right="original")
    assert text.count("dB") == 1 and "right original" in text


def test_the_readout_gives_the_psnr_of_the_whole_crop():
    sr, hr = (side_by_side.versions()["4", method] for method in ("IPE-LIIF", "original"))
    text = side_by_side.wipe_readout(divider=8, scale="4", left="LR pixels", right="IPE-LIIF")
    assert f"IPE-LIIF: {metrics.psnr(sr, hr, 'div2k', 4):.2f} dB" in text


def test_at_every_scale_ipe_liif_beats_bicubic_and_bicubic_beats_copied_pixels():
    for scale in side_by_side.SCALES:
        hr = side_by_side.versions()[scale, "original"]
        blocks, bicubic, network = (
            metrics.psnr(side_by_side.versions()[scale, method], hr, "div2k", float(scale))
            for method in side_by_side.METHODS[:3]
        )
        assert blocks < bicubic < network
