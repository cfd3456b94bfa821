"""What stands on the pages of the site: each executed notebook, the welcome, the claims, and the runs with their records.

A page is written as Markdown, or as a notebook whose prose is Markdown. Sphinx makes HTML of it.
"""

import copy
import html
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import nbformat
from nbformat import NotebookNode

from ipe_sr.errors import InputError
from ipe_sr.series import documents
from ipe_sr.series.guides import Guide
from ipe_sr.series.ledger import Claim, Record

ERROR_MARK = "papermill-error-cell-tag"   # the tag of the cells that papermill inserts into a failed notebook
MAP = re.compile(r"^\| (\d\d) \|.*\| (.+) \|$", re.MULTILINE)   # a row of the map of the series: number, notebook, purpose
# A picture in Markdown and, below it, its caption in italics.
PICTURE = re.compile(r"^!\[[^\]]*\]\([\w/.]+\)\n(?:\n\*.+?\*\n(?=\n))?", re.MULTILINE | re.DOTALL)
WELCOME = "index"   # the name of the first page


@dataclass(frozen=True)
class Page:
    """An executed notebook.   name: of its files, without suffix.   title: its first heading.   record: of its run."""

    name: str
    title: str
    notebook: NotebookNode
    record: Record

    @property
    def listed(self) -> str:
        """The title, as the contents of every page list it."""
        return f"{self.title}{' (failed)' if self.record.failure else ''}"


def read(record: Record) -> Page:
    """The page of a record, without references to widgets, without metadata of the run, and without papermill's own cells.

    Raises InputError if the notebook is missing or damaged, or does not begin with a title.
    """
    path = record.path.with_suffix(".ipynb")
    notebook = documents.read(path)
    notebook.cells = [cell for cell in notebook.cells if ERROR_MARK not in cell.metadata.get("tags", [])]
    for cell in documents.code_cells(notebook):
        for output in cell.get("outputs", []):
            documents.remove_widget(output)
    for name in ("papermill", "widgets"):
        notebook.metadata.pop(name, None)
    if not (notebook.cells and notebook.cells[0].source.startswith("# ")):
        raise InputError(f"{path}: does not begin with a title, a line '# TITLE'")
    return Page(path.stem, notebook.cells[0].source.splitlines()[0].removeprefix("# "), notebook, record)


def notebook(page: Page) -> NotebookNode:
    """The notebook as its page shows it: below the title its failure, if it failed; at the end a link to its record."""
    shown = copy.deepcopy(page.notebook)
    if page.record.failure:
        shown.cells.insert(1, nbformat.v4.new_markdown_cell(_failed("This notebook failed", page.record.failure)))
    run = f"Executed with the preset <em>{page.record.preset}</em> in {page.record.seconds:.1f} s."
    shown.cells.append(nbformat.v4.new_markdown_cell(f'<p class="origin">{run} {_files(page.name)}</p>'))
    return shown


def welcome(pages: list[Page], guides: list[Guide], sources: Mapping[str, str], readme: str) -> str:
    """The first page: what this is, the picture, how to read, the path through the notebooks, and the guides.

    The map of the series, a table in its first notebook, says in one line what each notebook is for.
    sources: name of a page -> path of its file, from the folder of README.md.
    readme: the text of README.md, whose first picture is taken, with its caption; empty for none.
    """
    picture = PICTURE.search(readme)
    failures = [page.record.failure for page in pages if page.record.failure]
    purposes = dict(row for page in pages[:1] for cell in page.notebook.cells for row in MAP.findall(cell.source))
    return FIRST_PAGE.format(
        picture=picture[0] if picture else "",
        failures=_failed(f"{len(failures)} of {len(pages)} notebooks failed", *failures) if failures else "",
        preset=" and ".join(sorted({page.record.preset for page in pages})),
        claims=sum(len(page.record.claims) for page in pages),
        path="\n".join(_listed(page.listed, sources[page.name], purposes.get(page.name[:2], "")) for page in pages),
        guides="\n".join(["## The guides\n"] * bool(guides) + [
            _listed(guide.title, sources[guide.name], guide.purpose) for guide in guides
        ]),
        contents="\n\n".join([
            _contents("The series", [f"{page.listed} <{page.name}>" for page in pages]),
            _contents("What was computed", ["claims", "runs"]),
            _contents("Guides", [f"{guide.title} <{guide.name}>" for guide in guides]),
        ]),
    )


