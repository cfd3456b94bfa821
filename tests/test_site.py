"""The static site: what its pages hold, where their links lead, and that they need no other server."""

import base64
import html
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ipe_sr import figures
from ipe_sr.errors import InputError
from ipe_sr.series import documents, guides, pages, site
from tests.site_world import executed

OTHER_SERVER = re.compile(r"""<(?:link|script|img|iframe|source)\b[^>]*\b(?:src|href)=["'](?:https?:)?//""")
FAILURE = "01_two.ipynb, cell 2: AssertionError: [01.1] FAILS: `a*b*` is <small>: 3 < 3"
ALT = 'A square that is "quite" black, & nothing else.'
MAP = """| | notebook | what happens there |
|---|---|---|
| 00 | one (you are here) | the start |
| 01 | [two](01_two.ipynb) | what *follows* |"""
README = """# Made up

![Four squares](notebooks/readme.png)

*A caption
of two lines; see [the card](ipe_sr/weights/README.md#scores).*

## More
"""
GUIDE = """# The package

[one](../notebooks/00_one.ipynb), [source](../ipe_sr/cli.py), [`code`](cli.py), [a folder](../tests), [nobody](nowhere.md),
[the card](weights/README.md#scores), [here](#with-a-heading), [home](../README.md#more), [a paper](https://arxiv.org/abs/1)

## With a heading
"""
CARD = """# The card

![A square](square.png)

## Scores
"""


def notebook(title, *cells):
    metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
                "language_info": {"name": "python"}, "papermill": {"input_path": "a/folder/of/the/machine"},
                "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}}}}
    return new_notebook(metadata=metadata, cells=[new_markdown_cell(f"# {title}\n\nA formula, $r = 1/s$."), *cells])


def picture(pixels):
    bundle = {"image/png": base64.b64encode(figures.png(pixels)).decode(), "text/plain": "[picture]"}
    return new_output("display_data", bundle, metadata={"image/png": {"alt": ALT, "width": 40}})


