"""The measurements of how much a model uses a pixel's area, on tiny models, and their records and tables."""

import dataclasses
import json
import math

import pytest
import torch

from ipe_sr import InputError, areas, models, render
from ipe_sr.benchmarks import areas as program
from ipe_sr.imaging import datasets, images
from ipe_sr.models.families import BicubicConfig
from ipe_sr.report import areas as report
from ipe_sr.report import markdown

PICTURES = datasets.find("samples-valid:1")


def tiny(method: str):
    torch.manual_seed(0)
    config = models.method(method)
    encoder = dataclasses.replace(config.encoder, blocks=1, channels=8)
    return dataclasses.replace(config, encoder=encoder, width=16).build().eval()


@pytest.mark.parametrize("method", ["ipe-liif", "liif", "metasr", "ipe-metasr", "lte", "field"])
def test_a_model_that_is_told_the_right_size_makes_its_usual_picture(method):
    model, lr = tiny(method), torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        for size in ((18, 21), (25, 17)):
            torch.testing.assert_close(areas.render_told(model, lr, size, 1.0), model(lr, size), rtol=0, atol=1e-6)


@pytest.mark.parametrize("method, uses", [("ipe-liif", True), ("liif", True), ("liif-pe", False), ("liif-skip-no-cell", False),
                                          ("field", True), ("field-point", False)])
def test_another_size_changes_the_picture_of_the_models_that_know_the_size_and_of_no_other(method, uses):
    model, lr = tiny(method), torch.rand(1, 3, 9, 7)
    for factor in (0.0, 2.0):
        change = (areas.render_told(model, lr, (18, 21), factor) - areas.render_told(model, lr, (18, 21), 1.0)).abs().max()
        assert change > 1e-4 if uses else change < 1e-6


def test_told_no_size_ipe_becomes_pe():
    ipe, pe = tiny("ipe-liif"), tiny("liif-pe")
    pe.load_state_dict(ipe.state_dict())
    lr = torch.rand(1, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(areas.render_told(ipe, lr, (20, 20), 0.0), pe(lr, (20, 20)), rtol=0, atol=1e-5)


def test_the_field_has_no_gap_between_a_pixel_and_its_parts_and_a_network_has_one():
    assert areas.gap(tiny("field"), PICTURES, 2, 2) > 120
    assert areas.gap(tiny("ipe-liif"), PICTURES, 2, 2) < 90


def test_a_model_that_asks_for_no_size_is_refused():
    with pytest.raises(InputError, match="implicit model"):
        areas.render_told(BicubicConfig().build(), torch.rand(1, 3, 8, 8), (16, 16), 1.0)


def test_scores_of_the_right_size_are_those_of_an_evaluation():
    model = tiny("ipe-liif")
    told, = areas.upright(model, PICTURES, [2.5], [1.0])
    usual, = areas.evaluation.evaluate(model, PICTURES, [2.5], renderer=render.render)
    assert math.isclose(told.psnr, usual.psnr, abs_tol=1e-4) and len(told.each) == 1


@pytest.mark.parametrize("model", [tiny("field"), BicubicConfig().build()], ids=["field", "bicubic"])
def test_one_view_is_one_of_those_that_are_scored(model):
    told, = areas.views(model, PICTURES, [1.25], [45], [1.0])
    hr = images.to_tensor(datasets.colours(PICTURES.hr[0])).expand(3, -1, -1)
    assert areas._psnr(*areas.view_of(model, hr, 1.25, 45)) == pytest.approx(told.psnr, abs=1e-4)


def test_the_program_writes_one_record_for_each_model_and_the_report_reads_them(tmp_path, monkeypatch, capsys):
    paths = [tmp_path / f"small-ipe-liif-seed{seed}" / "model.safetensors" for seed in (0, 1)]
    for path in paths:
        path.parent.mkdir()
        models.save(tiny("ipe-liif"), path)
    command = ["areas", *map(str, paths), "--out", str(tmp_path / "out"), "--data", "samples-valid:1", "--scales", "2"]
    monkeypatch.setattr("sys.argv", command)
    program.main()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "small-ipe-liif-seed0.json", "small-ipe-liif-seed1.json"]
    capsys.readouterr()
    program.main()
    assert capsys.readouterr().out == ""                                           # nothing is measured twice
    found = report.read(tmp_path / "out")
    assert list(found) == ["small-ipe-liif"] and len(found["small-ipe-liif"]) == 2
    text = markdown.document(report.tables(found))
    assert "told 0, 1/8, 1/2, 2 times" in text and "x2, k = 4" in text and "zoom 0.5, turned 45°" in text
    assert report.figure(found, [("upright", 2, 0), ("views", 0.5, 45)])


def test_a_folder_without_records_and_a_foreign_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no records"):
        report.read(tmp_path)
    (tmp_path / "a.json").write_text(json.dumps({"format": "other"}))
    with pytest.raises(InputError, match=r"a\.json: not a record of ipe_sr\.benchmarks\.areas"):
        report.read(tmp_path)