def claims(found: list[Claim]) -> str:
    """The page of all claims. Each links to the line that the notebook printed."""
    rows = []
    for claim in found:
        place = f"{Path(claim.where).stem}.html#:~:text={quote(f'[{claim.id}]')}"   # a browser scrolls to this text
        told = (html.escape(text) for text in (claim.text, claim.detail, claim.kind))
        rows.append(_row(claim.holds is False, _link(place, claim.id), *told))
    kinds = Counter(claim.kind for claim in found)
    table = _table("Claim", "What is claimed", "Value and bound", "Kind", rows=rows)
    return CLAIMS.format(kinds=", ".join(f"{number} {kind}" for kind, number in kinds.items()), table=table)


def runs(pages: list[Page]) -> str:
    """The page of all runs: how each ended, how long it took, and its files."""
    rows = []
    for page in pages:
        cells = (
            _link(f"{page.name}.html", page.title),
            html.escape(page.record.failure or "ok"),
            _link("claims.html", str(len(page.record.claims))),
            f"{page.record.seconds:.1f}&nbsp;s",
            html.escape(page.record.preset),
            _files(page.name),
        )
        rows.append(_row(page.record.failure is not None, *cells))
    return RUNS.format(table=_table("Notebook", "State", "Claims", "Time", "Preset", "Files", rows=rows))


def _listed(title: str, path: str, purpose: str) -> str:
    """An item of a list: a link to a file of the repository, which has a page, and one line below it."""
    return f"- [{title}]({path})" + (f"<br>{purpose[0].upper()}{purpose[1:]}" if purpose else "")


def _contents(caption: str, entries: list[str]) -> str:
    return "\n".join(["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```"])


def _failed(title: str, *lines: str) -> str:
    told = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
    return f'<div class="admonition error"><p class="admonition-title">{title}</p>{told}</div>'


def _files(name: str) -> str:
    return f'<a href="{name}.ipynb" download>Notebook</a>, <a href="{name}.json">record</a>'


def _link(address: str, text: str) -> str:
    return f'<a href="{address}">{html.escape(text)}</a>'


def _row(failed: bool, *cells: str) -> str:
    return f'<tr class="{"failed" if failed else "ok"}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _table(*head: str, rows: list[str]) -> str:
    """One block of HTML. Markdown keeps it as it is, because no line of it is empty."""
    titles = "".join(f"<th>{title}</th>" for title in head)
    return "\n".join(['<table class="docutils">', f"<tr>{titles}</tr>", *rows, "</table>"])


FIRST_PAGE = """# A pixel is an area

Super-resolution networks that work at any scale usually know only the *centre* of a pixel. But a pixel is a small square, and
its colour is the mean over that square. *Integrated positional encoding* describes the whole square to the network, in closed
form (Liu, Guo and Zhang, [arXiv 2112.05756](https://arxiv.org/abs/2112.05756)). These notebooks derive the encoding, build the
network around it, train and evaluate it, and say what could not be reproduced.

{picture}

{failures}

## How to read

- **Start with the first notebook** and read in order. The link at the foot of a page leads to the next one. The search field
  in the sidebar searches all pages.
- **Predict first.** Before an experiment, decide what you expect. Each notebook also breaks something on purpose.
- **Trust no number that is only stated.** What a notebook concludes from is a *claim*: computed, compared with a bound, and
  printed with its id. There are {{doc}}`{claims} claims <claims>`.
- **Move the sliders.** These pages show the notebooks as they were executed (preset *{preset}*, see
  {{doc}}`runs and records <runs>`). Their sliders stand still. `jupyter lab notebooks` opens notebooks with sliders that move.
- **Print it.** <a href="print.html">One page</a> holds all notebooks; a browser prints it, or makes a PDF of it.

## The path

{path}

{guides}

{contents}
"""
CLAIMS = """# Claims

What the series concludes from is a claim. Most claims are computed and compared with a bound. Some are only reported by the
paper. There are {kinds}.

{table}
"""
RUNS = """# Runs and records

Each notebook was executed in a process of its own. Its record holds the parameters, the versions of packages, the machine, the
checksums of the data, and the claims.

{table}
"""
