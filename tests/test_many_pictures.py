"""A folder of photographs in, a folder out: what is written, skipped and said, and what a kill leaves."""

import os
import signal
import subprocess
import sys
import time

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from ipe_sr import InputError, files
from ipe_sr.imaging import images
from ipe_sr.upscaling import Target, pictures
from ipe_sr.upscaling.jobs import plan
from ipe_sr.upscaling.pictures import Settings

TWICE = Settings(Target(2), "bicubic")
BROKEN, OTHERS = 8, 5


def mixed(folder, count=200):
    """A folder of `count` small pictures of many kinds in a tree, some of them broken, and a few other files.

    Returns place -> size (h, w) of the upright picture, or None for a broken one.
    """
    rng, sizes = np.random.default_rng(0), {}
    for number in range(count):
        place = folder / ("", "2024/summer", "2025", "a b/ü")[number % 4]
        place.mkdir(parents=True, exist_ok=True)
        h, w = (int(n) for n in rng.integers(6, 30, 2))
        rgb = np.kron(rng.integers(0, 256, (1 + h // 4, 1 + w // 4, 3), np.uint8), np.ones((4, 4, 1), np.uint8))[:h, :w]
        rgb, upright, kind = np.ascontiguousarray(rgb), (h, w), number % 25
        if kind < BROKEN and number >= 25 and number < 25 + BROKEN:
            path = place / f"{number}.jpg"
            Image.fromarray(rgb).save(path)
            path.write_bytes(path.read_bytes()[: 20 * kind])
            sizes[path] = None
            continue
        if kind < 8:
            path = place / f"{number}.JPG"
            exif = Image.Exif()
            exif[images.ORIENTATION] = kind + 1
            Image.fromarray(rgb).save(path, exif=exif, quality=90)
            upright = (h, w) if kind < 4 else (w, h)
        elif kind < 10:
            path = place / f"{number}.jpg"
            Image.fromarray(rgb).convert("L" if kind == 8 else "CMYK").save(path)
        elif kind < 13:
            path = place / f"{number}.{('png', 'tif', 'jp2')[kind - 10]}"
            deep = rgb.astype(np.uint16) * 257
            if kind == 12:
                path.write_bytes(imagecodecs.jpeg2k_encode(deep, level=0))
            else:
                images.write(path, images.Picture(deep))
        elif kind < 16:
            path = place / f"{number}.{('gif', 'webp', 'png')[kind - 13]}"
            frames = [Image.fromarray(rgb), Image.new("RGB", (w, h))]
            frames[0].save(path, save_all=True, append_images=frames[1:])
        elif kind < 19:
            path = place / f"{number}.{('png', 'webp', 'tif')[kind - 16]}"
            Image.fromarray(np.dstack([rgb, rgb[..., :1]])).save(path)
        elif kind < 21:
            path = place / f"{number}.{('png', 'gif')[kind - 19]}"
            Image.fromarray(rgb).quantize(16).save(path)
        else:
            path = place / f"{number}.{('bmp', 'avif', 'ppm', 'jxl')[kind - 21]}"
            path.write_bytes(imagecodecs.jpegxl_encode(rgb)) if kind == 24 else Image.fromarray(rgb).save(path)
        sizes[path] = upright
    for number in range(OTHERS):
        (folder / f"note{number}.txt").write_text("not a picture", encoding="utf-8")
    (folder / "._0.JPG").write_bytes(b"a Mac's shadow file")
    return sizes


def results(sizes, folder, out):
    """place of the result -> its size, doubled."""
    kept = {".jpg", ".png", ".webp", ".tif", ".avif"}
    readable = {path.relative_to(folder): size for path, size in sizes.items() if size}
    return {
        out / path.with_suffix(path.suffix if path.suffix.lower() in kept else ".png"): (2 * h, 2 * w)
        for path, (h, w) in readable.items()
    }


def command(*arguments):
    return [sys.executable, "-m", "ipe_sr", "upscale", *map(str, arguments)]


def there(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


def test_a_folder_of_200_mixed_pictures_killed_in_the_middle_and_run_again(tmp_path):
    """Everything that can be read is written, once; what is broken is named; nothing else is left."""
    sizes, out = mixed(tmp_path / "in"), tmp_path / "out"
    due = results(sizes, tmp_path / "in", out)
    line = command(tmp_path / "in", "--out", out, "--scale", 2, "--model", "bicubic", "--skip-existing")
    with open(tmp_path / "log", "wb") as log:
        first = subprocess.Popen(line, stdout=log, stderr=log)
        while len(there(out)) < 40 and first.poll() is None:
            time.sleep(0.01)
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = {path: path.stat().st_mtime_ns for path in there(out)}
    whole = {path for path in before if not path.name.startswith(files.TEMPORARY)}
    assert 30 < len(whole) < len(due) and whole <= due.keys()
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"{len(due) - len(whole)} pictures written, {len(whole)} skipped" in done.stdout
    assert f"{BROKEN} FAILED, {OTHERS} other files left alone" in done.stdout
    broken = {path for path, size in sizes.items() if size is None}
    assert all(sum(line.startswith(f"ipe-sr: {path}: ") for line in done.stderr.splitlines()) == 1 for path in broken)
    assert there(out) == due.keys(), "no unfinished file is left"
    assert all(path.stat().st_mtime_ns == before[path] for path in whole)
    for path, size in due.items():
        assert images.read(path).pixels.shape[:2] == size, path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_asked_to_stop_leaves_no_unfinished_file(tmp_path, pixels, number):
    for i in range(40):
        Image.fromarray(pixels(200, 200, seed=i)).save(tmp_path / f"{i}.png")
    out = tmp_path / "out"
    running = subprocess.Popen(
        command(tmp_path, "--out", out, "--scale", 3, "--model", "bicubic"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),   # a shell starts jobs in the background without SIGINT
    )
    while not (out.is_dir() and len(there(out)) > 2):
        time.sleep(0.01)
    running.send_signal(number)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 128 + number and b"Traceback" not in said
    assert 2 < len(there(out)) < 40
    assert all(images.read(path).pixels.shape == (600, 600, 3) for path in there(out))


def test_all_results_are_those_of_single_pictures(tmp_path):
    sizes = {path: size for path, size in mixed(tmp_path / "in", 25).items() if size}
    jobs = plan([str(tmp_path / "in")], tmp_path / "out", TWICE.encoding).jobs
    with pytest.warns(UserWarning, match="only the first"):
        outcome = pictures.upscale_all(jobs, TWICE)
        assert (outcome.written, outcome.failures) == (len(sizes), {})
        assert outcome.pixels == sum(4 * h * w for h, w in sizes.values())
        for job in jobs:
            single = tmp_path / job.target.name
            pictures.upscale_file(job.source, single, 2, model="bicubic")
            assert single.read_bytes() == job.target.read_bytes()


def test_the_model_is_loaded_once_and_progress_adds_up(tmp_path, picture_folder, monkeypatch, tiny):
    shares, begun = [], []
    jobs = plan([str(picture_folder)], tmp_path / "out", TWICE.encoding).jobs
    settings = Settings(Target(2), tiny())
    pictures.upscale_all(jobs, settings, begin=lambda job, done, pixels: begun.append((done, pixels)), advance=shares.append)
    assert sum(shares) == pytest.approx(len(jobs))
    assert [done for done, _ in begun] == [0, 1] and begun[0][1] == 0


@pytest.fixture
def tree(tmp_path, pixels, monkeypatch):
    """Pictures at a/x.png, a/in/y.jpg, a/in/y.png, b/x.png and z.bmp, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a/x.png", "a/in/y.jpg", "a/in/y.png", "b/x.png", "z.bmp"):
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        Image.fromarray(pixels(8, 9)).save(name)
    return tmp_path


@pytest.mark.parametrize(("inputs", "options", "due"), [
    (["a"], {}, {"x.png", "in/y.jpg", "in/y.png"}), (["a", "b"], {}, {"a/x.png", "a/in/y.jpg", "a/in/y.png", "b/x.png"}),
    (["a/x.png", "z.bmp"], {}, {"x.png", "z.png"}), (["a/in/*"], {}, {"y.jpg", "y.png"}),
    (["a"], {"ending": ".webp"}, {"x.webp", "in/y_jpg.webp", "in/y_png.webp"}), (["a/x.png", "a"], {}, {"x.png", "in/y.jpg",
     "in/y.png"}), (["b"], {"suffix": "_large"}, {"x_large.png"}), (["**/y.*"], {}, {"y.jpg", "y.png"}),
])
def test_where_results_go(tree, inputs, options, due):
    jobs = plan(inputs, tree / "out", TWICE.encoding, **options).jobs
    assert {job.target.relative_to(tree / "out").as_posix() for job in jobs} == due


def test_results_within_the_folder_are_not_taken_for_pictures(tree):
    for _ in range(2):
        jobs = plan(["."], tree / "out", TWICE.encoding).jobs
        assert len(jobs) == 5
        pictures.upscale_all(jobs, TWICE)


@pytest.mark.parametrize(("inputs", "out", "word"), [
    (["a/x.png", "b/x.png"], "out", "both become"), (["a"], "a", "would replace it"), (["none"], "out", "none: no such file"),
    (["*.gif"], "out", "no such file"),
])
def test_plans_that_would_lose_something_are_refused(tree, inputs, out, word):
    with pytest.raises(InputError, match=word):
        plan(inputs, tree / out, TWICE.encoding)


@pytest.mark.parametrize(("target", "size"), [
    (Target(fit=(100, 100)), (100, 50)), (Target(fit=(30, 100)), (30, 15)), (Target(width=33), (66, 33)),
    (Target(height=33), (33, 16)), (Target(width=20, height=41), (41, 20)), (Target(1.5), (30, 15)),
    (Target(size=(20, 90)), (20, 90)),
])
def test_sizes(target, size):
    assert target.of((20, 10)) == size
    assert target.distorts((20, 10)) == (size == (20, 90))


def test_unfinished_files_of_running_processes_stay(tmp_path):
    ours, dead = tmp_path / f"{files.TEMPORARY}{os.getpid()}-x.png", tmp_path / f"{files.TEMPORARY}999999999-x.png"
    ours.touch()
    dead.touch()
    files.remove_unfinished(tmp_path)
    assert list(tmp_path.iterdir()) == [ours]


def test_the_longest_name_that_a_folder_takes(tmp_path, pixels):
    name = "ä" * 125 + ".png"
    pictures.upscale_file(saved(tmp_path / "a.png", pixels), tmp_path / name, 2, model="bicubic")
    assert images.read(tmp_path / name).pixels.shape == (16, 18, 3)


def saved(path, pixels):
    Image.fromarray(pixels(8, 9)).save(path)
    return path


def test_names_that_the_terminal_cannot_show(tmp_path, pixels):
    source = saved(tmp_path / "\U0001f600.png", pixels)
    line = command(source, tmp_path / "\U0001f600\U0001f600.png", "--scale", 2, "--model", "bicubic")
    done = subprocess.run(line, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "cp1252"})
    assert done.returncode == 0 and rb"\U0001f600" in done.stdout, done.stderr


def test_from_stdin_to_stdout(tmp_path, pixels):
    data = saved(tmp_path / "a.png", pixels).read_bytes()
    done = subprocess.run(command("-", "-", "--scale", 2, "--model", "bicubic"), input=data, capture_output=True)
    assert done.returncode == 0 and images.decode(done.stdout, "result").pixels.shape == (16, 18, 3)


def test_what_does_not_fit_into_the_memory_of_the_process_is_one_line(tmp_path, pixels):
    resource = pytest.importorskip("resource", reason="Windows has no such limits")
    saved(tmp_path / "a.png", pixels)
    line = command(tmp_path / "a.png", tmp_path / "b.png", "--size", "40000x40000", "--model", "bicubic")
    done = subprocess.run(
        line, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)),
    )
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "GiB" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"a.png"}
