"""The paper's tables as data: their shape, their labels, and every number against the paper's text where that is present."""

import re
from pathlib import Path

import pytest
import yaml

from ipe_sr import files
from ipe_sr.imaging import datasets
from ipe_sr.report import paper

TABLES = paper.read().tables
SIZES = {"table1": (1, 8), "table2": (4, 16), "table3": (2, 12), "table4": (1, 6)}   # blocks, rows
SWEEPS = Path(__file__).parents[1] / "notebooks" / "experiments" / "tables.yaml"


def rows(name):
    return [item for block in TABLES[name].blocks for item in block.rows.items()]


@pytest.fixture(scope="module")
def printed():
    """The lines of the tables in the paper's text: lists of cells without empty ones."""
    path = files.data_root().parent / "paper" / "paper.txt"
    if not path.exists():
        pytest.skip(f"the paper's text is not at {path}")
    text = path.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("|") and re.search(r"\d\d\.\d\d", line)]
    return [[cell for text in line.split("|") if (cell := text.strip())] for line in lines]


@pytest.mark.parametrize("name", SIZES)
def test_shape(name):
    table = TABLES[name]
    assert (len(table.blocks), len(rows(name))) == SIZES[name]
    labels = {label for label, _ in rows(name)}
    assert {label for pair in table.better + table.alike for label in pair} <= labels
    for block in table.blocks:
        assert block.data in datasets.KNOWN
    for _, figures in rows(name):
        assert figures.keys() <= set(table.scales)
        known = [figure.psnr for figure in figures.values()]
        assert known == sorted(known, reverse=True) and all(19 < value < 39 for value in known)
        assert all(figure.ssim is None or 0.5 < figure.ssim < 1 for figure in figures.values())


@pytest.mark.parametrize("name", SIZES)
def test_sweeps_spell_the_labels_alike(name):
    """Our rows are matched with the paper's by table, training scales and label."""
    swept = yaml.safe_load(SWEEPS.read_text(encoding="utf-8"))["tables"][name]
    for block in TABLES[name].blocks:
        assert block.training in swept["blocks"]
        assert [label for label in swept["rows"] if label in block.rows] == list(block.rows)


def test_first_row_of_the_ablations_is_that_of_table_1():
    first = TABLES["table1"].blocks[0].rows["EDSR-baseline-IPE-LIIF (ours)"]
    again = TABLES["table4"].blocks[0].rows["IPE-LIIF (ours)"]
    assert {scale: first[scale].psnr for scale in again} == {scale: figure.psnr for scale, figure in again.items()}


def cells(name, figures):
    found = [figures.get(scale) for scale in TABLES[name].scales]
    return ["-" if f is None else f"{f.psnr:.2f}" + (f"/{f.ssim:.4f}" if f.ssim else "") for f in found]


def plain(label):
    return re.sub(r"\[\d+\]|[ -]", "", label).lower()


def test_every_figure_is_the_printed_one(printed):
    ours = [(label, cells(name, figures)) for name in SIZES for label, figures in rows(name)]
    assert len(printed) == len(ours)
    for line, (label, expected) in zip(printed, ours, strict=True):
        assert line[-len(expected):] == expected
        assert plain(line[-len(expected) - 1]) == plain(label)