def checkout(root, texts):
    """A made-up checkout: path -> text of its files, and two pictures. Returns its folder of notebooks."""
    for path, text in texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for path in ("notebooks/readme.png", "ipe_sr/weights/square.png"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(figures.png(np.zeros((40, 80, 3), np.uint8)))
    return root / "notebooks"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    widget = new_output("execute_result", {documents.WIDGET: {"model_id": "0"}, "text/plain": "[interactive: scale]"})
    claim = new_output("stream", name="stdout", text="[00.1] holds: n < 4 & so on: 3 < 4\n")
    links = new_markdown_cell("To [the second](01_two.ipynb), [the third](02_three.ipynb), [tables](experiments/tables.yaml), "
                              "[weights](../ipe_sr/weights/README.md), [a paper](https://arxiv.org/abs/1).")
    executed(folder, "00_one", notebook("00 · One", links, new_markdown_cell(MAP), new_code_cell("explorer", outputs=[widget]),
             new_code_cell("show(black)", outputs=[picture(np.zeros((40, 80, 3), np.uint8))]),
             new_code_cell("claim(n)", outputs=[claim])))
    error = new_output("error", ename="AssertionError", evalue="3 < 3", traceback=["\x1b[31mAssertionError\x1b[0m: 3 < 3"])
    failed = notebook("01 · Two", new_code_cell("assert n < 3", outputs=[error]))
    failed.cells.insert(0, new_markdown_cell("An Exception was encountered", metadata={"tags": [pages.ERROR_MARK]}))
    executed(folder, "01_two", failed, FAILURE)
    texts = {"README.md": README, "ipe_sr/README.md": GUIDE, "ipe_sr/cli.py": "", "ipe_sr/weights/README.md": CARD}
    site.build(folder, checkout(tmp_path_factory.mktemp("checkout"), texts))
    return folder


def read(folder, name):
    return (folder / site.NAME / name).read_text(encoding="utf-8")


def test_sphinx_has_nothing_to_remark(folder):
    assert (folder / "site.log").read_text(encoding="utf-8") == ""


def test_the_first_page_welcomes(folder):
    """It has the README's picture with its caption, the path with a line for each notebook, and the guides; no run times."""
    page = read(folder, "index.html")
    assert re.search(r'<img alt="Four squares" src="_images/notebooks_readme.png"', page)
    assert "A caption\nof two lines" in page and "More" not in page
    assert re.search(r'href="00_one.html">.*00 · One.*</a><br\s*/?>The start', page)
    assert re.search(r'href="01_two.html">.*01 · Two \(failed\).*</a><br\s*/?>What <em>follows</em>', page)
    assert 'href="package.html">' in page and guides.GUIDES[0].purpose in page
    assert guides.GUIDES[1].purpose not in page, "this checkout does not have the guide"
    assert "1.2&nbsp;s" not in page and "1.2&nbsp;s" in read(folder, "runs.html")
    assert '00_one.json">record' not in page and '00_one.json">record' in read(folder, "runs.html")


def test_one_page_holds_all_notebooks_for_a_printer(folder):
    """Its links lead to places on the page, pictures are in it with their alternative text, and formulas are drawn here."""
    page = read(folder, "print.html")
    assert [title in page for title in ("00 · One", "01 · Two", "[00.1] holds: n &lt; 4")] == [True] * 3
    assert html.escape(ALT, quote=True) in page or html.escape(ALT, quote=False) in page or ALT in html.unescape(page)
    assert set(re.findall(r'href="#(\w+)"', page)) == set(re.findall(r'<article id="(\w+)"', page)) == {"00_one", "01_two"}
    assert re.findall(r'href="(?!#)([^"]*)"', page) == ["https://arxiv.org/abs/1"]
    script = re.search(r'<script defer src="([^"]*)"', page)[1]
    assert (folder / site.NAME / script).is_file()
    assert "the third" in page and 'href="print.html"' in read(folder, "index.html")


def test_links_of_a_guide_lead_to_pages_or_become_text(folder):
    page = re.search(r'<article.*</article>', read(folder, "package.html"), re.DOTALL)[0]
    internal = re.findall(r'<a class="reference internal" href="([^"]*)">([^<]*)</a>', page)
    assert internal == [("00_one.html", "one"), ("weights.html#scores", "the card"), ("#with-a-heading", "here"),
                        ("index.html", "home")]
    assert 'source, <code class="docutils literal notranslate"><span class="pre">code</span></code>, a folder, nobody' in page
    assert 'href="https://arxiv.org/abs/1"' in page
    assert 'id="with-a-heading"' in page and 'id="scores"' in read(folder, "weights.html")
    assert (folder / site.NAME / "_images" / "ipe_sr_weights_square.png").is_file()


def test_pages_ask_no_other_server(folder):
    found = sorted((folder / site.NAME).glob("*.html"))
    names = ("00_one", "01_two", "claims", "runs", "index", "package", "weights", "search")
    assert {f"{name}.html" for name in names} <= {page.name for page in found}
    for page in found:
        assert not OTHER_SERVER.search(page.read_text(encoding="utf-8")), page.name
    for sheet in (folder / site.NAME / "_static").rglob("*.css"):
        assert not re.search(r"(?:@import|url\()\s*[\"']?(?:https?:)?//", sheet.read_text(encoding="utf-8")), sheet.name


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
    assert '<a class="reference internal" href="weights.html">weights</a>' in page
    assert 'href="https://arxiv.org/abs/1"' in page


def test_a_failure_stands_where_nobody_misses_it(folder):
    line = html.escape(FAILURE)
    assert all(line in read(folder, f"{name}.html") for name in ("01_two", "index", "runs"))
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
    site.build(tmp_path, tmp_path)
    for suffix in ("ipynb", "json"):
        (tmp_path / f"01_two.{suffix}").unlink()
    assert site.build(tmp_path, tmp_path) == tmp_path / "site" / "index.html"
    assert not (tmp_path / "site" / "01_two.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00_one.ipynb", "00_one.json", "site", "site.log"]


def test_relative_folders_give_the_same_site(tmp_path, monkeypatch):
    """The README's first command names its folder relatively; every page needs the script and the style sheet."""
    notebooks = checkout(tmp_path, {"README.md": README, "ipe_sr/README.md": "# The package", "ipe_sr/weights/README.md": CARD})
    (tmp_path / "out").mkdir()
    executed(tmp_path / "out", "00_one", notebook("00 · One"))
    monkeypatch.chdir(tmp_path)
    index = site.build(Path("out"), Path(notebooks.name))
    assert index == tmp_path / "out" / "site" / "index.html"
    for name in ("site.css", site.MATHJAX.name):
        assert (index.parent / "_static" / name).is_file()
    assert (index.parent / "package.html").is_file() and (index.parent / "_images" / "notebooks_readme.png").is_file()


@pytest.mark.parametrize(
    ("cell", "warning"),
    [("![A picture](nowhere.png)", "image file not readable: nowhere.png"), ("[a heading](#nowhere)", "the heading 'nowhere'")],
)
def test_a_warning_of_sphinx_fails_the_build_and_keeps_the_last_site(tmp_path, cell, warning):
    executed(tmp_path, "00_one", notebook("00 · One"))
    before = site.build(tmp_path, tmp_path).read_bytes()
    executed(tmp_path, "00_one", notebook("00 · New", new_markdown_cell(cell)))
    with pytest.raises(InputError) as caught:
        site.build(tmp_path, tmp_path)
    log = (tmp_path / "site.log").read_text(encoding="utf-8")
    assert str(caught.value).startswith(f"{tmp_path / 'site.log'}: Sphinx warned") and "\n" not in str(caught.value)
    assert warning in str(caught.value) and warning in log and "\x1b" not in log
    assert (tmp_path / "site" / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["00_one.ipynb", "00_one.json", "site", "site.log"]


def test_a_record_without_its_notebook_is_refused(tmp_path):
    executed(tmp_path, "00_one", notebook("00 · One"))
    (tmp_path / "00_one.ipynb").unlink()
    with pytest.raises(InputError, match=r"00_one\.ipynb: not a readable notebook"):
        site.build(tmp_path, tmp_path)
    assert not (tmp_path / "site").exists()


def test_a_notebook_without_a_title_is_refused(tmp_path):
    executed(tmp_path, "00_one", new_notebook(cells=[new_code_cell("1")]))
    with pytest.raises(InputError, match=r"00_one\.ipynb: does not begin with a title"):
        site.build(tmp_path, tmp_path)
