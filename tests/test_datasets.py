import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ipe_sr import InputError, files
from ipe_sr.imaging import datasets, resample


def test_root(monkeypatch, tmp_path):
    monkeypatch.setenv("IPE_SR_DATA", str(tmp_path / "elsewhere"))
    assert files.data_root() == tmp_path / "elsewhere"
    monkeypatch.delenv("IPE_SR_DATA")
    (tmp_path / ".data").mkdir()
    monkeypatch.chdir(tmp_path)
    assert files.data_root().resolve() == tmp_path / ".data"


def test_a_folder_of_pictures(picture_folder):
    (picture_folder / "notes.txt").write_text("not a picture", encoding="utf-8")
    found = datasets.find(picture_folder)
    assert [path.name for path in found.hr] == ["picture0.png", "picture1.png"]
    assert (found.name, found.lr, found.protocol) == (str(picture_folder), None, "benchmark")


def test_a_folder_with_hr_and_lr(tmp_path, picture_folder):
    (tmp_path / "set" / "LR_bicubic" / "X2").mkdir(parents=True)
    picture_folder.rename(tmp_path / "set" / "HR")
    found = datasets.find(str(tmp_path / "set"))
    assert len(found.hr) == 2 and found.lr == tmp_path / "set" / "LR_bicubic"


def test_samples():
    found = datasets.find("samples")
    assert len(found.hr) == 8 and all(path.is_file() for path in found.hr)
    assert found.protocol == "div2k"


def test_known_sets(data):
    counts = {"set5": 5, "set14": 14, "b100": 100, "kodak": 24, "photos-valid": 16, "photos-train": 74}
    counts |= {"bsds-train": 200, "bsds-test": 200}
    assert {name: len(datasets.find(name).hr) for name in counts} == counts
    assert counts.keys() <= datasets.KNOWN.keys()
    assert datasets.find("set5").lr is not None and datasets.find("photos-valid").protocol == "div2k"


def test_what_is_not_there(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"'nonesuch' is neither .* set5, .* samples"):
        datasets.find("nonesuch")
    with pytest.raises(InputError, match="holds no pictures"):
        datasets.find(tmp_path)
    monkeypatch.setenv("IPE_SR_DATA", str(tmp_path))
    with pytest.raises(InputError, match="IPE_SR_DATA"):
        datasets.find("set5")


@pytest.mark.parametrize(("scale", "lr_size", "hr_size", "origin"), [
    (2, (24, 30), (48, 60), "matlab"), (4, (12, 15), (48, 60), "matlab"), (2.7, (17, 22), (46, 59), "matlab"),
    (5, (9, 12), (45, 60), "pil"), (7, (6, 8), (42, 56), "pil"), (1.1, (43, 54), (47, 59), "matlab"),
])
def test_pairs_made_here(picture_folder, scale, lr_size, hr_size, origin):
    found = datasets.find(picture_folder)
    lr, hr, made = datasets.pair(found, found.hr[0], scale)
    assert (lr.shape, hr.shape, made) == ((*lr_size, 3), (*hr_size, 3), origin)
    whole = np.array(Image.open(found.hr[0]))
    assert np.array_equal(hr, whole[: hr_size[0], : hr_size[1]])
    if origin == "matlab":
        assert np.array_equal(lr, resample.imresize(hr, lr_size))
    else:
        assert np.array_equal(lr, np.array(Image.fromarray(hr).resize(lr_size[::-1], Image.Resampling.BICUBIC)))


@pytest.mark.parametrize("name", ["picture0x2.png", "picture0.png"])
def test_provided_pairs(tmp_path, picture_folder, name):
    (tmp_path / "set" / "LR_bicubic" / "X2").mkdir(parents=True)
    picture_folder.rename(tmp_path / "set" / "HR")
    small = np.random.default_rng(0).integers(0, 256, (23, 30, 3), dtype=np.uint8)
    Image.fromarray(small).save(tmp_path / "set" / "LR_bicubic" / "X2" / name)
    found = datasets.find(tmp_path / "set")
    lr, hr, origin = datasets.pair(found, found.hr[0], 2)
    assert origin == "provided" and np.array_equal(lr, small)
    assert hr.shape == (46, 60, 3)
    assert datasets.pair(found, found.hr[1], 2)[2] == "matlab"      # not provided for this picture
    assert datasets.pair(found, found.hr[0], 2.5)[2] == "matlab"    # nor at this scale


