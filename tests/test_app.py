"""The page that enlarges pictures, without a browser. `browser/test_app.py` tests it in one."""

import io
import sys
import time

import pytest
from PIL import Image

from ipe_sr import app
from ipe_sr.app.work import Desk
from ipe_sr.errors import InputError
from ipe_sr.imaging import images


def test_no_file_of_the_page_refers_to_another_server():
    files = sorted(app.FOLDER.glob("page.*"))
    assert [path.name for path in files] == ["page.css", "page.html", "page.js"]
    for path in files:
        assert "http" not in path.read_text(encoding="utf-8"), path


def test_without_tornado_the_error_names_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tornado", None)
    with pytest.raises(InputError, match=r"needs the package tornado.*pip install 'ipe_sr\[app\]'"):
        app.serve()


@pytest.fixture
def desk(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels(20, 30, 4)).save(file, "PNG")
    made = Desk()
    assert made.open("a.png", file.getvalue()) == {"name": "a.png", "width": 30, "height": 20, "notes": []}
    yield made
    made.close()


def wait(desk):
    end = time.monotonic() + 60
    while time.monotonic() < end and not (desk.current.made or desk.current.error):
        time.sleep(0.01)
    return desk.current


@pytest.mark.parametrize(("asked", "size"), [
    ({"scale": 2.5}, (50, 75)), ({"width": "45"}, (30, 45)), ({"height": 60}, (60, 90)),
])
def test_a_desk_makes_what_is_asked(desk, asked, size):
    desk.enlarge({"model": "bicubic", "format": "PNG"} | asked)
    work = wait(desk)
    assert (work.made, work.error, work.share) == (size, None, 1.0)
    assert work.name == f"a_{size[1]}x{size[0]}.png"
    assert images.read(desk.result()).pixels.shape == (*size, 4)


@pytest.mark.parametrize(("asked", "word"), [
    ({}, "either a scale or a size"), ({"scale": "none"}, "are numbers"), ({"scale": 0.5}, "at least 1"),
    ({"scale": float("nan")}, "at least 1"), ({"width": 20}, "smaller"), ({"scale": 2, "model": "../x"}, "of the list"),
    ({"scale": 2, "format": "GIF"}, "of the list"), ({"scale": 2, "format": "JPEG"}, "no alpha"),
    ({"scale": 2, "width": 90}, "either a scale or a size"),
])
def test_what_cannot_be_made_is_one_line(desk, asked, word):
    with pytest.raises(InputError, match=word):
        desk.enlarge({"model": "bicubic", "format": "PNG"} | asked)
    assert desk.result() is None


def test_a_new_picture_ends_the_work_on_the_old_one(desk):
    desk.enlarge({"model": "ipe-field-light", "format": "PNG", "scale": 40})
    work = desk.current
    file = io.BytesIO()
    Image.new("L", (4, 5)).save(file, "PNG")
    desk.open("b.png", file.getvalue())
    assert work.stopped and desk.current is None and desk.result() is None
    with pytest.raises(InputError, match="not a picture"):
        desk.open("c.png", b"no picture")
