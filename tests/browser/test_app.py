"""The page that enlarges pictures: `ipe-sr app` serves it, and a browser uses it, without a network."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from PIL import Image

from ipe_sr.imaging import images
from tests.browser import lab

LACKS = lab.missing()
pytestmark = pytest.mark.skipif(bool(LACKS), reason=LACKS)


@pytest.fixture
def address(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(tmp_path / "server.log", "wb") as log:
        command = [sys.executable, "-m", "ipe_sr", "app", "--no-browser", "--port", str(port)]
        server = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(tmp_path)}, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port, server)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(60)
    said = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in said and "DeprecationWarning" not in said, said


def wait_for_port(port, server):
    end = time.monotonic() + lab.PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/page.css", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError("the server did not start")


def enlarge(page, kind, number, model="ipe-field-light"):
    page.locator("#kind").select_option(kind)
    page.locator("#number").fill(str(number))
    page.locator("#model").select_option(model)
    page.locator("#start").click()
    page.get_by_text("Done.").wait_for()


def test_the_last_result_s_message_does_not_stand_while_the_server_is_asked_again(address, tmp_path, pixels):
    Image.fromarray(pixels(20, 30)).save(tmp_path / "own.png")
    asked = []
    with lab.browse() as page:
        page.goto(address)
        page.locator("#file").set_input_files(tmp_path / "own.png")
        enlarge(page, "scale", 2, "bicubic")
        page.route("**/enlarge?*", lambda route: asked.append(route))
        page.locator("#start").click()
        assert page.locator("#message").inner_text() == "Working …"
        asked[0].continue_()
        page.unroute("**/enlarge?*")
        page.get_by_text("Done.").wait_for()


def download(page, path):
    with page.expect_download() as coming:
        page.locator("#download").click()
    coming.value.save_as(path)
    return coming.value.suggested_filename


def colour(page, name):
    """The colour in the middle of a picture on the page."""
    page.wait_for_function("id => document.getElementById(id).complete", arg=name)
    return page.evaluate(
        """id => {
            const image = document.getElementById(id), canvas = new OffscreenCanvas(1, 1), pen = canvas.getContext("2d")
            pen.drawImage(image, image.naturalWidth / 2, image.naturalHeight / 2, 1, 1, 0, 0, 1, 1)
            return [...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)]
        }""", name)


def left_files(folder):
    return [path for place in folder.glob("ipe_sr-*") for path in place.iterdir()]


def test_a_picture_is_enlarged_compared_and_downloaded(address, tmp_path, pixels):
    exif = Image.Exif()
    exif[0x0132], exif[images.ORIENTATION] = "2026:01:02 03:04:05", 6
    own = tmp_path / "holiday & <b>sun.jpg"
    Image.fromarray(pixels(60, 90)).save(own, exif=exif, dpi=(100, 100), quality=95)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    asked = []
    with lab.browse() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address)
        assert page.locator("#start").is_disabled()
        page.locator("#file").set_input_files(tmp_path / "broken.png")
        page.get_by_text("broken.png: not a picture that can be read").wait_for()
        assert page.locator("#start").is_disabled()
        page.locator("#file").set_input_files(own)
        page.get_by_text("holiday & <b>sun.jpg: 60 x 90 pixels").wait_for()
        page.locator("#format").select_option("JPEG")
        enlarge(page, "scale", 2.5)
        assert "150 x 225 pixels" in page.locator("#made").inner_text()
        name = download(page, tmp_path / "result.jpg")
        assert name.endswith("_150x225.jpg")
        with Image.open(tmp_path / "result.jpg") as made:
            assert made.size == (150, 225) and made.getexif()[0x0132] == "2026:01:02 03:04:05"
            assert made.getexif().get(images.ORIENTATION, 1) == 1 and made.info["dpi"] == (250, 250)
        slider = page.locator("#slider")
        slider.focus()
        before = page.locator("#cut").get_attribute("style")
        slider.press("ArrowRight")
        assert page.locator("#cut").get_attribute("style") != before
        lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=lab.ARTEFACTS / "app.png")
        enlarge(page, "width", 120, "bicubic")
        assert "120 x 180 pixels" in page.locator("#made").inner_text()
        page.locator("#number").fill("30")
        page.evaluate("document.getElementById('form').noValidate = true")
        page.locator("#start").click()
        page.get_by_text("is smaller than the picture's 90x60").wait_for()
        assert page.errors == []
    assert {urlsplit(url).hostname for url in asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}


def test_two_pictures_of_one_name_are_two_pictures(address, tmp_path):
    with lab.browse() as page:
        page.goto(address)
        for folder, due in (("a", [255, 0, 0]), ("b", [0, 0, 255])):
            (tmp_path / folder).mkdir()
            Image.new("RGB", (20, 20), tuple(due)).save(tmp_path / folder / "one.png")
            page.locator("#file").set_input_files(tmp_path / folder / "one.png")
            page.get_by_text("one.png: 20 x 20 pixels").wait_for()
            enlarge(page, "scale", 2)
            assert colour(page, "before") == colour(page, "after") == due


def test_nothing_is_left_when_the_tab_closes(address, tmp_path, pixels):
    """Neither files nor work: the next page's picture does not wait for a large one of a page that is gone."""
    Image.fromarray(pixels(700, 700)).save(tmp_path / "large.png")
    Image.fromarray(pixels(20, 20)).save(tmp_path / "small.png")
    with lab.browse() as page:
        page.goto(address)
        page.locator("#file").set_input_files(tmp_path / "large.png")
        page.get_by_text("700 x 700 pixels").wait_for()
        page.locator("#model").select_option("ipe-liif-cell")   # a minute's work at least
        page.locator("#start").click()
        page.get_by_text("Working").wait_for()
        page.reload()
        page.locator("#file").set_input_files(tmp_path / "small.png")
        page.get_by_text("20 x 20 pixels").wait_for()
        enlarge(page, "scale", 2)
        assert len(left_files(tmp_path)) == 3, "before, after and the result of the page that is open"
        page.goto("about:blank")
        end = time.monotonic() + lab.PATIENCE
        while left_files(tmp_path) and time.monotonic() < end:
            time.sleep(0.1)
        assert not left_files(tmp_path)


@pytest.mark.parametrize("width", [360, 400, 1280])
def test_everything_fits_the_width_of_a_phone(address, tmp_path, pixels, width):
    name = "a_very_long_name_without_any_space_in_it_as_phones_give_to_pictures_20260102_030405.png"
    Image.fromarray(pixels(60, 90)).save(tmp_path / name)
    with lab.browse() as page:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(address)
        page.locator("#file").set_input_files(tmp_path / name)
        page.get_by_text("90 x 60 pixels").wait_for()
        enlarge(page, "scale", 2)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for each in page.locator("main *:visible").all():
            box = each.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width + 1
        lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=lab.ARTEFACTS / f"app-{width}.png", full_page=True)


def test_pages_of_other_servers_are_refused(address):
    for headers in ({"Origin": "http://example.org"}, {"Host": "example.org"}):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=30)
