"""Every widget of the series as a reader meets it: in JupyterLab, in a browser, by keyboard."""

import pytest

from tests.browser import lab

pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with lab.serve(tmp_path_factory.mktemp("lab")) as address:
        yield address


@pytest.fixture(scope="module")
def page():
    with lab.browse() as page:
        yield page


@pytest.mark.parametrize("name", [path.name for path in lab.NOTEBOOKS])
def test_arrow_keys_move_every_slider_and_change_the_picture(address, page, name):
    page.errors.clear()
    lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    with lab.executed(page, address, name):
        assert page.locator(lab.PICTURE).count() == 1 and page.locator(lab.SLIDERS).count() >= 1
        for slider in page.locator(lab.SLIDERS).all():
            press_an_arrow(page, slider)
        page.screenshot(path=lab.ARTEFACTS / f"{name.removesuffix('.ipynb')}.png")
    assert page.errors == []


def press_an_arrow(page, slider):
    handle, number, picture = slider.get_by_role("slider"), slider.locator(".widget-readout"), page.locator(lab.PICTURE)
    value, source, before = number.inner_text(), picture.get_attribute("src"), picture.screenshot()
    at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    handle.press("ArrowLeft" if at_end else "ArrowRight")   # focuses first; no mouse takes part
    page.wait_for_function("([css, old]) => document.querySelector(css).src !== old", arg=[lab.PICTURE, source])
    page.wait_for_function("css => document.querySelector(css).complete", arg=lab.PICTURE)
    assert number.inner_text() != value
    assert picture.screenshot() != before, f"after {value} nothing else is to be seen"
