"""The page of feedback on a graded notebook: points and sentences on top, then what was run. Needs nbgrader.

Hidden tests stay hidden: of their cells it shows the verdict alone, not the source or the traceback. Formulas are drawn by
the file `MATHJAX`, which lies beside the page. No other script runs and no server is asked, whatever the student put out.
"""

import functools
import secrets
from pathlib import Path

import nbformat
import nbgrader
from jinja2 import DictLoader
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbgrader.preprocessors import GetGrades
from traitlets.config import Config

from ipe_sr.coursework import masters, student_kernel
from ipe_sr.coursework.gradebook import Course
from ipe_sr.coursework.tables import Mark
from ipe_sr.series.site import MATHJAX

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


def page(course: Course, student: str, name: str, marks: list[Mark]) -> str:
    """HTML by nbgrader's template for feedback."""
    notebook = course.executed(student, name)
    notebook, resources = GetGrades().preprocess(notebook, course.resources(student, name))
    for cell in notebook.cells:
        if masters.part_of(cell) == "hidden":
            conceal(cell)
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(_summary(marks, notebook.metadata.ipe_sr.stopped)))
    return _exporter().from_notebook_node(notebook, resources)[0]


def conceal(cell: NotebookNode) -> None:
    """Leave of a hidden test its first line and what it says."""
    said = student_kernel.error_in(cell)
    cell.source = cell.source.split("\n")[0]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=said)] if said else []


@functools.cache   # its templates take longer to read than to fill
def _exporter() -> HTMLExporter:
    head = HEAD % {"once": secrets.token_urlsafe(), "file": MATHJAX.name}   # in place of one that asks a server for MathJax
    return HTMLExporter(extra_loaders=[DictLoader({"mathjax.html.j2": head})], config=Config({"HTMLExporter": {
        "template_name": "feedback", "extra_template_basedirs": [str(TEMPLATES)], "extra_template_paths": [str(STYLES)],
    }}))


def _summary(marks: list[Mark], stopped: str | None) -> str:
    rows = [
        f"| {mark.exercise} | {'' if mark.points is None else f'{mark.points:g}'} | {mark.of:g} | {_cell(mark.says)} |"
        for mark in marks
    ]
    note = f"**It could not be run to its end: {_cell(stopped)}. A person decides about the rest.**" if stopped else ""
    return "\n".join([note, "", "| exercise | points | of | |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    """Text that stays text in a table of Markdown."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;").replace("`", "&#96;").replace("$", "&#36;")
