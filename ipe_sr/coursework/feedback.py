"""The page of feedback on a graded notebook: a table of points and sentences, then the executed notebook. Needs nbgrader.

Hidden tests stay hidden: the page shows their verdict, but neither their source nor their traceback. A copy of the file
`MATHJAX` beside the page draws the formulas. No other script runs and no server is asked, whatever the student's code printed.
"""

import copy
import functools
import secrets
from pathlib import Path

import nbformat
import nbgrader
from jinja2 import DictLoader
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from traitlets.config import Config

from ipe_sr import files
from ipe_sr.coursework import masters, student_kernel
from ipe_sr.coursework.gradebook import Graded
from ipe_sr.coursework.tables import Mark
from ipe_sr.series.mathjax import MATHJAX

TEMPLATES = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
STYLES = TEMPLATES.parent / "static" / "node_modules" / "bootstrap" / "dist" / "css"
HEAD = """{%% macro mathjax() %%}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline';
 script-src 'nonce-%(once)s'; form-action 'none'">
<script nonce="%(once)s">
MathJax = {tex: {inlineMath: [["$", "$"]], processEscapes: true}, options: {enableMenu: false}}
</script>
<script nonce="%(once)s" src="%(file)s" defer></script>
{%% endmacro %%}"""


def write(path: Path, graded: Graded, marks: list[Mark]) -> None:
    """Write the page of a graded notebook, and beside it the script that draws formulas, unless it is there."""
    files.make_folder(path.parent)
    with files.replacing(path) as temporary:
        temporary.write_text(page(graded, marks), encoding="utf-8")
    script = path.with_name(MATHJAX.name)
    if not script.exists():   # all pages of a student share it
        with files.replacing(script) as temporary:
            temporary.write_bytes(MATHJAX.read_bytes())


def page(graded: Graded, marks: list[Mark]) -> str:
    """The page as HTML, by nbgrader's template for feedback."""
    notebook = copy.deepcopy(graded.executed)
    for cell in notebook.cells:
        if masters.part_of(cell) == "hidden":
            conceal(cell)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(_summary(marks, graded.stopped)))
    return _exporter().from_notebook_node(notebook, graded.resources)[0]


def conceal(cell: NotebookNode) -> None:
    """Reduce a hidden test to its first line and the sentence of its failure."""
    said = student_kernel.error_in(cell)
    cell.source = cell.source.split("\n")[0]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=said)] if said else []


@functools.cache   # reading the templates takes longer than filling them
def _exporter() -> HTMLExporter:
    head = HEAD % {"once": secrets.token_urlsafe(), "file": MATHJAX.name}   # nbconvert's own template asks a server for MathJax
    return HTMLExporter(extra_loaders=[DictLoader({"mathjax.html.j2": head})], config=Config({"HTMLExporter": {
        "template_name": "feedback", "extra_template_basedirs": [str(TEMPLATES)], "extra_template_paths": [str(STYLES)],
    }}))


def _summary(marks: list[Mark], stopped: str | None) -> str:
    """The table of points, in Markdown; above it, why the notebook was not run to its end, if so."""
    rows = [
        f"| {mark.exercise} | {'' if mark.points is None else f'{mark.points:g}'} | {mark.of:g} | {_cell(mark.says)} |"
        for mark in marks
    ]
    note = f"**This notebook could not be run to its end: {_cell(stopped)}. A person decides the rest.**" if stopped else ""
    return "\n".join([note, "", "| exercise | points | of | |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table: none of its characters is read as Markdown, HTML or a formula."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;").replace("`", "&#96;").replace("$", "&#36;")
