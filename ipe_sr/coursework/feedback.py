"""The page of feedback on a graded notebook: a table of points and sentences, then the executed notebook. Needs nbgrader.

Hidden tests stay hidden: the page shows their verdict, but neither their source nor their traceback. A copy of the file
`MATHJAX` beside the page draws the formulas. No other script runs and no server is asked, whatever the student's code printed.
"""

import functools
import hashlib
import html
import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import nbgrader
from jinja2 import DictLoader
from nbconvert.exporters import HTMLExporter
from nbconvert.preprocessors.sanitize import SanitizeHTML
from nbformat import NotebookNode
from traitlets.config import Config

from ipe_sr import files
from ipe_sr.coursework import masters, sandbox, sentences, supervisor
from ipe_sr.coursework.gradebook import Graded
from ipe_sr.coursework.limits import Limits
from ipe_sr.coursework.tables import Mark
from ipe_sr.series.mathjax import MATHJAX

TEMPLATES = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader" / "templates"
STYLES = TEMPLATES.parent / "static" / "node_modules" / "bootstrap" / "dist" / "css"
HEAD = """{%% macro mathjax() %%}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline';
 script-src 'nonce-%(once)s'; form-action 'none'; base-uri 'none'">
<script nonce="%(once)s">
MathJax = {tex: {inlineMath: [["$", "$"]], processEscapes: true}, options: {enableMenu: false}}
</script>
<script nonce="%(once)s" src="%(file)s" defer></script>
{%% endmacro %%}"""
TAGS = (   # of HTML, in outputs
    "b", "blockquote", "br", "caption", "code", "dd", "details", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "li", "ol", "p", "pre", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot",
    "th", "thead", "tr", "u", "ul",
)
OPEN = "open"


@dataclass(frozen=True)
class Page:
    """What a page of feedback is made of.   path: where it goes.   hidden: the sources of the notebook's hidden tests."""

    path: Path
    graded: Graded
    marks: list[Mark]
    hidden: list[str]

    @functools.cached_property
    def job(self) -> dict[str, Any]:
        """What the worker reads: the notebook without hidden tests, the table of points, and the resources of the template."""
        return _job(self.graded, self.marks, self.hidden)

    @functools.cached_property
    def ending(self) -> str:
        """The last line of the page, from which a later run sees that nothing has changed."""
        return f"<!-- {hashlib.sha256(json.dumps(self.job, sort_keys=True).encode()).hexdigest()} -->\n"

    def is_there(self) -> bool:
        return self.path.is_file() and self.path.read_text(encoding="utf-8").endswith(self.ending)


def write(pages: list[Page], limits: Limits, sandboxed: sandbox.Sandbox) -> Iterator[tuple[Page, str]]:
    """Write those pages that have changed, and beside them the script that draws formulas.

    A worker makes the pages. A page on which it exceeds the limits holds the points alone. Yields such pages and the reason.
    """
    due = [page for page in pages if not page.is_there()]
    while due:
        made: list[str] = []
        why = supervisor.run("render", {"pages": [page.job for page in due]}, limits.rendering, limits,
                             lambda message, made=made: made.append(str(message["page"])), sandboxed, each=True)
        for page, body in zip(due, made, strict=False):
            _store(page.path, body + page.ending)
        due = due[len(made):]
        if due:
            why = why or "the page is missing"
            _store(due[0].path, _points_alone(due[0], why))
            yield due[0], why
            due = due[1:]


def _store(path: Path, body: str) -> None:
    files.make_folder(path.parent)
    with files.replacing(path) as temporary:
        temporary.write_text(body, encoding="utf-8")
    script = path.with_name(MATHJAX.name)
    if not script.exists():   # all pages of a student share it
        with files.replacing(script) as temporary:
            temporary.write_bytes(MATHJAX.read_bytes())


def page(notebook: NotebookNode, summary: str, resources: dict[str, Any]) -> str:
    """The page as HTML, by nbgrader's template for feedback."""
    cleaner = SanitizeHTML(tags=list(TAGS), attributes={"td": ["colspan", "rowspan"], "th": ["colspan", "rowspan"]}, strip=True)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = cleaner.sanitize_code_outputs(cell.outputs)
        elif masters.metadata(cell).get("solution") or cell.metadata.get("ipe_sr"):
            cell.source = cell.source.replace("<", "< ")   # a student's text holds no HTML
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(summary))
    return _exporter().from_notebook_node(notebook, resources)[0]


