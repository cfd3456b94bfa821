"""Writes a report in GitHub's Markdown. The pictures are files in the same folder."""

import re
from functools import singledispatch

from ipe_sr.report.document import Block, Cell, Heading, Items, Paragraph, Picture, Table


def document(blocks: list[Block]) -> str:
    """The whole report as Markdown."""
    return "\n\n".join(write(block) for block in blocks) + "\n"


@singledispatch
def write(block: Block) -> str:
    """One block as Markdown."""
    raise TypeError(f"no block: {block!r}")


@write.register
def _(block: Heading) -> str:
    return f"{'#' * block.level} {_escaped(block.text)}"


@write.register
def _(block: Paragraph) -> str:
    return _escaped(block.text)


@write.register
def _(block: Items) -> str:
    return "\n".join(f"- {_escaped(text)}" for text in block.texts)


@write.register
def _(block: Picture) -> str:
    return f"![{_escaped(block.alt)}]({block.name}.png)"


@write.register
def _(block: Table) -> str:
    def cell(entry: Cell) -> str:
        text = f"**{_escaped(entry.text)}**" if entry.strong else _escaped(entry.text)
        return "<br>".join([text, *map(_escaped, entry.below)])

    head = [[_escaped(text) for text in block.header], ["---"] * len(block.header)]
    lines = head + [[cell(entry) for entry in row] for row in block.rows]
    return f"**{_escaped(block.caption)}**\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", text)
