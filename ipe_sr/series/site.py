"""The executed series as a static site, for any web server: no kernel is needed to read it, and no other server is asked."""

import base64
import copy
import hashlib
import html
import importlib.resources
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from ipe_sr.errors import InputError
from ipe_sr.series import documents, ledger

NAME = "site"   # the site's folder, in that of the records
# All of MathJax that a page needs, in one file, without fonts.
MATHJAX = importlib.resources.files("sphinx-mathjax-offline") / "static" / "mathjax" / "tex-svg.js"
ERROR_MARK = "papermill-error-cell-tag"   # of cells that papermill puts into a failed notebook
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([\w./-]+\.\w+)\)")   # to a file, neither a picture nor another server's
WIDGET, PICTURE = "application/vnd.jupyter.widget-view+json", "image/png"


@dataclass(frozen=True)
class Page:
    """An executed notebook and its record.   name: of the files, without suffix.   title: its first heading."""

    name: str
    title: str
    notebook: NotebookNode
    record: dict[str, Any]


def build(folder: Path) -> Path:
    """Make `folder/site` of all the executed notebooks with records in a folder; returns the page to open.

    What Sphinx has to remark on goes to `folder/site.log`. Raises InputError for a record without its notebook.
    """
    pages = [_read(path) for path in sorted(folder.glob(ledger.SERIES))]
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        scratch = Path(scratch)
        _write_sources(pages, ledger.read(folder)[0], scratch)
        with open(folder / f"{NAME}.log", "w", encoding="utf-8") as log:
            _run_sphinx(scratch, _alternatives(pages), log)
        shutil.rmtree(folder / NAME, ignore_errors=True)
        os.replace(scratch / "html", folder / NAME)
    return folder / NAME / "index.html"


def _read(path: Path) -> Page:
    """The page of a record: its notebook without widgets, which a page cannot move, and without what papermill adds."""
    notebook = documents.read(path.with_suffix(".ipynb"))
    notebook.cells = [cell for cell in notebook.cells if ERROR_MARK not in cell.metadata.get("tags", [])]
    for cell in documents.code_cells(notebook):
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    for name in ("papermill", "widgets"):
        notebook.metadata.pop(name, None)
    try:
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        return Page(path.stem, title, notebook, json.loads(path.read_text(encoding="utf-8")))
    except (IndexError, ValueError):
        raise InputError(f"{path}: not a record of ipe-sr notebooks; run the notebook again") from None


def _write_sources(pages: list[Page], claims: list[ledger.Claim], scratch: Path) -> None:
    """What Sphinx reads: `source` to be made into pages, `static` and `files` to be copied."""
    for name in ("source", "static", "files"):
        (scratch / name).mkdir()
    names = {f"{page.name}.ipynb" for page in pages}
    for page in pages:
        nbformat.write(page.notebook, scratch / "files" / f"{page.name}.ipynb")
        (scratch / "files" / f"{page.name}.json").write_text(json.dumps(page.record, indent=1), encoding="utf-8")
        nbformat.write(_as_read(page, names), scratch / "source" / f"{page.name}.ipynb")
    (scratch / "source" / "index.md").write_text(_index(pages), encoding="utf-8")
    (scratch / "source" / "claims.md").write_text(_claims(claims), encoding="utf-8")
    (scratch / "static" / "site.css").write_text(CSS)
    (scratch / "source" / "favicon.svg").write_text(FAVICON)
    (scratch / "static" / MATHJAX.name).write_bytes(MATHJAX.read_bytes())


def _as_read(page: Page, names: set[str]) -> NotebookNode:
    """The notebook with its failure at the top, its record at the end, and links only to pages of the site."""
    notebook = copy.deepcopy(page.notebook)
    notebook.cells[1:1] = _failure(page.record)
    notebook.cells.append(_text(_origin(page)))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda link: link[0] if link[2] in names else link[1], cell.source)
    return notebook


def _failure(record: dict[str, Any]) -> list[NotebookNode]:
    if record["failure"] is None:
        return []
    return [_text('<div class="admonition error"><p class="admonition-title">This notebook failed</p>'
                  f"<p>{html.escape(record['failure'])}</p></div>")]


def _origin(page: Page) -> str:
    return (f'<p class="origin">Executed with the preset <em>{page.record["preset"]}</em> in {page.record["seconds"]:.1f} s. '
            f'{_files(page.name)}</p>')


def _files(name: str) -> str:
    return f'<a href="{name}.ipynb" download>Notebook</a>, <a href="{name}.json">record</a>'


def _text(source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source)


