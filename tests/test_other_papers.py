"""The table of other papers' results is complete, and agrees with the paper's own tables where both quote a method."""

import math

import pytest

from ipe_sr.report import other_papers, paper


def test_every_methods_psnr_falls_with_the_scale():
    methods, source = other_papers.read()
    assert source and {"LIIF", "IPE-LIIF"} <= methods.keys()
    for method in methods.values():
        known = [psnr for psnr in method.psnr.values() if not math.isnan(psnr)]
        assert known == sorted(known, reverse=True), "PSNR falls as the scale grows"
        assert method.parameters > 0 or math.isnan(method.parameters)


@pytest.mark.parametrize("name", ["MetaSR", "LIIF", "IPE-LIIF"])
def test_what_the_paper_quotes_is_the_same_there(name):
    rows = paper.read().tables["table1"].blocks[0].rows
    (row,) = (row for label, row in rows.items() if label.removesuffix(" (ours)") == f"EDSR-baseline-{name}")
    assert {scale: figure.psnr for scale, figure in row.items()} == other_papers.read()[0][name].psnr
