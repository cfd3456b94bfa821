"""Reports: from run records to tables next to the paper's, comparisons, pictures and the ledger of claims."""

from pathlib import Path

from ipe_sr.claims import KINDS
from ipe_sr.files import make_folder, replacing
from ipe_sr.report import (
    comparisons,
    evidence,
    latex,
    learning,
    markdown,
    paper,
    plots,
    prose,
    results,
    tables,
    verdicts,
    web,
)
from ipe_sr.report.document import Block, Heading, Items, Paragraph, Picture, Table
from ipe_sr.report.evidence import Evidence
from ipe_sr.report.results import Section
from ipe_sr.series import ledger

WRITERS = {"html": web.document, "md": markdown.document, "tex": latex.document}


def build(folder: Path, series: Path, source: Path | None = None) -> list[Block]:
    """The report on the sweeps below a folder.

    series: the folder with the executed notebook series, for its claims.   source: the folder of `tables.yaml` and
    `evidence.yaml`; by default what `results.experiments` finds. Raises InputError if the folder holds no runs, if a record is
    damaged, if two records contradict each other, if the runs of one table were made by different code, if two claims share an
    id, and if `evidence.yaml` is not as it should be.
    """
    source = source or results.experiments(folder)
    sweeps, asked = results.sweeps(folder, source), evidence.read(source) if source else None
    sections = [results.sections(sweep) for sweep in sweeps]
    claims, failures = ledger.read(series)
    stated = [claim for some in sections for section in some for claim in comparisons.claims(section)]
    kinds = ledger.by_kind([*claims, *stated])   # refuses bad claims before the long work
    blocks: list[Block] = [
        Heading("Sweeps of ipe_sr beside the paper's tables", 1),
        Paragraph(
            f"Numbers named \"paper\" are those of {paper.SOURCE}. There, \"(ours)\" marks the authors' own methods. All other "
            "numbers were computed from run records."
        ),
        Items(tuple(f"{prose.title(sweep)}: {prose.counts(sweep)}" for sweep in sweeps)),
    ]
    for sweep, some in zip(sweeps, sections, strict=True):
        blocks.append(Heading(prose.title(sweep)))
        if text := prose.other_code(sweep):
            blocks.append(Paragraph(text))
        mine = asked if asked and (sweep.table, sweep.params) == (asked.table, asked.params) else None
        blocks += _verdicts(sweep, mine) if mine else []
        blocks += [block for section in some for block in _section(section, mine)]
        blocks += [Heading("Where the numbers come from", 3), Items(prose.where_from(sweep))]
    return blocks + _ledger(kinds, failures, prose.origin(series, len(claims)))


def write(blocks: list[Block], folder: Path) -> Path:
    """Writes report.html, report.md, report.tex, each picture as PNG and PDF, and each table as a file for LaTeX's input.
    Returns the path of report.html."""
    make_folder(folder)
    for block in blocks:
        if isinstance(block, Picture):
            for suffix, content in (("png", block.png), ("pdf", block.pdf)):
                if content is None:
                    continue
                with replacing(folder / f"{block.name}.{suffix}") as temporary:
                    temporary.write_bytes(content)
        elif isinstance(block, Table) and block.name:
            with replacing(folder / f"{block.name}.tex") as temporary:
                temporary.write_text(latex.floating(block), encoding="utf-8")
    for suffix, writer in WRITERS.items():
        with replacing(folder / f"report.{suffix}") as temporary:
            temporary.write_text(writer(blocks), encoding="utf-8")
    return folder / "report.html"


def _verdicts(sweep: results.Sweep, asked: Evidence) -> list[Block]:
    found = verdicts.judge(sweep, asked)
    picture = plots.answer_plot(found, asked.alike, f"{asked.table}-{asked.params}-verdicts")
    return [*verdicts.blocks(sweep, asked, found), *([picture] if picture else [])]


def _section(section: Section, asked: Evidence | None) -> list[Block]:
    pairs = [(question.first, question.second) for question in asked.questions] if asked else None
    primary = (question for question in asked.questions if question.primary) if asked else ()
    shown = {row for question in primary for row in (question.first, question.second)} or None   # more would hide each other
    found = comparisons.by_scale(section, pairs)
    blocks: list[Block] = [Heading(prose.heading(section), 3)]
    if text := prose.notice(section):
        blocks.append(Paragraph(text))
    blocks.append(tables.scores(section))
    if found:
        named = tables.differences(found, f"{section.file}-differences")
        blocks += [Paragraph(comparisons.resolution(found)), named, *map(Paragraph, prose.remarks(section))]
    learned = learning.table(section)
    return [*blocks, *plots.all_of(section, shown), *([learned] if learned else []), tables.times(section)]


def _ledger(kinds: dict[str, list[ledger.Claim]], failures: list[str], origin: str) -> list[Block]:
    blocks: list[Block] = [Heading("The ledger of claims"), Paragraph(origin)]
    if failures:
        blocks += [Paragraph("These notebooks failed, so some of their claims may be missing."), Items(tuple(failures))]
    for kind, entries in kinds.items():
        blocks += [Heading(f"{kind.capitalize()} ({len(entries)})", 3), Paragraph(f"{KINDS[kind].capitalize()}.")]
        blocks += [Items(tuple(map(str, entries)))] if entries else []
    return blocks
