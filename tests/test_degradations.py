"""Training data of other kinds: degraded LR patches, and pairs of LR and HR pictures; and evaluation on pairs."""

import numpy as np
import pytest
import torch
from PIL import Image
from training_world import cache as cache  # a fixture
from training_world import log, make

from ipe_sr import InputError, evaluation, models
from ipe_sr.imaging import datasets
from ipe_sr.training import degradations, loop, pairs
from ipe_sr.training.batches import Sampler, Store


@pytest.fixture
def store(picture_folder, tmp_path):
    return Store.of(sorted(picture_folder.iterdir()), tmp_path / "cache")


def sampler(store, degradation):
    return Sampler(store, batch=3, patch=12, queries=20, scales=(2.0, 3.0), seed=5, degradation=degradation)


@pytest.mark.parametrize("name", degradations.DEGRADATIONS)
def test_a_degradation_changes_the_lr_patch_alone_and_is_repeatable(store, name):
    plain, batch, again = sampler(store, "bicubic")(4), sampler(store, name)(4), sampler(store, name)(4)
    assert torch.equal(batch.colour, plain.colour) and torch.equal(batch.position, plain.position)
    assert torch.equal(batch.lr, again.lr) and torch.equal(batch.lr * 255, (batch.lr * 255).round())
    assert (name == "bicubic") == torch.equal(batch.lr, plain.lr)
    assert torch.equal(sampler(store, name)(4, range(1, 2)).lr, batch.lr[1:2]), "a share has the same patches"


def test_each_degradation_does_what_its_name_says():
    random, crop = np.random.default_rng(0), torch.zeros(3, 24, 24)
    crop[:, :, 12:] = 200.0
    reduce = lambda some: some.unflatten(1, (12, 2)).unflatten(3, (12, 2)).mean((2, 4))   # noqa: E731
    sharp, blurred = reduce(crop), degradations.blur(crop, reduce, random)
    assert (blurred.diff(dim=-1).max() < sharp.diff(dim=-1).max()) and blurred.mean() == pytest.approx(100, abs=1)
    noises = [(degradations.noise(crop, reduce, random) - sharp).std().item() for _ in range(50)]
    assert 2 < np.mean(noises) < 8   # the deviation is uniform from 0 to 10
    assert not torch.equal(degradations.jpeg(crop, reduce, random), sharp)


def test_a_degradation_of_ones_own_is_used_by_its_name(store, monkeypatch):
    monkeypatch.setattr(degradations, "DEGRADATIONS", dict(degradations.DEGRADATIONS))

    @degradations.register("black")
    def black(crop, reduce, random):
        return reduce(crop) * 0

    assert not sampler(store, "black")(0).lr.any()
    with pytest.raises(InputError, match="'jpeg' is registered already"):
        degradations.register("jpeg")(black)


def test_an_unknown_degradation_is_refused(tmp_path):
    with pytest.raises(InputError, match="'rain' is unknown: use one of bicubic, blur, noise, jpeg, camera, or pairs"):
        loop.train(make(["steps=1", "degradation=rain"]), tmp_path / "run", accelerator="cpu")
    assert not (tmp_path / "run").exists()


