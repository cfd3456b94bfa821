"""Writes a report for pdflatex, with booktabs. The pictures are files in the same folder."""

from functools import singledispatch
from itertools import zip_longest

from ipe_sr.report.document import Block, Heading, Items, Paragraph, Picture, Table


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
    return f"% {_escaped(' '.join(block.alt.split()))}\n\\noindent\\includegraphics[width=\\linewidth]{{{block.name}.png}}"


@write.register
def _(block: Table) -> str:
    lines = []
    for row in block.rows:
        lines.append([f"\\textbf{{{_escaped(e.text)}}}" if e.strong else _escaped(e.text) for e in row])
        for below in zip_longest(*(e.below for e in row), fillvalue=""):
            lines.append([f"\\color{{gray}}\\scriptsize {_escaped(text)}" if text else "" for text in below])
    body = "\n".join(" & ".join(line) + r" \\" for line in lines)
    head = " & ".join(_escaped(text) for text in block.header) + r" \\"
    columns = "l" + "r" * (len(block.header) - 1)
    return (
        f"{{\\footnotesize\n\\begin{{longtable}}{{@{{}}{columns}@{{}}}}\n\\caption*{{{_escaped(block.caption)}}}\\\\\n"
        f"\\toprule\n{head}\n\\midrule\n\\endhead\n{body}\n\\bottomrule\n\\end{{longtable}}}}"
    )


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
