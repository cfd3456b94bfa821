"""Every widget of the series, used by keyboard in JupyterLab in a browser."""

import contextlib
import re

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
        widget = page.locator(lab.WIDGET)
        named = widget.get_by_role("button", name=re.compile(r"\S")).count()
        assert widget.get_by_role("button").count() == named, "each button has a name for a screen reader"
        for play in widget.get_by_role("button", name="play").all():
            press(page, play, "Enter")
            play.press("Enter")
        page.screenshot(path=lab.ARTEFACTS / f"{name.removesuffix('.ipynb')}.png")
    assert page.errors == []


def press_an_arrow(page, slider):
    handle, number, picture = slider.get_by_role("slider"), slider.locator(".widget-readout"), page.locator(lab.PICTURE)
    value, before = number.inner_text(), picture.screenshot()
    at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    source = picture.get_attribute("src")
    move(handle, "ArrowLeft" if at_end else "ArrowRight", number, value)
    changed(page, source)
    assert picture.screenshot() != before, f"the picture is the same after {value}"


def move(handle, key, number, value):
    """Press a key and wait until the page shows another number.

    JupyterLab loses a key while it lays the page out after a run, as seen once on a busy machine. Then press again.
    """
    from playwright.sync_api import expect

    for patience in (10, lab.PATIENCE):
        handle.press(key)   # focuses first; no mouse takes part
        with contextlib.suppress(AssertionError):
            return expect(number).not_to_have_text(value, timeout=1000 * patience)
    raise AssertionError(f"the slider stays at {value}")


def press(page, handle, key):
    """Press a key and wait for another picture."""
    source = page.locator(lab.PICTURE).get_attribute("src")
    handle.press(key)
    changed(page, source)


def changed(page, source):
    page.wait_for_function("([css, old]) => document.querySelector(css).src !== old", arg=[lab.PICTURE, source])
    page.wait_for_function("css => document.querySelector(css).complete", arg=lab.PICTURE)
