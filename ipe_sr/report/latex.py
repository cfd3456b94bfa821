"""Writes a report for pdflatex, with booktabs. The pictures are files in the same folder. `floating` writes one table for the
papers of others."""

from functools import singledispatch
from itertools import zip_longest

from ipe_sr.report.document import Block, Heading, Items, Paragraph, Picture, Table

WIDE = 7   # columns
GRAPHICS = r"\includegraphics[width=\linewidth, height=0.95\textheight, keepaspectratio]"


def document(blocks: list[Block]) -> str:
    """The whole report as LaTeX."""
    return PREAMBLE + "\n\n".join(write(block) for block in blocks) + "\n\n\\end{document}\n"


@singledispatch
def write(block: Block) -> str:
    """One block as LaTeX."""
    raise TypeError(f"no block: {block!r}")


@write.register
def _(block: Heading) -> str:
    return f"\\{('section', 'section', 'subsection', 'subsubsection')[block.level - 1]}*{{{_escaped(block.text)}}}"


@write.register
def _(block: Paragraph) -> str:
    return _escaped(block.text)


@write.register
def _(block: Items) -> str:
    return "\n".join(["\\begin{itemize}", *(f"\\item {_escaped(text)}" for text in block.texts), "\\end{itemize}"])


@write.register
def _(block: Picture) -> str:
    file = f"{block.name}.{'pdf' if block.pdf else 'png'}"
    return f"% {_escaped(' '.join(block.alt.split()))}\n\\noindent{GRAPHICS}{{{file}}}"


@write.register
def _(block: Table) -> str:
    return (
        f"{{{_sizes(block)[0]}\n\\begin{{longtable}}{{@{{}}{_columns(block)}@{{}}}}\n\\caption*{{{_escaped(block.caption)}}}\\\\\n"
        f"\\toprule\n{_head(block)}\n\\midrule\n\\endhead\n{_body(block)}\n\\bottomrule\n\\end{{longtable}}}}"
    )


def floating(block: Table) -> str:
    r"""A table as a file for \input: a float with caption and the label tab:NAME. It needs the packages booktabs and xcolor."""
    return (
        f"% \\usepackage{{booktabs, xcolor}}\n\\begin{{table}}\n\\centering{_sizes(block)[0]}\n"
        f"\\caption{{{_escaped(block.caption)}}}\n\\label{{tab:{block.name}}}\n"
        f"\\begin{{tabular}}{{@{{}}{_columns(block)}@{{}}}}\n\\toprule\n{_head(block)}\n\\midrule\n{_body(block)}\n"
        f"\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
    )


def _sizes(block: Table) -> tuple[str, str]:
    """The sizes of letters in cells and in the lines below them: smaller in a table of many columns."""
    return (r"\footnotesize", r"\scriptsize") if len(block.header) <= WIDE else (r"\scriptsize", r"\tiny")


def _columns(block: Table) -> str:
    return "l" + "r" * (len(block.header) - 1)


def _head(block: Table) -> str:
    return " & ".join(_escaped(text) for text in block.header) + r" \\"


def _body(block: Table) -> str:
    lines = []
    for row in block.rows:
        lines.append([f"\\textbf{{{_escaped(e.text)}}}" if e.strong else _escaped(e.text) for e in row])
        for below in zip_longest(*(e.below for e in row), fillvalue=""):
            lines.append([f"\\color{{gray}}{_sizes(block)[1]} {_escaped(text)}" if text else "" for text in below])
    return "\n".join(" & ".join(line) + r" \\" for line in lines)


TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"$<$", ">": r"$>$", "|": r"$|$", "[": "{[}", "]": "{]}",
    "±": r"$\pm$", "−": "$-$", "×": r"$\times$", "≥": r"$\geq$", "≤": r"$\leq$", "∞": r"$\infty$", "–": "--", "’": "'",
}


def _escaped(text: str) -> str:
    return "".join(TEX.get(character, character) for character in text)


PREAMBLE = r"""\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[landscape, margin=2cm]{geometry}
\usepackage{booktabs, caption, graphicx, longtable, xcolor}
\setlength{\LTcapwidth}{\linewidth}
\setlength{\tabcolsep}{4pt}
\begin{document}

"""
