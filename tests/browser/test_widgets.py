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
        assert page.locator(lab.SLIDERS).count() >= page.locator(lab.PICTURE).count() >= 1
        for slider in page.locator(lab.SLIDERS).all():
            press_an_arrow(slider)
        widget = page.locator(lab.WIDGET)
        named = widget.get_by_role("button", name=re.compile(r"\S")).count()
        assert widget.get_by_role("button").count() == named, "each button has a name for a screen reader"
        for play in widget.get_by_role("button", name="play").all():
            press(play, "Enter")
            play.press("Enter")
        page.screenshot(path=lab.ARTEFACTS / f"{name.removesuffix('.ipynb')}.png")
    assert page.errors == []


def picture_of(control):
    """The picture of the widget that a control belongs to. A notebook may have several widgets."""
    inner = "ancestor::*[contains(@class, 'widget-vbox')][.//*[contains(@class, 'widget-image')]][1]"
    return control.locator(f"xpath={inner}").locator(lab.PICTURE)


def press_an_arrow(slider):
    handle, number, picture = slider.get_by_role("slider"), slider.locator(".widget-readout"), picture_of(slider)
    value, before = number.inner_text(), picture.screenshot()
    at_end = handle.get_attribute("aria-valuenow") == handle.get_attribute("aria-valuemax")
    source = picture.get_attribute("src")
    move(handle, "ArrowLeft" if at_end else "ArrowRight", number, value)
    changed(picture, source)
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


def press(handle, key):
    """Press a key and wait for another picture."""
    picture = picture_of(handle)
    source = picture.get_attribute("src")
    handle.press(key)
    changed(picture, source)


def changed(picture, source):
    from playwright.sync_api import expect

    expect(picture).not_to_have_attribute("src", source, timeout=1000 * lab.PATIENCE)
    picture.evaluate("async picture => await picture.decode()")
