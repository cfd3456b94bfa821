"""The three formats of a report: each escapes what is special in it."""

import html.parser
import re

from ipe_sr.report import latex, markdown, web
from ipe_sr.report.document import Cell, Heading, Items, Paragraph, Picture, Table

HARD = r"50% of a_b & {c} #1 $x^2$ ~ \ <b> | [d] − × ±"
BLOCKS = [
    Heading(HARD, 1), Paragraph(HARD), Items((HARD,)), Picture("name", b"\x89PNG" + bytes(30), f"it's \"{HARD}\"", b"%PDF"),
    Table(HARD, (HARD, "x2"), ((Cell(HARD), Cell("1.00", (HARD, ""), strong=True, bad=True)),)),
]


def test_html_is_escaped_and_needs_no_other_file():
    class Reader(html.parser.HTMLParser):
        tags, words, alts = (), "", ()

        def handle_starttag(self, tag, attributes):
            self.tags += (tag,)
            self.alts += tuple(value for name, value in attributes if name == "alt")

        def handle_data(self, data):
            self.words += data

    page, reader = web.document(BLOCKS), Reader()
    reader.feed(page)
    assert reader.words.count(HARD) == 8 and reader.alts == (f"it's \"{HARD}\"",)
    assert "b" not in reader.tags
    assert not re.search(r"https?://|<script|<link", page) and "src='data:image/png;base64," in page


def test_latex_is_escaped():
    text = latex.document(BLOCKS)
    body = text[text.index(r"\begin{document}"):]
    assert r"50\% of a\_b \& \{c\} \#1 \$x\textasciicircum{}2\$ \textasciitilde{} \textbackslash{} $<$b$>$" in body
    assert all(ord(character) < 128 for character in body)
    assert body.count("{") - body.count(r"\{") == body.count("}") - body.count(r"\}")
    for word in (r"\toprule", r"\midrule", r"\bottomrule", r"\includegraphics", r"\textbf{1.00}"):
        assert word in body


def test_markdown_is_escaped():
    text = markdown.document(BLOCKS)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {3}
    assert r"\<b\>" in text and "<b>" not in text
