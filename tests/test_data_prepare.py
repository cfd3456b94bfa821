"""The scripts verify and prepare, the catalogue, and the scripts as programs."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from data_world import GOOD, NOISE, opened, zipped
from PIL import Image

from data_scripts import catalogue, prepare, verify
from ipe_sr.imaging import datasets, resample
from ipe_sr.training import loop


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    with opened(tmp_path, monkeypatch, capsys) as world:
        yield world


def test_verify(world):
    world.offer(zipped(GOOD))
    world.fails(says="nothing was installed there", script=verify)
    world.fails("pictures", says="pictures is not installed in", script=verify)
    world.works("pictures")
    (world.root / "set/HR/a.png").write_bytes(NOISE[:-1] + b"x")
    (world.root / "set/HR/sub/b.png").unlink()
    world.fails(says="pictures: set/HR/a.png is damaged, set/HR/sub/b.png is missing; remove", script=verify)
    status, _, err = world.run("pictures")
    assert status == 2 and len(err.splitlines()) == 1 and "1 file missing or damaged; remove it" in err
    (world.root / ".installed/pictures.json").write_text("{", encoding="utf-8")
    world.fails(says="pictures.json: damaged; remove it", script=verify)


def test_prepare(world, picture_folder):
    target = picture_folder / "LR_bicubic"
    assert f"{target}: 6 pictures made" in world.works(picture_folder, "--scales", "2,2.5", "--scales", "7", script=prepare)
    for hr in datasets.find(picture_folder).hr:
        for s in (2, 2.5, 7):
            lr = np.array(Image.open(target / f"X{s:g}" / f"{hr.stem}x{s:g}.png"))
            pixels = np.array(Image.open(hr))
            size = tuple(int(n / s) for n in pixels.shape[:2])
            cropped = pixels[: round(size[0] * s), : round(size[1] * s)]
            np.testing.assert_array_equal(lr, resample.imresize(cropped, size))
    lost = target / "X2" / "picture0x2.png"
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*.png") if path != lost}
    lost.unlink()
    assert "1 picture made, 5 kept" in world.works(picture_folder, "--scales", "2,2.5,7", script=prepare)
    assert before == {path: path.stat().st_mtime_ns for path in before} and lost.is_file()
    assert "6 pictures made" in world.works(picture_folder, "--scales", "2,2.5,7", "--overwrite", script=prepare)


def test_prepare_is_exact(world, data, tmp_path):
    """The LR pictures of Set5 equal the distributed files bit for bit."""
    world.works(data / "benchmark/Set5", "--scales", "4", "--out", tmp_path / "lr", script=prepare)
    files = sorted((tmp_path / "lr").rglob("*.png"))
    assert len(files) == 5
    for file in files:
        given = data / "benchmark/Set5/LR_bicubic" / file.relative_to(tmp_path / "lr")
        np.testing.assert_array_equal(np.array(Image.open(file)), np.array(Image.open(given)))


def test_prepare_store(world, picture_folder, tmp_path, monkeypatch):
    """Training reads the store that the script made, and decodes nothing."""
    monkeypatch.setenv("IPE_SR_CACHE", str(tmp_path / "cache"))
    assert f"{tmp_path / 'cache'}: 2 pictures, 0.00 GB" in world.works(picture_folder, "--store", script=prepare)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    store = loop.load_store((str(picture_folder),))
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()} and len(before) == 3
    for i, path in enumerate(datasets.find(picture_folder).hr):
        np.testing.assert_array_equal(store.picture(i).numpy(), np.array(Image.open(path)))
    assert not (picture_folder / "LR_bicubic").exists()
    monkeypatch.setenv("IPE_SR_CACHE", str(picture_folder / "picture0.png"))
    world.fails(picture_folder, "--store", says="picture0.png: cannot be made a folder", script=prepare)


def test_bad_prepare(world, picture_folder, tmp_path):
    for arguments, says in [
        ((picture_folder, "--scales", "2,x"), "--scales: 'x' is not a number"), ((picture_folder, "--scales", "1"), "range"),
        ((picture_folder, "--scales", "60"), "too small for scale 60"), ((tmp_path / "none",), "none: no such folder"),
        ((picture_folder / "picture0.png",), "is a file"), ((), "FOLDER"),
        ((picture_folder, "--store", "--out", tmp_path), "--out: the store goes into the cache; set IPE_SR_CACHE"),
    ]:
        world.fails(*arguments, says=says, script=prepare)
    Image.new("RGB", (8, 8)).save(picture_folder / "picture0.bmp")
    world.fails(picture_folder, says="would get the same name as", script=prepare)
    assert not (picture_folder / "LR_bicubic").exists()


def test_datasets_yaml():
    """Every entry is complete and well-formed, and no two entries install the same destination."""
    raw = yaml.safe_load(catalogue.FILE.read_text(encoding="utf-8"))
    assert len(raw) == 8
    places = []
    for name, entry in raw.items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert set(entry) == {"title", "urls", "file", "bytes", "hash", "licence", "installs"}
        assert entry["title"] and entry["licence"] and entry["urls"]
        assert all(url.startswith(("https://", "pypi:")) for url in entry["urls"])
        assert entry["bytes"] is None or entry["bytes"] > 10**6
        assert re.fullmatch(r"sha256:[0-9a-f]{64}|md5:[0-9a-f]{32}", entry["hash"])
        for place, source in entry["installs"].items():
            assert not Path(place).is_absolute() and ".." not in Path(place).parts
            assert set(source) <= {"from", "sha256"} and re.fullmatch(r"[0-9a-f]{64}", source.get("sha256", "0" * 64))
            places.append(place)
    assert len(set(places)) == len(places)
    assert list(catalogue.entries()) == list(raw)


def test_as_a_program(tmp_path):
    """Without a name, download shows a list; an unknown name is one line."""
    def run(*arguments):
        home = Path(catalogue.__file__).parents[1]
        return subprocess.run([sys.executable, "-m", *arguments], cwd=home, capture_output=True, text=True)

    listed = run("data_scripts.download")
    assert listed.returncode == 0 and len(listed.stdout.splitlines()) == 8
    wrong = run("data_scripts.verify", "set6", "--out", str(tmp_path))
    assert wrong.returncode == 2 and wrong.stderr.startswith("verify: 'set6' is unknown: use one of div2k-train-hr, ")


def test_manifest(world):
    world.offer(zipped(GOOD))
    world.works("pictures")
    manifest = json.loads((world.root / ".installed/pictures.json").read_text(encoding="utf-8"))
    assert manifest["files"]["set/HR/a.png"] == {"bytes": len(NOISE), "sha256": hashlib.sha256(NOISE).hexdigest()}
