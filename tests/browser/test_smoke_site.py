"""The pages that the README's first command leaves, opened as files in a browser, as the command tells the reader."""

from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from ipe_sr.series import guides
from tests import smoke_run
from tests.browser import lab

LACKS = lab.missing() or smoke_run.missing()
pytestmark = pytest.mark.skipif(bool(LACKS), reason=LACKS)

SITE = smoke_run.FOLDER / "site"
PAGES = sorted(path.name for path in SITE.glob("*.html"))
# The addresses of a page's links and pictures, and the places in it that a link may lead to.
ADDRESSES = "[...document.querySelectorAll('a[href], img[src]')].map(node => node.href || node.src)"
PLACES = "[...document.querySelectorAll('[id]')].map(node => node.id)"


class Seen(NamedTuple):
    """errors: what went wrong.   drawn: formulas that were drawn.   addresses, places: see above."""

    errors: list[str]
    formulas: int
    drawn: int
    addresses: list[str]
    places: list[str]


@pytest.fixture(scope="module")
def page():
    with lab.browse() as page:
        page.on("requestfailed", lambda request: page.errors.append(f"{request.url} is missing"))
        yield page


@pytest.fixture(scope="module")
def seen(page):
    """Every page of the site, by its name."""
    found = {}
    for name in PAGES:
        page.errors.clear()
        page.goto((SITE / name).as_uri())
        page.evaluate("window.MathJax?.startup?.promise")
        drawn = page.locator(".math mjx-container:has(svg)").count()
        formulas, addresses, places = page.locator(".math").count(), page.evaluate(ADDRESSES), page.evaluate(PLACES)
        found[name] = Seen(list(page.errors), formulas, drawn, addresses, places)
    page.goto((SITE / "index.html").as_uri())
    lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=lab.ARTEFACTS / "smoke_index.png", full_page=True)
    return found


def test_there_is_a_page_for_each_notebook_and_guide():
    names = ["index", "claims", "runs", "search"]
    names += [path.stem for path in smoke_run.NOTEBOOKS] + [guide.name for guide in guides.GUIDES]
    assert {f"{name}.html" for name in names} <= set(PAGES)


def test_nothing_goes_wrong_on_any_page(seen):
    """No file is missing, and no script reports an error."""
    assert {name: shown.errors for name, shown in seen.items() if shown.errors} == {}


def test_every_formula_is_drawn(seen):
    assert [name for name, shown in seen.items() if shown.formulas != shown.drawn] == []
    assert all(seen[f"{path.stem}.html"].drawn > 0 for path in smoke_run.NOTEBOOKS)


def test_no_link_is_dead(seen):
    """A link within the site leads to a file of the site, and to a place that exists in it.

    A link with a text fragment (`#:~:text=`) names no place: the browser looks for the text.
    """
    dead = []
    for name, shown in seen.items():
        for address in shown.addresses:
            if urlsplit(address).scheme != "file":
                continue
            path, place = urldefrag(address)
            target = unquote(urlsplit(path).path).removeprefix(f"{SITE}/")
            exists = (SITE / target).is_file()
            if not exists or (place and not place.startswith(":~:") and unquote(place) not in seen[target].places):
                dead.append((name, address))
    assert dead == []


def test_search_works_without_a_server(page):
    page.errors.clear()
    page.goto((SITE / "index.html").as_uri())
    box = page.locator("input[name=q]").first
    box.fill("antiderivative")
    box.press("Enter")
    page.locator("ul.search li a").first.wait_for()
    page.wait_for_function("document.querySelector('#search-results').innerText.includes('found')")
    assert page.errors == []
