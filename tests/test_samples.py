import numpy as np
import pytest

from ipe_sr.imaging import samples


@pytest.mark.parametrize("name", samples.PHOTOS)
def test_photographs(name):
    photo = samples.image(name)
    assert photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3
    assert min(photo.shape[:2]) >= 256 and photo.std() > 10
    assert samples.path(name).is_file()


@pytest.mark.parametrize("name", samples.CHARTS)
def test_charts(name):
    chart = samples.image(name, 96)
    assert chart.shape == (96, 96, 3) and chart.dtype == np.uint8
    assert chart.min() < 60 and chart.max() > 195
    assert (chart[..., 0] == chart[..., 1]).all() and (chart[..., 1] == chart[..., 2]).all()
    assert np.array_equal(chart, samples.image(name, 96))


def test_names():
    assert samples.names() == sorted({*samples.PHOTOS, *samples.CHARTS})
    for ask in (samples.image, samples.path):
        with pytest.raises(ValueError, match=r"'lena' is unknown.*astronaut"):
            ask("lena")


@pytest.mark.parametrize("chart", [samples.zone_plate, samples.siemens_star])
def test_charts_are_means_over_areas(chart):
    """Each pixel of a chart is nearly the mean of the pixels of a larger chart in the same area."""
    coarse = chart(64)
    assert coarse.min() >= 0 and coarse.max() <= 1
    if chart is samples.zone_plate:   # its formula depends on the size in pixels: refine it by point samples instead
        at = (np.arange(64 * 32) + 0.5) / 32
        fine = samples.zone_plate(64, at).reshape(64, 32, 64, 32).mean((1, 3))
    else:
        fine = chart(256).reshape(64, 4, 64, 4).mean((1, 3))
    assert np.abs(coarse - fine).max() < (0.01 if chart is samples.zone_plate else 0.15)
    assert np.abs(coarse - fine).mean() < 0.01


def test_point_samples_alias_where_areas_fade():
    middles = np.arange(128) + 0.5
    points, areas = samples.zone_plate(128, middles), samples.zone_plate(128)
    near = (slice(60, 68), slice(60, 68))
    assert np.abs(points[near] - areas[near]).max() < 0.05
    corner = (slice(0, 16), slice(0, 16))
    assert areas[corner].std() < 0.6 * points[corner].std()


def test_text_grows_with_the_page():
    small, large = samples.fine_text(96), samples.fine_text(192)
    assert small.shape == (96, 96) and large.shape == (192, 192)
    assert abs(small[:20].mean() - large[:40].mean()) < 0.05