@pytest.mark.parametrize("shape", [(26, 30), (24, 32), (16, 20), (24, 12)])   # of an LR picture where 24 x 30 is due
def test_provided_files_of_another_size_are_refused(tmp_path, picture_folder, pixels, shape):
    (tmp_path / "set" / "LR_bicubic" / "X2").mkdir(parents=True)
    picture_folder.rename(tmp_path / "set" / "HR")
    Image.fromarray(pixels(*shape)).save(tmp_path / "set" / "LR_bicubic" / "X2" / "picture0.png")
    found = datasets.find(tmp_path / "set")
    with pytest.raises(InputError, match=rf"X2/picture0.png: has {shape[0]}x{shape[1]} pixels.* has about 24x30"):
        datasets.pair(found, found.hr[0], 2)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_pairs_of_set5_are_the_provided_ones(data, scale):
    found = datasets.find("set5")
    lr, hr, origin = datasets.pair(found, found.hr[0], scale)
    assert origin == "provided"
    assert hr.shape[:2] == (lr.shape[0] * scale, lr.shape[1] * scale)
    assert np.array_equal(resample.imresize(hr, lr.shape[:2]), lr)


def test_gray_stays_gray_and_joins_colours(tmp_path, pixels):
    (tmp_path / "LR_bicubic" / "X2").mkdir(parents=True)
    (tmp_path / "HR").mkdir()
    gray = pixels(20, 24, 1)[..., 0]
    Image.fromarray(gray).save(tmp_path / "HR" / "a.png")
    found = datasets.find(tmp_path)
    lr, hr, _ = datasets.pair(found, found.hr[0], 2)
    assert lr.shape == (10, 12, 1) and np.array_equal(hr[..., 0], gray)
    assert datasets.pair(found, found.hr[0], 5)[0].shape == (4, 4, 1)
    Image.fromarray(lr.repeat(3, -1)).save(tmp_path / "LR_bicubic" / "X2" / "a.png")
    lr3, hr3, origin = datasets.pair(found, found.hr[0], 2)
    assert origin == "provided" and np.array_equal(lr3, lr.repeat(3, -1)) and np.array_equal(hr3, hr.repeat(3, -1))


@pytest.mark.parametrize(("channels", "kept"), [(1, 1), (2, 1), (3, 3), (4, 3)])
def test_colours_drop_alpha_and_note_the_file(tmp_path, pixels, monkeypatch, channels, kept):
    array = pixels(8, 9, channels)
    Image.fromarray(array.squeeze()).save(tmp_path / "a.png")
    monkeypatch.setenv(files.JOURNAL, str(tmp_path / "journal"))
    assert np.array_equal(datasets.colours(tmp_path / "a.png"), array[..., :kept])
    assert '"a.png"' in (tmp_path / "journal").read_text(encoding="utf-8")


def test_too_small(picture_folder):
    found = datasets.find(picture_folder)
    with pytest.raises(InputError, match=r"picture0\.png: too small for scale 49"):
        datasets.pair(found, found.hr[0], 49)


def test_div2k_has_its_lr_pictures_beside_it(tmp_path, monkeypatch):
    monkeypatch.setenv("IPE_SR_DATA", str(tmp_path))
    for folder, name, size in (("DIV2K_valid_HR", "0801.png", 9), ("DIV2K_valid_LR_bicubic/X2", "0801x2.png", 4)):
        (tmp_path / "DIV2K" / folder).mkdir(parents=True)
        Image.new("RGB", (size, size), "red").save(tmp_path / "DIV2K" / folder / name)
    found = datasets.find("div2k-valid")
    lr, hr, origin = datasets.pair(found, found.hr[0], 2)
    assert (lr.shape, hr.shape, origin) == ((4, 4, 3), (8, 8, 3), "provided")


def test_planning_with_data_sets_loads_no_torch():
    """Commands that only name pictures start other processes; they must not wait for torch."""
    modules = "imaging.datasets", "imaging.images", "imaging.resample", "imaging.samples", "files", "console", "errors"
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(f'ipe_sr.{name}')\n"
    code += "print([name for name in ('torch', 'skimage', 'scipy') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_part_of_a_named_set_is_evenly_spaced_and_has_its_own_name():
    whole, part = datasets.find("samples"), datasets.find("samples:2")
    assert part.name == "samples:2" and part.hr == (whole.hr[0], whole.hr[len(whole.hr) // 2])
    assert datasets.find(f"samples:{len(whole.hr)}").hr == whole.hr


@pytest.mark.parametrize("count", ["0", "99", "-1", "two", "1.5"])
def test_a_part_with_an_impossible_number_of_pictures_is_refused(count):
    with pytest.raises(InputError, match="what follows the colon is a number from 1 to"):
        datasets.find(f"samples:{count}")
