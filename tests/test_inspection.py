"""What an evaluation leaves to look at: pictures, error maps, the table of all pictures, and the page about two models."""

import csv
import math

import numpy as np
import pytest
import torch
from PIL import Image

from ipe_sr import InputError, evaluation, inspection, models
from ipe_sr.imaging import datasets, metrics, resample
from ipe_sr.inspection import pictures, versus


@pytest.fixture
def found(picture_folder):
    return datasets.find(picture_folder)


def observed(model, found, scales, protocol=None):
    seen = []
    evaluation.evaluate(model, found, scales, metrics.PROTOCOLS.get(protocol), observe=seen.append)
    return seen


def test_every_picture_is_saved_with_its_error_map_and_its_row(found, tmp_path):
    folder = tmp_path / "saved"
    with inspection.Inspection(folder, tmp_path / "extra.csv", ("", "bicubic")) as look:
        scores = evaluation.evaluate(models.load("bicubic"), found, [2, 2.5], observe=look.observe)
        look.finish([], scores)
    with (folder / "pictures.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (folder / "pictures.csv").read_bytes() == (tmp_path / "extra.csv").read_bytes()
    assert [(row["scale"], row["picture"]) for row in rows] == [(s, p) for s in ("2", "2.5") for p in ("picture0", "picture1")]
    assert float(rows[0]["psnr"]) == pytest.approx(scores[0].images[0].psnr, abs=1e-4) and float(rows[0]["seconds"]) > 0
    for row in rows:
        place = folder / "pictures" / f"x{row['scale']}"
        for suffix in ("", "-error"):
            with Image.open(place / f"{row['picture']}{suffix}.png") as picture:
                assert picture.size == (int(row["width"]), int(row["height"])) and picture.mode == "RGB"
    assert not (folder / "index.html").exists()


def test_an_error_map_is_dark_where_there_is_no_error():
    hr = torch.full((3, 4, 5), 0.5)
    sr = hr.clone()
    sr[:, 1, 2] += 0.5
    drawn = pictures.error_map(sr, hr).astype(int).sum(-1)
    assert drawn[1, 2] == drawn.max() and (np.delete(drawn.flatten(), 7) == drawn.min()).all()


@pytest.mark.parametrize("protocol", [None, "srcnn"])
@pytest.mark.parametrize("scale", [1, 2, 2.5, 6])
def test_the_original_is_consistent_with_its_own_reduction(found, scale, protocol):
    """A perfect model reduces to the LR picture itself; only its rounding to 8 bits is seen where the LR picture has none."""
    for seen in observed(models.load("bicubic"), found, [scale], protocol):
        perfect = evaluation.Observation(**vars(seen) | {"sr": seen.hr})
        assert perfect.consistency() == math.inf or (protocol and perfect.consistency() > 60)


def test_consistency_is_the_psnr_of_the_reduced_result(found):
    (first, _) = observed(models.load("bicubic"), found, [2])
    reduced = resample.imresize((first.sr.clamp(0, 1) * 255).round().byte().movedim(0, -1).numpy(), first.lr.shape[-2:])
    error = (reduced / 255 - first.lr.movedim(0, -1).numpy().astype(float)) ** 2
    assert first.consistency() == pytest.approx(-10 * math.log10(error.mean()), abs=1e-4)


def test_the_page_about_two_models_shows_where_they_differ_most(found, tmp_path, tiny):
    """The second model is the original with one bad corner, so that the detail has to be there."""
    class Spoilt(models.Bicubic):
        def forward(self, lr, size):
            sr = super().forward(lr, size)
            sr[..., -8:, -8:] = 1 - sr[..., -8:, -8:]
            return sr

    spoilt = Spoilt(None)
    with inspection.Inspection(tmp_path / "saved", None, ("good <one>", "bad")) as look:
        first = evaluation.evaluate(models.load("bicubic"), found, [2], observe=look.keep)
        second = evaluation.evaluate(spoilt, found, [2], observe=look.observe)
        look.finish(first, second)
    page = (tmp_path / "saved" / "index.html").read_text(encoding="utf-8")
    assert page.count("<img src='data:image/png;base64,") == 2 and "good &lt;one&gt;" in page and "<one>" not in page
    assert f"{second[0].psnr - first[0].psnr:+.3f}" in page
    assert all(detail.difference > 3 for detail in look.versus.details)


def test_the_busiest_window_is_found():
    difference = np.zeros((200, 230))
    difference[150:160, 20:30] = -1
    top, left, rows, columns = versus.busiest(difference)
    assert (rows, columns) == (96, 96) and top <= 150 and top + rows >= 160 and left <= 20 and left + columns >= 30


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be made a folder"):
        inspection.Inspection(tmp_path / "file", None, ("", ""))
    with pytest.raises(InputError, match="its folder does not exist"):
        inspection.Inspection(None, tmp_path / "none" / "a.csv", ("", ""))
