"""The site of the committed notebooks and of the guides, in a browser, from a plain web server."""

import functools
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ipe_sr.series import documents, guides, site
from tests.browser import lab
from tests.site_world import executed

pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())
CUT = """[...document.querySelectorAll(".cell_input pre")].filter(pre => pre.scrollWidth > pre.clientWidth).map(
    pre => pre.innerText)"""
NAMES = [path.stem for path in lab.NOTEBOOKS]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@contextmanager
def serve(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    for name in NAMES:
        executed(folder, name, documents.read(lab.ROOT / "notebooks" / f"{name}.ipynb"))
    with serve(site.build(folder, lab.ROOT / "notebooks").parent) as address:
        yield address


@pytest.fixture(scope="module")
def page():
    with lab.browse() as page:
        page.asked, page.refused = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("response", lambda response: page.refused.append(response.url) if response.status >= 400 else None)
        yield page


@pytest.fixture(autouse=True)
def nothing_goes_wrong(page, address):
    """No file is missing, no script fails, and no other server is asked."""
    for seen in (page.asked, page.refused, page.errors):
        seen.clear()
    yield
    assert page.refused == [] and page.errors == []
    assert page.asked and [url for url in page.asked if not url.startswith((address, "data:"))] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_drawn_and_every_picture_described(page, address, name):
    page.goto(f"{address}{name}.html")
    page.evaluate("MathJax.startup.promise")
    assert page.locator(".math").count() == page.locator(".math mjx-container:has(svg)").count() > 0
    assert page.locator("[data-mml-node=merror], mjx-merror").count() == 0
    assert not any("$" in text for text in page.locator("article p").all_inner_texts())
    assert page.evaluate(CUT) == []
    for shown in page.locator(".cell_output img").all():
        assert len(shown.get_attribute("alt")) > 40
        assert shown.evaluate("image => (image.scrollIntoView(), image.decode().then(() => image.naturalWidth > 0))")
    lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=lab.ARTEFACTS / f"site_{name}.png", full_page=True)


def test_search_finds_a_word_where_it_stands(page, address):
    page.goto(f"{address}index.html")
    box = page.locator("input[name=q]").first
    box.fill("antiderivative")
    box.press("Enter")
    found = page.locator("ul.search li a").first
    found.wait_for()
    page.wait_for_function("document.querySelector('#search-results').innerText.includes('found')")
    page.screenshot(path=lab.ARTEFACTS / "site_search.png")
    found.click()
    page.wait_for_load_state()
    assert "antiderivative" in page.locator("article").inner_text().lower()


def test_the_series_can_be_read_page_by_page(page, address):
    page.goto(f"{address}index.html")
    page.screenshot(path=lab.ARTEFACTS / "site_index.png")
    visited = []
    while (onward := page.locator("a.next-page")).count():
        onward.click()
        page.wait_for_load_state()
        visited.append(page.url.removeprefix(address).removesuffix(".html"))
        page.screenshot(path=lab.ARTEFACTS / f"site_{visited[-1]}.png")
    assert visited == [*NAMES, "claims", "runs", *(guide.name for guide in guides.found(lab.ROOT))]
    page.locator("a.prev-page").click()
    page.wait_for_url(f"{address}{visited[-2]}.html")
