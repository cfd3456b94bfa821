"""The figures of notebook 01: every pixel of a plate covers a whole number of dots, and colours are drawn in local periods."""

import io

import numpy as np
from PIL import Image

from ipe_sr import figures
from ipe_sr.demos import waves


def test_a_plate_is_drawn_pixel_by_pixel():
    """The stored dots are the pixels themselves, repeated: no row or column is wider than another."""
    random = np.random.default_rng(0)
    scene, point, area = (random.integers(0, 2, (n, n)).astype(float) for n in (1024, 64, 64))
    sheet = np.asarray(Image.open(io.BytesIO(figures.png(waves.plates(scene, point, area)))).convert("L"))
    top, left = sheet.shape[0] - 1024, sheet.shape[1] - 448
    np.testing.assert_array_equal(sheet[top:, :1024], 255 * scene)
    np.testing.assert_array_equal(sheet[top : top + 448, left:], 255 * np.kron(point, np.ones((7, 7))))
    np.testing.assert_array_equal(sheet[-448:, left:], 255 * np.kron(area, np.ones((7, 7))))


def test_colours_are_drawn_against_the_width_in_periods_of_the_places_that_have_waves():
    radii = np.array([1.0, 2.0, 3.0])
    fig = waves.colours_by_size(radii, {"flat": [1, 1, 1], "waves": [1, 0, 1]}, {"waves": 4.0})
    size, width = fig.axes
    assert [line.get_label() for line in size.get_lines()] == ["flat", "waves"]
    curve = width.get_lines()[0]
    np.testing.assert_allclose(curve.get_xdata(), radii / 2)
    np.testing.assert_allclose(curve.get_ydata(), [1, 0, 1])
    assert curve.get_color() == size.get_lines()[1].get_color()
