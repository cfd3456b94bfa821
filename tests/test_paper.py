import re

import pytest

from ipe_sr import datasets, paper
from ipe_sr.models import configs

TABLES = paper.tables()
SIZES = {"table1": (1, 8), "table2": (4, 16), "table3": (2, 12), "table4": (1, 6)}   # blocks, rows


@pytest.fixture(scope="module")
def printed():
    """The lines of the tables in the paper's text: lists of cells without empty ones."""
    path = datasets.root().parent / "paper" / "paper.txt"
    if not path.exists():
        pytest.skip(f"the paper's text is not at {path}")
    lines = [line for line in path.read_text().splitlines() if line.startswith("|") and re.search(r"\d\d\.\d\d", line)]
    return [[cell for text in line.split("|") if (cell := text.strip())] for line in lines]


@pytest.mark.parametrize("name", SIZES)
def test_shape(name):
    table = TABLES[name]
    assert (len(table.blocks), len(list(table.rows))) == SIZES[name]
    for _, row in table.rows:
        assert len(row.psnr) == len(row.ssim) == len(table.scales)
        known = [value for value in row.psnr if value is not None]
        assert known == sorted(known, reverse=True) and all(19 < value < 39 for value in known)
        for psnr, ssim in zip(row.psnr, row.ssim, strict=True):
            assert ssim is None or (psnr is not None and 0.5 < ssim < 1)
    for block in table.blocks:
        methods = [row.method for row in block.rows]
        assert len(set(methods)) == len(methods)
        assert block.data in datasets.KNOWN
        assert {method for pair in table.better + table.alike for method in pair} <= {row.method for _, row in table.rows}


def test_methods_are_ours():
    known = {re.sub(r"-x\d$", "", name) for name in configs.methods()}
    assert {row.method for table in TABLES.values() for _, row in table.rows} <= known


def test_first_row_of_the_ablations_is_that_of_table_1():
    first = next(row for _, row in TABLES["table1"].rows if row.method == "ipe-liif")
    again = next(row for _, row in TABLES["table4"].rows if row.method == "ipe-liif")
    by_scale = dict(zip(TABLES["table1"].scales, first.psnr, strict=True))
    assert [by_scale[scale] for scale in TABLES["table4"].scales] == list(again.psnr)


def cells(row):
    both = zip(row.psnr, row.ssim, strict=True)
    return ["-" if p is None else f"{p:.2f}" if s is None else f"{p:.2f}/{s:.4f}" for p, s in both]


def plain(label):
    return re.sub(r"\[\d+\]|\(ours\)|[ -]", "", label).lower()


def test_every_figure_is_the_printed_one(printed):
    ours = [(row, cells(row)) for name in SIZES for _, row in TABLES[name].rows]
    assert len(printed) == len(ours)
    for line, (row, expected) in zip(printed, ours, strict=True):
        assert line[-len(expected):] == expected
        assert plain(line[-len(expected) - 1]) == plain(row.label)