def _job(graded: Graded, marks: list[Mark], hidden: list[str]) -> dict[str, Any]:
    notebook = nbformat.from_dict(graded.notebook)
    waiting = {grade.cell for grade in graded.grades if grade.points is None}
    for cell in notebook.cells:
        if masters.part_of(cell) == "hidden":
            _conceal(cell, notebook, hidden)
        elif cell.cell_type == "code":
            cell.outputs = [_shown(output, hidden) for output in cell.outputs]
        if masters.grade_id(cell) in waiting:
            cell.metadata.nbgrader["score"] = OPEN
    resources = {"nbgrader": dict(graded.resources["nbgrader"])}
    resources["nbgrader"].pop("db_url", None)
    resources["nbgrader"] |= {"score": OPEN} if waiting else {}
    return {"notebook": notebook, "summary": _summary(marks, graded.about["stopped"]), "resources": resources}


def _conceal(cell: NotebookNode, notebook: NotebookNode, hidden: list[str]) -> None:
    """Reduce a hidden test to its first line and the sentence of its failure."""
    said = sentences.error_in(cell, notebook)
    cell.source = cell.source.split("\n")[0]
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=sentences.withhold(said, hidden))] if said else []


def _shown(output: NotebookNode, hidden: list[str]) -> NotebookNode:
    """An output, or a note in its place if it repeats a hidden test."""
    texts = [*output.get("data", {}).values(), output.get("text", ""), output.get("evalue", ""), *output.get("traceback", ())]
    text = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(part for part in texts if len(part) < 200_000))
    if sentences.withhold(text, hidden) == sentences.WITHHELD:
        return nbformat.v4.new_output("stream", name="stdout", text=sentences.WITHHELD)
    return output


@functools.cache   # reading the templates takes longer than filling them
def _exporter() -> HTMLExporter:
    head = HEAD % {"once": secrets.token_urlsafe(), "file": MATHJAX.name}   # nbconvert's own template asks a server for MathJax
    return HTMLExporter(
        extra_loaders=[DictLoader({"mathjax.html.j2": head})], config=Config({"HTMLExporter": {
            "template_name": "feedback", "extra_template_basedirs": [str(TEMPLATES)], "extra_template_paths": [str(STYLES)],
        }}),
        filters={   # the template shows every score as a number
            "float": lambda value: value if value == OPEN else float(value or 0),
            "round": lambda value, digits=0: value if value == OPEN else round(value, digits),
        },
    )


def _summary(marks: list[Mark], stopped: str | None) -> str:
    """The table of points, in Markdown; above it, why the notebook was not run to its end, if so."""
    rows = [
        f"| {mark.exercise} | {_points(mark)} | {mark.of:g} | {_cell(mark.says)} |" for mark in marks
    ]
    note = f"**This notebook could not be run to its end: {_cell(stopped)}. A person decides the rest.**" if stopped else ""
    return "\n".join([note, "", "| exercise&nbsp; | points&nbsp; | of&nbsp; | |", "|---|---|---|---|", *rows])


def _points_alone(page: Page, why: str) -> str:
    """A page without the notebook, for a notebook that cannot be shown."""
    rows = "".join(
        f"<tr><td>{mark.exercise}<td>{_points(mark)}<td>{mark.of:g}<td>{html.escape(mark.says)}"
        for mark in page.marks
    )
    name = html.escape(page.path.stem)
    return (f"<!DOCTYPE html><html lang=en><meta charset=utf-8><title>{name}</title>"
            "<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            "<style>body{font:16px sans-serif;margin:2em}td,th{padding:.3em 1em;text-align:left}</style>"
            f"<h1>{name}</h1><p>The notebook itself cannot be shown here: {html.escape(why)}."
            f"<table><tr><th>exercise<th>points<th>of<th>{rows}</table></html>\n")


def _points(mark: Mark) -> str:
    return OPEN if mark.points is None else f"{mark.points:g}"


def _cell(text: str) -> str:
    """Text for a cell of a Markdown table: none of its characters is read as Markdown, HTML or a formula."""
    return re.sub(r"[&<>|`$*_\[\]\\~]", lambda match: f"&#{ord(match[0])};", text)
