"""A report as data: blocks of plain text. `markdown`, `web` and `latex` each write them in one format."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    """level: 1 for the report's title, 2 for a sweep, 3 for a section."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Items:
    """A list with a bullet for each text."""

    texts: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.   below: further lines in small print; "" is an empty line.   strong: printed in bold.
    bad: marked, because runs failed or are missing."""

    text: str
    below: tuple[str, ...] = ()
    strong: bool = False
    bad: bool = False


@dataclass(frozen=True)
class Table:
    """header: one text for each column.   rows: one cell for each column.   name: of its own LaTeX file, NAME.tex, and of
    its label there, tab:NAME; without a name there is no such file."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    name: str = ""


@dataclass(frozen=True)
class Picture:
    """name: the files are NAME.png and NAME.pdf, the same as pixels and as lines.   alt: a text that describes the picture.
    pdf: None for a picture that has no lines, such as a photograph."""

    name: str
    png: bytes
    alt: str
    pdf: bytes | None = None


Block = Heading | Paragraph | Items | Table | Picture
