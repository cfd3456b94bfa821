"""All executed notebooks of a series on one page, for a printer: a browser makes a PDF of it."""

import copy
import html
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from ipe_sr.series import documents
from ipe_sr.series.pages import Page

NAME = "print.html"   # in the site's folder


def write(found: Sequence[Page], path: Path, mathjax: str) -> None:
    """Write the page.   path: of the file.   mathjax: the address of the script that draws formulas, from the page."""
    names = {page.name for page in found}
    bodies = [_body(page, names) for page in found]
    contents = "".join(f'<li><a href="#{page.name}">{html.escape(page.title)}</a></li>' for page in found)
    style = CSS + HtmlFormatter().get_style_defs(".highlight")
    text = PAGE.format(style=style, mathjax=mathjax, contents=contents, bodies="\n".join(bodies))
    path.write_text(text, encoding="utf-8")


def _body(page: Page, names: set[str]) -> str:
    """The HTML of one notebook. Links to the notebooks of these names lead to places on this page; other relative links become
    text.
    """
    notebook = copy.deepcopy(page.notebook)
    for cell in documents.code_cells(notebook):
        cell.execution_count = None
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("widgets", None)
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(nbformat.from_dict(notebook))
    body = re.sub(r'<a class="anchor-link"[^>]*>.*?</a>', "", body)
    body = re.sub(r' id="[^"]*"', "", body)   # headings of different notebooks share names
    body = re.sub(rf'href="({"|".join(sorted(names))})\.ipynb"', r'href="#\1"', body)
    body = re.sub(r'<a href="(?!https?:|#)[^"]*">(.*?)</a>', r"\1", body, flags=re.DOTALL)
    return f'<article id="{page.name}">{body}</article>'


PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A pixel is an area</title>
<style>{style}</style>
<script>MathJax = {{tex: {{inlineMath: [['$', '$'], ['\\\\(', '\\\\)']]}}, options: {{enableMenu: false}}}}</script>
<script defer src="{mathjax}"></script></head>
<body><h1>A pixel is an area</h1><ol start="0">{contents}</ol>
{bodies}
</body></html>
"""
CSS = """
@page { margin: 18mm 15mm }
body { font: 10.5pt/1.45 "DejaVu Serif", Georgia, serif; max-width: 46em; margin: 2em auto; padding: 0 1em; color: black }
h1, h2, h3 { font-family: "DejaVu Sans", Helvetica, sans-serif; line-height: 1.2; break-after: avoid }
article { break-before: page }
pre, code { font: 8.2pt/1.35 "DejaVu Sans Mono", Menlo, monospace }
pre { white-space: pre-wrap; margin: 0 }
.jp-InputArea, .input { border-left: 3px solid #0072B2; padding: .4em .7em; margin: .8em 0 .3em; background: #F6F6F6 }
.jp-InputPrompt, .jp-OutputPrompt, .prompt { display: none }
.jp-OutputArea-child, .output_area { padding-left: .8em; break-inside: avoid }
img { max-width: 100%; height: auto; break-inside: avoid }
table { border-collapse: collapse; font-size: 9pt }
td, th { border-bottom: 1px solid #BBB; padding: .2em .6em; text-align: left }
"""
