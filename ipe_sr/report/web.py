"""Writes a report as one HTML page that contains its pictures."""

import base64
import html
from functools import singledispatch

from ipe_sr.figures import shown_width
from ipe_sr.report.document import Block, Cell, Heading, Items, Paragraph, Picture, Table


def document(blocks: list[Block]) -> str:
    """The whole report as HTML."""
    title = next(block.text for block in blocks if isinstance(block, Heading))
    return PAGE.replace("TITLE", html.escape(title)).replace("BODY", "\n".join(write(block) for block in blocks))


@singledispatch
def write(block: Block) -> str:
    """One block as HTML."""
    raise TypeError(f"no block: {block!r}")


@write.register
def _(block: Heading) -> str:
    return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"


@write.register
def _(block: Paragraph) -> str:
    return f"<p>{html.escape(block.text)}</p>"


@write.register
def _(block: Items) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in block.texts) + "</ul>"


@write.register
def _(block: Picture) -> str:
    data = base64.b64encode(block.png).decode()
    return f"<img src='data:image/png;base64,{data}' width='{shown_width(block.png)}' alt='{html.escape(block.alt)}'>"


@write.register
def _(block: Table) -> str:
    def cell(entry: Cell, tag: str) -> str:
        text = html.escape(entry.text)
        text = f"<strong>{text}</strong>" if entry.strong else text
        below = "".join(f"<small>{html.escape(line) or '&nbsp;'}</small>" for line in entry.below)
        scope, bad = " scope='row'" if tag == "th" else "", " class='bad'" if entry.bad else ""
        return f"<{tag}{scope}{bad}>{text}{below}</{tag}>"

    head = "".join(f"<th scope='col'>{html.escape(text)}</th>" for text in block.header)
    body = "\n".join(f"<tr>{cell(row[0], 'th')}{''.join(cell(e, 'td') for e in row[1:])}</tr>" for row in block.rows)
    return (
        f"<div class='wide' tabindex='0'><table><caption>{html.escape(block.caption)}</caption>\n"
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>TITLE</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
p, ul { max-width: 48rem }
h2 { margin-top: 3rem; border-top: 1px solid #ccc; padding-top: 1.5rem } h3 { margin-top: 2rem }
.wide { overflow-x: auto; margin: 1rem 0 }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums }
caption { text-align: left; max-width: min(48rem, 92vw); font-weight: 600; padding: .5rem 0 }
td, th { padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top; text-align: right; white-space: nowrap }
th { font-weight: 500 } th:first-child { text-align: left; padding-left: 0 }
thead th { border-bottom: 2px solid #888; min-width: 4.5rem; white-space: normal; vertical-align: bottom }
td small, th small { display: block; color: #595959 }
.bad { background: #fbe9e0 } img { display: block; max-width: 100%; height: auto; margin: 1rem 0 }
</style>
<body>
BODY
</body></html>
"""
