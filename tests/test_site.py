"""The static site: what its pages hold, and that they ask no other server for it."""

import base64
import html
import json
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ipe_sr import figures
from ipe_sr.errors import InputError
from ipe_sr.series import site
from tests.site_world import executed

OTHER_SERVER = re.compile(r"""<(?:link|script|img|iframe|source)\b[^>]*\b(?:src|href)=["'](?:https?:)?//""")
FAILURE = "01_two.ipynb, cell 2: AssertionError: [01.1] FAILS: `a*b*` is <small>: 3 < 3"
ALT = 'A square that is "quite" black, & nothing else.'


def notebook(title, *cells):
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"}, "papermill": {"input_path": "a/folder/of/the/machine"},
                "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}}
    return new_notebook(metadata=metadata, cells=[new_markdown_cell(f"# {title}\n\nA formula, $r = 1/s$."), *cells])


def picture(pixels):
    bundle = {"image/png": base64.b64encode(figures.png(pixels)).decode(), "text/plain": "[picture]"}
    return new_output("display_data", bundle, metadata={"image/png": {"alt": ALT, "width": 40}})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    import numpy as np

    folder = tmp_path_factory.mktemp("series")
    widget = new_output("execute_result", {site.WIDGET: {"model_id": "0"}, "text/plain": "[interactive: scale]"})
    claim = new_output("stream", name="stdout", text="[00.1] holds: n < 4 & so on: 3 < 4\n")
    links = new_markdown_cell("To [the second](01_two.ipynb), [the third](02_three.ipynb), [tables](experiments/tables.yaml), "
                              "[a paper](https://arxiv.org/abs/1).")
    executed(folder, "00_one", notebook("00 · One", links, new_code_cell("explorer", outputs=[widget]),
             new_code_cell("show(black)", outputs=[picture(np.zeros((40, 80, 3), np.uint8))]),
             new_code_cell("claim(n)", outputs=[claim])))
    error = new_output("error", ename="AssertionError", evalue="3 < 3", traceback=["\x1b[31mAssertionError\x1b[0m: 3 < 3"])
    failed = notebook("01 · Two", new_code_cell("assert n < 3", outputs=[error]))
    failed.cells.insert(0, new_markdown_cell("An Exception was encountered", metadata={"tags": [site.ERROR_MARK]}))
    executed(folder, "01_two", failed, FAILURE)
    site.build(folder)
    return folder


def read(folder, name):
    return (folder / site.NAME / name).read_text(encoding="utf-8")


def test_sphinx_has_nothing_to_remark(folder):
    assert (folder / "site.log").read_text() == ""


def test_pages_ask_no_other_server(folder):
    pages = sorted((folder / site.NAME).glob("*.html"))
    assert {"00_one.html", "01_two.html", "claims.html", "index.html", "search.html"} <= {page.name for page in pages}
    for page in pages:
        assert not OTHER_SERVER.search(page.read_text()), page.name
    for sheet in (folder / site.NAME / "_static").rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text()), sheet.name


def test_pictures_keep_alternative_text_and_width(folder):
    (shown,) = re.findall(r"<img [^>]*_images[^>]*>", read(folder, "00_one.html"))
    assert html.unescape(re.search(r'alt="([^"]*)"', shown)[1]) == ALT
    assert 'width="40"' in shown


def test_widgets_are_told_of_in_words(folder):
    page = read(folder, "00_one.html")
    assert "[interactive: scale]" in page and "vnd.jupyter.widget" not in page


def test_links_lead_to_pages_of_the_site_or_are_none(folder):
    page = read(folder, "00_one.html")
    assert '<a class="reference internal" href="01_two.html">' in page
    assert "the third, tables, <a" in page and "02_three" not in page and "tables.yaml" not in page
    assert 'href="https://arxiv.org/abs/1"' in page


def test_a_failure_stands_where_nobody_misses_it(folder):
    line = html.escape(FAILURE)
    assert line in read(folder, "01_two.html") and line in read(folder, "index.html")
    assert "01 · Two (failed)" in read(folder, "00_one.html"), "in the contents of every page"
    assert "An Exception" not in read(folder, "01_two.html"), "papermill's mark, which would take the title's place"
    assert "failed" not in read(folder, "00_one.html").replace("01 · Two (failed)", "")


def test_claims_lead_to_their_place(folder):
    assert '<a href="00_one.html#:~:text=%5B00.1%5D">00.1</a></td><td>n &lt; 4 &amp; so on</td><td>3 &lt; 4</td>' in read(
        folder, "claims.html"
    )


def test_notebook_and_record_can_be_taken_along(folder):
    page = read(folder, "00_one.html")
    assert 'href="00_one.ipynb"' in page and 'href="00_one.json"' in page
    assert "machine" not in read(folder, "00_one.ipynb"), "folders of the machine"
    nbformat.validate(nbformat.read(folder / site.NAME / "00_one.ipynb", 4))
    assert json.loads(read(folder, "00_one.json"))["preset"] == "smoke"


def test_building_again_replaces_the_site(tmp_path):
    executed(tmp_path, "00_one", notebook("00 · One"))
    executed(tmp_path, "01_two", notebook("01 · Two"))
    site.build(tmp_path)
    for suffix in ("ipynb", "json"):
        (tmp_path / f"01_two.{suffix}").unlink()
    assert site.build(tmp_path) == tmp_path / "site" / "index.html"
    assert not (tmp_path / "site" / "01_two.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00_one.ipynb", "00_one.json", "site", "site.log"]


def test_a_record_without_its_notebook_is_refused(tmp_path):
    executed(tmp_path, "00_one", notebook("00 · One"))
    (tmp_path / "00_one.ipynb").unlink()
    with pytest.raises(InputError, match=r"00_one\.ipynb: not a readable notebook"):
        site.build(tmp_path)
    assert not (tmp_path / "site").exists()
