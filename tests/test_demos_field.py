"""The figures of notebook 14: the rulers, the views by zoom, and where the close views have their points."""

import pytest

from ipe_sr.demos import field


def test_the_rulers_of_scale_4_3_show_thirds_in_order():
    texts = [text.get_text() for text in field.rulers(3, 4).axes[0].texts]
    assert texts == ["LR pixel 0", "LR pixel 1", "LR pixel 2", "1", "1/3", "2/3", "2/3", "1/3", "1", "3 LR pixels", "4 pixels"]


def test_views_are_drawn_against_bicubic_and_against_the_wrong_size():
    told = {"bicubic": {(zoom, turn, 1.0): 29.0 + 2 * zoom + turn / 45 for zoom in (0.5, 1, 2) for turn in (0, 45)},
            "net": {(zoom, turn, factor): 35.0 + zoom + 3 * factor
                    for zoom in (2, 1, 0.5) for turn in (0, 45) for factor in (0.5, 1.0)},
            "slow": {(1, turn, factor): 30.0 + factor for turn in (0, 45) for factor in (0.5, 1.0)}}
    above, below, lost = (ax.lines for ax in field.told_views(told).axes)
    assert list(above[0].get_xdata()) == [1, 2] and list(above[0].get_ydata()) == [8, 7]
    assert list(above[1].get_ydata()) == [7, 6] and (above[0].get_linestyle(), above[1].get_linestyle()) == ("-", "--")
    places = [line.get_xdata()[0] for line in below[:2]]
    assert places == pytest.approx([0.5 * 1.04**-1.5, 0.5 * 1.04**-0.5]), "of the four columns, two lie below the zoom"
    assert [list(line.get_ydata()) for line in below[:2]] == [[8.5], [7.5]]
    assert [list(line.get_ydata()) for line in lost[:2]] == [[1.5] * 3] * 2
    assert list(lost[2].get_xdata()) == [1] and list(above[2].get_ydata()) == [0]


@pytest.mark.parametrize("scale, rows, columns", [(0.5, [8.5, 10.5], [10.5, 12.5]), (1, [9, 10, 11], [10, 11, 12])])
def test_the_pixels_near_an_lr_pixel(scale, rows, columns):
    down, right = field._near(10, 11, scale)
    assert set(rows) <= set(down.tolist()) and set(columns) <= set(right.tolist())
