"""The page of notebook 14's widget: `ipe-sr app` serves it, and a browser uses it without JupyterLab and without a network."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib import util
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.browser import lab
from tests.browser.test_widgets import press_an_arrow

LACKS = lab.missing() or ("" if util.find_spec("voila") else "voila is not installed: pip install -e '.[app]'")
pytestmark = pytest.mark.skipif(bool(LACKS), reason=LACKS)


@pytest.fixture
def address(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {f"JUPYTER_{name}_DIR": str(tmp_path / name.lower()) for name in ("CONFIG", "RUNTIME")}
    with open(tmp_path / "server.log", "wb") as log:
        command = [sys.executable, "-m", "ipe_sr", "app", "--no-browser", "--port", str(port)]
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_port(port, server)
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(30)
    said = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "Traceback" not in said and "DeprecationWarning" not in said, said


def wait_for_port(port, server):
    end = time.monotonic() + lab.PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/voila/static/voila.js", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise AssertionError("the server did not start")


def choose(page, path):
    """Press the upload button and choose a file."""
    with page.expect_file_chooser() as dialogue:
        page.locator(".widget-upload").click()
    dialogue.value.set_files(path)


def test_the_page_zooms_turns_and_takes_a_picture_and_asks_no_other_server(address, tmp_path, pixels):
    own, broken = tmp_path / "holiday.png", tmp_path / "broken.png"
    Image.fromarray(pixels(90, 120)).save(own)
    broken.write_bytes(b"no picture")
    asked = []
    with lab.browse() as page:
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda channel: asked.append(channel.url))
        page.goto(address)
        page.wait_for_selector(lab.PICTURE)
        assert page.locator(lab.SLIDERS).count() == 4
        for slider in page.locator(lab.SLIDERS).all():
            press_an_arrow(page, slider)
        choose(page, own)
        page.get_by_text("holiday.png was added as the last of the pictures").wait_for()
        assert "holiday.png" in page.locator(lab.SLIDERS).first.inner_text()
        lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=lab.ARTEFACTS / "app.png")
        choose(page, broken)
        page.get_by_text("broken.png: not a picture that can be read").wait_for()
        assert page.errors == []
    assert any(url.startswith("ws://127.0.0.1:") for url in asked)
    others = [url for url in asked if not url.startswith(("data:", "blob:")) and urlsplit(url).hostname != "127.0.0.1"]
    assert not others
