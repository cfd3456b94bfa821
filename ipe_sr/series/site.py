"""The executed series and the guides as a static site. It needs no web server and no kernel, and asks no other server."""

import base64
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

from ipe_sr import files
from ipe_sr.errors import InputError
from ipe_sr.series import documents, guides, ledger, pages, printable
from ipe_sr.series.mathjax import MATHJAX
from ipe_sr.series.pages import Page

NAME = "site"   # of the site's folder, inside the folder of the records
PNG = "image/png"
COLOUR = re.compile(r"\x1b\[[\d;]*m")   # Sphinx colours its warnings, also in a file


def build(folder: Path, notebooks: Path) -> Path:
    """Make the site of all executed notebooks that have a record, and of the guides of their checkout.

    folder: of the records; the site becomes `folder/site`, and what Sphinx says `folder/site.log`.
    notebooks: the folder `notebooks` of a checkout. The guides stand beside it, where they exist.
    Returns the page to open. Raises InputError for a damaged record, a missing notebook, and if Sphinx warns; the site of
    an earlier run then stays as it was.
    """
    folder, checkout = folder.resolve(), notebooks.resolve().parent   # Sphinx takes relative folders from another place
    found = [pages.read(record) for record in ledger.records(folder)]
    carried = guides.found(checkout)
    sources = {pages.WELCOME: guides.README} | {guide.name: guide.path for guide in carried}
    sources |= {page.name: f"{notebooks.resolve().name}/{page.name}.ipynb" for page in found}
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        scratch = Path(scratch)
        _write_sources(scratch, found, carried, sources, checkout)
        warnings = _run_sphinx(scratch, sources, checkout, _alternatives(found))
        _check(warnings, folder / f"{NAME}.log")
        printable.write(found, scratch / "html" / printable.NAME, f"_static/{MATHJAX.name}")
        shutil.rmtree(folder / NAME, ignore_errors=True)
        os.replace(scratch / "html", folder / NAME)
    return folder / NAME / "index.html"


def _write_sources(
    scratch: Path, found: list[Page], carried: list[guides.Guide], sources: Mapping[str, str], checkout: Path
) -> None:
    """What Sphinx reads: pages in `source`; files to be copied in `static` and `files`."""
    for name in ("source", "static", "files"):
        (scratch / name).mkdir()
    readme = checkout / guides.README
    welcome = pages.welcome(found, carried, sources, readme.read_text(encoding="utf-8") if readme.is_file() else "")
    texts = {
        f"source/{pages.WELCOME}.md": welcome,
        "source/claims.md": pages.claims([claim for page in found for claim in page.record.claims]),
        "source/runs.md": pages.runs(found),
        "source/favicon.svg": FAVICON,
        "static/site.css": CSS,
    }
    for name, text in texts.items():
        (scratch / name).write_text(text, encoding="utf-8")
    for page in found:
        nbformat.write(page.notebook, scratch / "files" / f"{page.name}.ipynb")
        nbformat.write(pages.notebook(page), scratch / "source" / f"{page.name}.ipynb")
        shutil.copy(page.record.path, scratch / "files")
    for guide in carried:
        shutil.copy(checkout / guide.path, scratch / "source" / f"{guide.name}.md")
    (scratch / "static" / MATHJAX.name).write_bytes(MATHJAX.read_bytes())


def _alternatives(found: list[Page]) -> dict[str, str]:
    """The alternative text of each picture, by the SHA-256 of its bytes."""
    return {
        hashlib.sha256(base64.b64decode(output.data[PNG])).hexdigest(): output.metadata[PNG]["alt"]
        for page in found for cell in documents.code_cells(page.notebook) for output in cell.outputs
        if PNG in output.get("data", {}) and "alt" in output.metadata.get(PNG, {})
    }


def _run_sphinx(scratch: Path, sources: Mapping[str, str], checkout: Path, alternatives: Mapping[str, str]) -> str:
    """Make the pages in `scratch/html`; returns Sphinx's warnings."""
    settings = SETTINGS | {"html_static_path": [str(scratch / "static")], "html_extra_path": [str(scratch / "files")]}
    source, output, cache = (scratch / name for name in ("source", "html", "doctrees"))

    def describe(_app: Sphinx, document: nodes.document) -> None:
        for picture in document.findall(nodes.image):   # myst-nb names a picture by its SHA-256, and drops its text
            picture["alt"] = alternatives.get(Path(picture["uri"]).stem, picture.get("alt", ""))

    warnings = io.StringIO()
    with patch_docutils(), docutils_namespace():
        sphinx = Sphinx(source, None, output, cache, "html", settings, status=None, warning=warnings)
        sphinx.connect("doctree-read", describe)
        guides.connect(sphinx, checkout, sources)
        sphinx.build()
    return COLOUR.sub("", warnings.getvalue())


def _check(warnings: str, log: Path) -> None:
    """Write Sphinx's warnings to a log. Raises InputError if there are any, because a page may then be broken.

    No warning is excluded: with the versions in `constraints.txt`, the libraries themselves cause none.
    """
    with files.replacing(log) as temporary:
        temporary.write_text(warnings, encoding="utf-8")
    if warnings:
        first = re.sub(r".*/(?=source/)", "", warnings.splitlines()[0])   # without the folder, which no longer exists
        raise InputError(f"{log}: Sphinx warned, so no site was made; mend what the log says, first of all: {first}")


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
    "html_show_search_summary": False,   # a page that was opened from a file must not fetch the others
    "extensions": ["myst_nb", "sphinx.ext.mathjax"],
    "mathjax_path": MATHJAX.name,
    "mathjax3_config": {"options": {"enableMenu": False}},   # the menu would load files that are not here
    "myst_enable_extensions": ["dollarmath"],
    "myst_all_links_external": True,   # `guides` translates links
    "myst_heading_anchors": 6,         # GitHub lets a link lead to any heading
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
}
FAVICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">
<rect width="16" height="16" fill="#0072B2"/><rect x="8" width="8" height="8" fill="#E69F00"/></svg>
"""
CSS = """@media (min-width: 67em) { .content { width: 49em; padding: 0 1.5em } }   /* Furo's 52em, with more of it for text */
body { --code-font-size: 75% }   /* so that a cell's 104 characters fit */
article th { text-align: left }
article table.docutils td, article table.docutils th { padding: .25rem .5rem }
article p > img { max-width: 100% }
tr.failed td, .admonition.error { background: #D55E0022 }
.origin { border-top: 1px solid var(--color-background-border); padding-top: .8rem; font-size: .85em }
.cell_output img { background: white }
"""
