"""Scores of models on sets of pictures, compared with the metrics computed by hand."""

import json
import math
import shutil
import statistics

import numpy as np
import pytest
import torch
from PIL import Image

from ipe_sr import InputError, evaluation, models
from ipe_sr.imaging import datasets, images, metrics, resample


@pytest.fixture
def found(picture_folder):
    return datasets.find(picture_folder)


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
def test_scores_are_means_of_the_metrics(found, protocol):
    calls = []
    scores = evaluation.evaluate(
        models.load("bicubic"), found, [2, 2.5], metrics.PROTOCOLS[protocol], "rgb" if protocol == "div2k" else None,
        lambda: calls.append(1),
    )
    assert [score.scale for score in scores] == [2, 2.5] and len(calls) == 4
    for score in scores:
        assert (score.protocol, score.ssim_convention) == (protocol, "rgb" if protocol == "div2k" else "luma")
        assert [row.name for row in score.images] == ["picture0", "picture1"]
        assert score.psnr == pytest.approx(statistics.fmean(row.psnr for row in score.images))
        assert score.ssim == pytest.approx(statistics.fmean(row.ssim for row in score.images))
        assert score.lr == ("matlab-float" if protocol == "srcnn" else "matlab")


def test_one_score_by_hand(found):
    (score,) = evaluation.evaluate(models.load("bicubic"), found, [3], metrics.PROTOCOLS["div2k"], "volume")
    hr = np.array(Image.open(found.hr[0]))
    lr = resample.imresize(hr, (16, 20))
    sr = resample.bicubic(images.to_tensor(lr), (48, 60), "mirror")
    assert score.images[0].psnr == pytest.approx(metrics.psnr(sr, images.to_tensor(hr), "div2k", 3))
    assert score.images[0].ssim == pytest.approx(metrics.ssim(sr, images.to_tensor(hr), "div2k", 3, "volume"))


def test_srcnn_protocol_by_hand(found):
    (score,) = evaluation.evaluate(models.load("bicubic"), found, [3], metrics.PROTOCOLS["srcnn"])
    hr = np.array(Image.open(found.hr[0])).astype(float)
    y = np.round(hr @ [65.481, 128.553, 24.966] / 255 + 16)
    lr = resample.matrix(48, 16) @ torch.from_numpy(y) @ resample.matrix(60, 20).T            # never rounded
    sr = resample.matrix(16, 48) @ lr @ resample.matrix(20, 60).T
    error = np.square(sr.numpy().clip(0, 255).round() - y)[3:-3, 3:-3].mean()
    assert score.images[0].psnr == pytest.approx(10 * math.log10(255**2 / error), abs=5e-3)


def test_the_sets_own_protocol_is_the_default(found):
    (score,) = evaluation.evaluate(models.load("bicubic"), found, [2])
    assert score.protocol == found.protocol == "benchmark"


def test_records_are_json(found):
    (score,) = evaluation.evaluate(models.load("bicubic"), found, [2])
    record = json.loads(json.dumps(score.record()))
    assert record["images"][1] == {"name": "picture1", "psnr": score.images[1].psnr, "ssim": score.images[1].ssim}
    assert {key: record[key] for key in ("data", "scale", "psnr", "lr")} == {
        "data": found.name, "scale": 2, "psnr": score.psnr, "lr": "matlab",
    }


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
def test_gray_pictures(tmp_path, pixels, protocol):
    Image.fromarray(pixels(50, 54, 1)[..., 0]).save(tmp_path / "gray.png")
    (score,) = evaluation.evaluate(models.load("bicubic"), datasets.find(tmp_path), [2], metrics.PROTOCOLS[protocol])
    assert math.isfinite(score.psnr) and 0 < score.ssim < 1


def test_learned_models_are_evaluated_too(found, tiny):
    (score,) = evaluation.evaluate(tiny(), found, [2])
    lr, hr, _ = datasets.pair(found, found.hr[0], 2)
    with torch.no_grad():
        sr = tiny()(images.to_tensor(lr)[None], hr.shape[:2])[0]
    assert score.images[0].psnr == pytest.approx(metrics.psnr(sr, images.to_tensor(hr), "benchmark", 2), abs=1e-4)


@pytest.mark.parametrize("protocol", ["benchmark", "srcnn"])
@pytest.mark.parametrize("scale", [20, 100])
def test_too_small_pictures_are_named(found, scale, protocol):
    with pytest.raises(InputError, match=r"picture0\.png: "):
        evaluation.evaluate(models.load("bicubic"), found, [scale], metrics.PROTOCOLS[protocol])


def test_official_liif_on_butterfly(data, official, tmp_path):
    for source in ("HR/butterfly.png", "LR_bicubic/X4/butterflyx4.png"):
        (tmp_path / source).parent.mkdir(parents=True)
        shutil.copy(data / "benchmark" / "Set5" / source, tmp_path / source)
    (score,) = evaluation.evaluate(official, datasets.find(tmp_path), [4], metrics.PROTOCOLS["benchmark"])
    assert score.lr == "provided"
    assert score.psnr == pytest.approx(28.685, abs=0.01)
