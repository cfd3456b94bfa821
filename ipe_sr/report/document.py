"""A report as data: blocks of plain text, which `markdown`, `web` and `latex` write down."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    text: str


@dataclass(frozen=True)
class Items:
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.   below: more lines, smaller; "" leaves one free.   strong: stands out.   bad: failed or missing."""

    text: str
    below: tuple[str, ...] = ()
    strong: bool = False
    bad: bool = False


@dataclass(frozen=True)
class Table:
    """header: one text for each column.   rows: as many entries each."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Picture:
    """name: of the file, NAME.png.   alt: what is to be seen."""

    name: str
    png: bytes
    alt: str


Block = Heading | Paragraph | Items | Table | Picture
