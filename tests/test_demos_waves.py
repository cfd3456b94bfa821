"""The figures of notebook 01: every pixel of a plate covers a whole number of dots, and colours are drawn in local periods."""

import io

import numpy as np
from PIL import Image

from ipe_sr import figures
from ipe_sr.demos import waves


def test_a_plate_is_drawn_pixel_by_pixel():
    """The stored dots are the pixels themselves, repeated, outside the square: no row or column is wider than another."""
    random = np.random.default_rng(0)
    scene, point, area = (random.integers(0, 2, (n, n)).astype(float) for n in (1024, 64, 64))
    sheet = np.asarray(Image.open(io.BytesIO(figures.png(waves.plates(scene, point, area)))).convert("L"))
    top, left = sheet.shape[0] - 1024, sheet.shape[1] - 448
    for drawn, picture in ((sheet[top:, :1024], scene), (sheet[top : top + 448, left:], point), (sheet[-448:, left:], area)):
        dots = len(drawn) // len(picture)
        changed = np.argwhere(drawn != 255 * np.kron(picture, np.ones((dots, dots))))    # (N, 2), of the square alone
        assert len(changed) > 0
        from_the_middle = np.abs(changed - (len(drawn) - 1) / 2).max(1)
        np.testing.assert_allclose(from_the_middle, len(drawn) / 8, atol=3)


def test_colours_are_drawn_against_the_width_in_periods_of_the_places_that_have_waves():
    widths = np.array([2.0, 4.0, 6.0])
    fig = waves.colours_by_size(widths, {"flat": [1, 1, 1], "waves": [1, 0, 1]}, {"waves": 4.0})
    in_pixels, in_periods = fig.axes
    assert [line.get_label() for line in in_pixels.get_lines()] == ["flat", "waves"]
    curve = in_periods.get_lines()[0]
    np.testing.assert_allclose(curve.get_xdata(), widths / 4)
    np.testing.assert_allclose(curve.get_ydata(), [1, 0, 1])
    assert curve.get_color() == in_pixels.get_lines()[1].get_color()