@pytest.fixture
def paired(tmp_path, pixels):
    """A function (scale as a fraction) -> folder of two pairs. The blue channel of both holds row and column of LR pixels."""
    def make_pairs(above=2, below=1):
        folder = tmp_path / f"pairs{above}-{below}"
        for kind in ("HR", "LR"):
            (folder / kind).mkdir(parents=True)
        for number, (h, w) in enumerate(((40, 44), (48, 36))):
            large = pixels(h * above // below, w * above // below, seed=number)
            Image.fromarray(large).save(folder / "HR" / f"p{number}.png")
            Image.fromarray(255 - np.array(Image.fromarray(large).resize((w, h), Image.Resampling.BILINEAR))).save(
                folder / "LR" / f"p{number}.png"
            )
        return folder

    return make_pairs


@pytest.mark.parametrize(("above", "below"), [(2, 1), (3, 1), (5, 2)])
def test_patches_of_pairs_lie_over_their_crops(paired, above, below):
    """The LR pictures are negatives of reduced HR pictures, so a patch is the negative of its reduced crop."""
    folder = paired(above, below)
    recipe = {"batch": 6, "patch": 12, "queries": 20, "scales": (above / below,) * 2, "seed": 3, "reduction": 1}
    made = pairs.sampler((str(folder),), torch.device("cpu"), **recipe)
    batch = made(0)
    for item in range(6):
        draw = made._draw(0, item)
        crop = made._crop(draw)                                                    # (3, n, n)
        small = Image.fromarray(crop.movedim(0, -1).byte().numpy()).resize((12, 12), Image.Resampling.BILINEAR)
        expected = 255 - torch.from_numpy(np.array(small)).movedim(-1, 0).float()
        assert (batch.lr[item] * 255 - expected)[:, 2:-2, 2:-2].abs().max() <= 2   # at the border neighbours count, too
        assert torch.equal(batch.colour[item], crop.flatten(1)[:, batch.pixel[item]].T / 255)


def test_a_model_is_trained_and_evaluated_on_pairs(paired, tmp_path):
    folder = paired()
    settings = ["steps=2", "degradation=pairs", f"data={folder}", "scales=[2.0, 2.0]", "patch=12"]
    loop.train(make(settings), tmp_path / "run", accelerator="cpu")
    assert len(log(tmp_path / "run")) == 2
    (score,) = evaluation.evaluate(models.load("bicubic"), datasets.find(folder), [2])
    assert score.lr == "provided" and score.psnr < 15   # against negatives
    with pytest.raises(InputError, match="has 40x44 pixels"):
        evaluation.evaluate(models.load("bicubic"), datasets.find(folder), [3])


@pytest.mark.parametrize(("change", "settings", "words"), [
    (lambda folder: (folder / "LR" / "p1.png").unlink(), [], "has no partner"),
    (lambda folder: Image.new("RGB", (9, 9)).save(folder / "LR" / "p1.png"), [], "pairs need one scale"),
    (lambda folder: None, ["scales=[1.0, 4.0]"], "give --set scales="),
    (lambda folder: None, ["reduction=2"], "reduction = 2"),
])
def test_pairs_that_do_not_fit_are_refused_in_one_line(paired, tmp_path, change, settings, words):
    folder = paired()
    change(folder)
    settings = ["steps=1", "degradation=pairs", f"data={folder}", "scales=[2.0, 2.0]", *settings]
    with pytest.raises(InputError, match=words):
        loop.train(make(settings), tmp_path / "run", accelerator="cpu")
    with pytest.raises(InputError, match="holds no pairs"):
        pairs.load(("samples",))


def test_a_manifest_names_what_changed(picture_folder, monkeypatch, capsys):
    from data_scripts import manifest
    from ipe_sr import console

    def call(*words):
        monkeypatch.setattr("sys.argv", ["manifest", str(picture_folder), *words])
        with pytest.raises(SystemExit) as ended:
            console.run(manifest.app, "manifest")
        return ended.value.code, "".join(capsys.readouterr())

    assert call()[0] == 0 and "2 pictures" in call()[1] and "unchanged" in call()[1]
    listed = manifest.read(picture_folder / manifest.NAME)
    assert listed["picture0.png"] | {"sha256": "", "bytes": 0} == {"bytes": 0, "sha256": "", "height": 48, "width": 60}
    Image.new("RGB", (5, 4)).save(picture_folder / "picture0.png")
    (picture_folder / "picture1.png").rename(picture_folder / "other.png")
    status, text = call()
    assert status == 2 and "other.png is new, picture0.png is changed, picture1.png is missing" in text
    assert call("--update")[0] == 0 and call()[0] == 0
    (picture_folder / "other.png").write_bytes(b"no picture")
    assert call() == (2, f"manifest: {picture_folder / 'other.png'}: not a readable picture\n")
