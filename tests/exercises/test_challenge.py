"""The challenge: entries are scored, and one that is too large, damaged or missing is listed with the reason."""

import csv

import pytest

from ipe_sr import evaluation, models
from ipe_sr.coursework import challenge
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, metrics
from ipe_sr.models import checkpoints


def test_entries_are_scored_as_evaluate_scores_them_and_bad_ones_are_named(tmp_path, tiny, pixels, monkeypatch):
    from PIL import Image

    pictures, entries = tmp_path / "pictures", tmp_path / "entries"
    pictures.mkdir()
    entries.mkdir()
    Image.fromarray(pixels(64, 80)).save(pictures / "one.png")
    model = tiny()
    checkpoints.save(model, entries / "ada.safetensors")
    checkpoints.save(tiny(width=400), entries / "large.safetensors")
    (entries / "cut.safetensors").write_bytes((entries / "ada.safetensors").read_bytes()[:500])
    (entries / "link.safetensors").symlink_to("/dev/zero")
    board = challenge.score_all(entries, pictures, tmp_path / "out", 120, report=lambda line: None, baselines=False)
    found = {entry.name: entry for entry in board}
    due = evaluation.evaluate(model, datasets.find(pictures), challenge.SCALES, metrics.PROTOCOLS[challenge.PROTOCOL])
    assert found["ada"].psnr == pytest.approx([score.psnr for score in due], abs=1e-3)
    assert board[0].name == "ada" and found["ada"].parameters == sum(p.numel() for p in model.parameters())
    assert "parameters; fewer than 500000" in found["large"].problem
    assert found["cut"].problem.startswith("not a readable safetensors file"), "no folder of the instructor's is named"
    assert "is no file" in found["link"].problem
    with open(tmp_path / "out/leaderboard.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert (rows[0]["rank"], rows[0]["entry"], len(rows)) == ("1", "ada", 4)
    assert "<td>ada" in (tmp_path / "out/leaderboard.html").read_text(encoding="utf-8")


def test_the_baseline_may_take_part():
    for name in challenge.BASELINES:
        assert sum(p.numel() for p in models.load(name).parameters()) < challenge.MOST_PARAMETERS


@pytest.mark.parametrize("missing", ["entries", "pictures"])
def test_without_entries_or_pictures_nothing_is_written(tmp_path, missing):
    for name in {"entries", "pictures"} - {missing}:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.safetensors").touch()
    with pytest.raises(InputError, match=missing):
        challenge.score_all(tmp_path / "entries", tmp_path / "pictures", tmp_path / "out", 10)
    assert not (tmp_path / "out").exists()
