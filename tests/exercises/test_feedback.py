"""A page of feedback asks no server and runs no script of the student, and its formulas are drawn."""

import re

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="grading needs nbgrader: pip install 'ipe_sr[course]'")

from ipe_sr.coursework import grading
from ipe_sr.coursework.limits import Limits
from tests.browser import lab
from tests.exercises import course_world as world

ELSEWHERE = "http://127.0.0.1:9/"
NOSY = f"""from IPython.display import HTML, Math, display
display(HTML("<script>document.title = 'owned'</script><img src='{ELSEWHERE}' onerror=\\"document.title = 'owned'\\">"))
display(Math(r"\\frac{{n}}{{2}}"))
def twice(n):
    return 2 * n"""
FORMULAS = r"For $n \in \mathbb R$, $$\big(2n\big)^2 = \frac{8n^2}{2}. \tag{1}$$"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of one student, in a folder that holds only what the student gets."""
    folder = tmp_path_factory.mktemp("course")
    submission = world.answered(world.GOOD | {"01.1": NOSY})
    submission.cells.insert(1, nbformat.v4.new_markdown_cell(FORMULAS))
    (folder / "submitted/ada").mkdir(parents=True)
    nbformat.write(submission, folder / "submitted/ada" / f"{world.NAME}.ipynb")
    grading.grade([world.write_master(folder / "masters")], folder / "submitted", folder / "out", Limits(cell=30))
    (folder / "out/feedback/ada").rename(folder / "handed back")
    return folder / "handed back" / f"{world.NAME}.html"


def test_it_asks_no_server(page):
    html = page.read_text(encoding="utf-8")
    head, body = html.split("</head>")
    assert ELSEWHERE in body and "default-src 'none'" in head
    assert not re.search(r"https?://|src=\"//|@import", re.sub(r"/\*.*?\*/", "", head, flags=re.S))
    (script,) = re.findall(r'<script [^>]*src="([^"]+)"', html)
    assert (page.parent / script).stat().st_size > 1e6, "MathJax lies beside the page"


@pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())
def test_its_formulas_are_drawn_and_no_other_script_runs(page):
    with lab.browse() as tab:
        arrived = []
        tab.on("response", lambda response: arrived.append(response.url))
        tab.goto(page.as_uri())
        tab.evaluate("MathJax.startup.promise")
        assert tab.locator("mjx-container:has(svg)").count() == 3
        assert tab.locator("[data-mml-node=merror], mjx-merror").count() == 0
        assert tab.title() == world.NAME
        assert {url.split(":")[0] for url in arrived} == {"file"}
        lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
        tab.screenshot(path=lab.ARTEFACTS / "feedback.png", full_page=True)
