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


@pytest.mark.parametrize("name", [job.notebook.name for job in lab.NOTEBOOKS])
def test_arrow_keys_move_every_slider_and_change_the_picture(address, page, name):
    page.errors.clear()
    lab.run_all(page, address, name)
    picture, sliders = page.locator(lab.PICTURE), page.locator(lab.SLIDERS)
    assert picture.count() == 1 and sliders.count() >= 1
    lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    for slider in sliders.all():
        handle, number = slider.get_by_role("slider"), slider.locator(".widget-readout")
        value, source, before = number.inner_text(), picture.get_attribute("src"), picture.screenshot()
        at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
        handle.press("ArrowLeft" if at_end else "ArrowRight")   # press focuses; no mouse takes part
        page.wait_for_function("([css, old]) => document.querySelector(css).src !== old", arg=[lab.PICTURE, source])
        page.wait_for_function("css => document.querySelector(css).complete", arg=lab.PICTURE)
        assert number.inner_text() != value
        assert picture.screenshot() != before, f"after {value} nothing else is to be seen"
    page.screenshot(path=lab.ARTEFACTS / f"{name.removesuffix('.ipynb')}.png")
    assert page.errors == []