def _index(pages: list[Page]) -> str:
    rows, contents = [], []
    for page in pages:
        record, failure = page.record, page.record["failure"]
        contents.append(f"{page.title}{' (failed)' if failure else ''} <{page.name}>")
        rows.append(_row(
            failure is not None,
            _link(f"{page.name}.html", page.title),
            html.escape(failure or "ok"),
            _link("claims.html", str(len(record["claims"]))),
            f"{record['seconds']:.1f} s, {record['preset']}",
            _files(page.name),
        ))
    return INDEX.format(table=_table("Notebook", "State", "Claims", "Run", "Files", rows=rows), contents="\n".join(contents))


def _claims(claims: list[ledger.Claim]) -> str:
    rows = []
    for claim in claims:
        place = f"{Path(claim.where).stem}.html#:~:text={quote(f'[{claim.id}]')}"   # browsers scroll to this text
        told = (html.escape(text) for text in (claim.text, claim.detail, claim.kind))
        rows.append(_row(claim.holds is False, _link(place, claim.id), *told))
    kinds = Counter(claim.kind for claim in claims)
    table = _table("Claim", "What is claimed", "Value and bound", "Kind", rows=rows)
    return CLAIMS.format(kinds=", ".join(f"{number} {kind}" for kind, number in kinds.items()), table=table)


def _link(address: str, text: str) -> str:
    return f'<a href="{address}">{html.escape(text)}</a>'


def _row(failed: bool, *cells: str) -> str:
    return f'<tr class="{"failed" if failed else "ok"}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _table(*head: str, rows: list[str]) -> str:
    """One block of HTML, which Markdown lets through as long as no line of it is empty."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    return "\n".join(['<table class="docutils">', f"<tr>{titles}</tr>", *rows, "</table>"])


def _alternatives(pages: list[Page]) -> dict[str, str]:
    """The alternative text of each picture, by the SHA-256 of its bytes."""
    return {
        hashlib.sha256(base64.b64decode(output.data[PICTURE])).hexdigest(): output.metadata[PICTURE]["alt"]
        for page in pages for cell in documents.code_cells(page.notebook) for output in cell.outputs
        if PICTURE in output.get("data", {}) and "alt" in output.metadata.get(PICTURE, {})
    }


def _run_sphinx(scratch: Path, alternatives: dict[str, str], log: TextIO) -> None:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    folders = {"html_static_path": [str(scratch / "static")], "html_extra_path": [str(scratch / "files")]}
    places = [scratch / "source", None, scratch / "html", scratch / "doctrees"]   # the second: no file of settings
    def describe(_app: Sphinx, page: nodes.document) -> None:
        for picture in page.findall(nodes.image):   # myst-nb names them by their SHA-256, and forgets their texts
            picture["alt"] = alternatives.get(Path(picture["uri"]).stem, picture.get("alt", ""))

    with patch_docutils(), docutils_namespace():
        sphinx = Sphinx(*places, "html", SETTINGS | folders, status=None, warning=log)
        sphinx.connect("doctree-read", describe)
        sphinx.build()


SETTINGS = {
    "project": "A pixel is an area",
    "html_title": "A pixel is an area",
    "html_theme": "furo",
    "html_theme_options": {
        "light_css_variables": {"color-brand-primary": "#0072B2", "color-brand-content": "#0072B2"},
        "dark_css_variables": {"color-brand-primary": "#56B4E9", "color-brand-content": "#56B4E9"},
    },
    "html_css_files": ["site.css"],
    "html_favicon": "favicon.svg",
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_use_index": False,
    "extensions": ["myst_nb", "sphinx.ext.mathjax"],
    "mathjax_path": MATHJAX.name,
    "mathjax3_config": {"options": {"enableMenu": False}},   # the menu would load what is not here
    "myst_enable_extensions": ["dollarmath"],
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
}
INDEX = """# A pixel is an area

Arbitrary-scale super-resolution with integrated positional encoding: notebooks that check themselves, as they were executed.

{table}

```{{toctree}}
:hidden:

{contents}
claims
```
"""
CLAIMS = """# Claims

Every number of the series is a claim: computed and compared with a bound, or marked as reported by the paper only: {kinds}.

{table}
"""
FAVICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<rect width="16" height="16" fill="#0072B2"/><rect x="8" width="8" height="8" fill="#E69F00"/></svg>
"""
CSS = """@media (min-width: 67em) { .content { width: 49em; padding: 0 1.5em } }   /* Furo's 52em, with more of it for text */
body { --code-font-size: 75% }   /* so that a cell's 104 characters fit */
article th { text-align: left }
tr.failed td, .admonition.error { background: #D55E0022 }
.origin { border-top: 1px solid var(--color-background-border); padding-top: .8rem; font-size: .85em }
.cell_output img { background: white }
"""
