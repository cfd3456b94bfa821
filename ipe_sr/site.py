"""The executed series as a static site, for any web server: no kernel is needed to read it, and no other server is asked."""

import copy
import html
import importlib.resources
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from ipe_sr import ledger, series
from ipe_sr.errors import InputError

NAME = "site"   # the site's folder, in that of the records
MATHJAX = "tex-svg.js"   # all of MathJax that a page needs, in one file, without fonts
LINK = re.compile(r"\[([^\]]*)\]\((\w+)\.ipynb\)")
WIDGET = "application/vnd.jupyter.widget-view+json"


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
            _run_sphinx(scratch, log)
        shutil.rmtree(folder / NAME, ignore_errors=True)
        os.replace(scratch / "html", folder / NAME)
    return folder / NAME / "index.html"


def _read(path: Path) -> Page:
    """The page of a record: its notebook without widgets, which a page cannot move, and without the run's folders."""
    notebook = series.read(path.with_suffix(".ipynb"))
    for cell in series.code_cells(notebook):
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    notebook.metadata = {name: notebook.metadata[name] for name in ("kernelspec", "language_info")}
    try:
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        return Page(path.stem, title, notebook, json.loads(path.read_text(encoding="utf-8")))
    except (IndexError, ValueError):
        raise InputError(f"{path}: not a record of ipe-sr notebooks; run the notebook again") from None


def _write_sources(pages: list[Page], claims: list[ledger.Entry], scratch: Path) -> None:
    """What Sphinx reads: `source` to be made into pages, `static` and `files` to be copied."""
    for name in ("source", "static", "files"):
        (scratch / name).mkdir()
    names = {page.name for page in pages}
    for page in pages:
        nbformat.write(page.notebook, scratch / "files" / f"{page.name}.ipynb")
        (scratch / "files" / f"{page.name}.json").write_text(json.dumps(page.record, indent=1), encoding="utf-8")
        nbformat.write(_as_read(page, names), scratch / "source" / f"{page.name}.ipynb")
    (scratch / "source" / "index.md").write_text(_index(pages), encoding="utf-8")
    (scratch / "source" / "claims.md").write_text(_claims(claims), encoding="utf-8")
    (scratch / "static" / "site.css").write_text(CSS)
    mathjax = importlib.resources.files("sphinx-mathjax-offline") / "static" / "mathjax" / MATHJAX
    (scratch / "static" / MATHJAX).write_bytes(mathjax.read_bytes())


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
        failure, claims = page.record["failure"], len(page.record["claims"])
        contents.append(f"{page.title}{' (failed)' if failure else ''} <{page.name}>")
        rows.append(
            f'<tr class="{"failed" if failure else "ok"}"><td><a href="{page.name}.html">{html.escape(page.title)}</a></td>'
            f'<td>{html.escape(failure or "ok")}</td><td><a href="claims.html">{claims} claims</a></td>'
            f'<td>{page.record["seconds"]:.1f} s, {page.record["preset"]}</td><td>{_files(page.name)}</td></tr>'
        )
    table = _table(("Notebook", "State", "Claims", "Run", "Files"), rows)
    return INDEX.format(table=table, contents="\n".join(contents))


def _claims(claims: list[ledger.Entry]) -> str:
    rows = []
    for claim in claims:
        place = f"{Path(claim.where).stem}.html#:~:text={quote(f'[{claim.id}]')}"   # browsers scroll to this text
        rows.append(f'<tr class="{"failed" if claim.holds is False else "ok"}"><td><a href="{place}">{claim.id}</a></td>'
                    f"<td>{html.escape(claim.text)}</td><td>{html.escape(claim.detail)}</td><td>{claim.kind}</td></tr>")
    return CLAIMS.format(table=_table(("Claim", "What is claimed", "Value and bound", "Kind"), rows))


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    """One block of HTML, which Markdown lets through as long as no line of it is empty."""
    return "\n".join([f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>", *rows, "</table>"])


def _run_sphinx(scratch: Path, log) -> None:
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    folders = {"html_static_path": [str(scratch / "static")], "html_extra_path": [str(scratch / "files")]}
    places = [scratch / "source", None, scratch / "html", scratch / "doctrees"]   # the second: no file of settings
    with patch_docutils(), docutils_namespace():
        Sphinx(*places, "html", SETTINGS | folders, status=None, warning=log).build()


SETTINGS = {
    "project": "A pixel is an area",
    "html_title": "A pixel is an area",
    "html_theme": "furo",
    "html_theme_options": {
        "light_css_variables": {"color-brand-primary": "#0072B2", "color-brand-content": "#0072B2"},
        "dark_css_variables": {"color-brand-primary": "#56B4E9", "color-brand-content": "#56B4E9"},
    },
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_use_index": False,
    "extensions": ["myst_nb", "sphinx.ext.mathjax"],
    "mathjax_path": MATHJAX,
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

Every number of the series is a claim: computed and compared with a bound, or marked as reported by the paper only.

{table}
"""
CSS = """tr.failed td, .admonition.error { background: #D55E0022 }
.origin { border-top: 1px solid var(--color-background-border); padding-top: .8rem; font-size: .85em }
.cell_output img { background: white }
"""
