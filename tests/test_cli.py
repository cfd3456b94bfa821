import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ipe_sr
from ipe_sr import cli, console, models, options
from ipe_sr.errors import InputError
from ipe_sr.series import documents
from ipe_sr.training import schedules


class Custom:
    """Needs unpickling."""


@pytest.fixture
def place(tmp_path, pixels, monkeypatch, picture_folder):
    """Makes a temporary folder with good and bad input the current folder."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(pixels(30, 24)).save("good.png")
    Image.fromarray(pixels(30, 24, 4)).save("rgba.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:500])
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("Not a picture.", encoding="utf-8")
    (tmp_path / "nothing").mkdir()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "text.pth").write_text("Not a checkpoint.", encoding="utf-8")
    (tmp_path / "lost").mkdir()
    (tmp_path / "lost" / "b.png").symlink_to("nowhere")
    (tmp_path / "twins").mkdir()
    for suffix in ("png", "jpg"):
        Image.fromarray(pixels(30, 24)).save(f"twins/a.{suffix}")
    torch.save(Custom(), "evil.pth")
    models.save(models.load("bicubic"), "bicubic.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "bicubic.safetensors").read_bytes()[:40])
    return tmp_path


@pytest.fixture
def run(monkeypatch, capsys):
    """run(arguments) -> exit status, stdout, stderr."""
    def call(line: str):
        monkeypatch.setattr(sys, "argv", ["ipe-sr", *line.split()])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return caught.value.code or 0, captured.out, captured.err

    return call


def complaint(status, err, *words):
    """Checks for exit status 2 and one line that contains these words."""
    assert status == 2
    assert err.startswith("ipe-sr: ") and err.endswith("\n") and len(err.splitlines()) == 1, err
    for word in words:
        assert word in err


@pytest.mark.parametrize(("arguments", "size"), [
    ("--scale 2", (60, 48)), ("--scale 2.7 --model bicubic", (81, 65)), ("--scale 1,3", (30, 72)), ("--size 61x97", (61, 97)),
    ("--size 61X97 --model bicubic.safetensors", (61, 97)), ("--scale 2 --model bicubic --dtype bf16 --device cpu", (60, 48)),
    ("--scale 1.5 --self-ensemble", (45, 36)),
])
def test_upscale(place, run, arguments, size):
    status, out, err = run(f"upscale good.png out.png {arguments}")
    assert status == 0 and out == f"out.png: {size[1]} x {size[0]} pixels\n"
    assert ("bicubic" if "bicubic" in arguments else "ipe-liif") in err and "Traceback" not in err
    assert Image.open("out.png").size == size[::-1]


@pytest.mark.parametrize(("arguments", "name", "size"), [
    ("--scale 2.5", "good_x2.5.png", (75, 60)), ("--scale 2,3", "good_x2-3.png", (60, 72)), ("--size 61x97", "good_61x97.png",
     (61, 97)), ("--width 48", "good_w48.png", (60, 48)), ("--height 60", "good_h60.png", (60, 48)),
    ("--fit 70x70", "good_fit70x70.png", (70, 56)), ("--scale 2 --suffix _large", "good_large.png", (60, 48)),
    ("--scale 2 --format WEBP --lossless", "good_x2.webp", (60, 48)), ("--scale 2 --format jpg --quality 50", "good_x2.jpg",
     (60, 48)), ("--width 48 --height 90", "good_w48.png", (90, 48)),
])
def test_a_result_without_a_name_lies_beside_the_picture(place, run, arguments, name, size):
    status, out, err = run(f"upscale good.png --model bicubic {arguments}")
    assert status == 0 and out == f"{name}: {size[1]} x {size[0]} pixels\n", err
    assert Image.open(name).size == size[::-1]
    assert ("aspect ratio" in err) == (arguments in ("--size 61x97", "--width 48 --height 90"))


def test_fast_is_the_field(place, run):
    assert run("upscale good.png fast.png --scale 2 --fast")[0] == 0
    assert run("upscale good.png field.png --scale 2 --model ipe-field")[0] == 0
    assert Path("fast.png").read_bytes() == Path("field.png").read_bytes()


def test_version_and_models(run):
    status, out, _ = run("--version")
    assert (status, out) == (0, f"ipe-sr {ipe_sr.__version__}\n")
    status, out, _ = run("models")
    assert status == 0
    for name in models.released():
        assert name in out and name in models.PURPOSES


@pytest.mark.parametrize("line", ["--dtype FP32", "--model BICUBIC", "--model Bicubic.SAFETENSORS", "--device CPU"])
def test_capitals_do_not_matter(place, run, line):
    (place / "bicubic.safetensors").rename("Bicubic.SAFETENSORS")
    assert run(f"upscale good.png out.png --scale 2 --model bicubic {line}")[0] == 0


BAD_SCALES = ("0", "-1", "nan", "inf", "0.5", "abc", "2,2,2", "2,0", "1e400")
BAD_SIZES = ("0x5", "axb", "100", "-5x5", "5.5x90", "10x10x3")
BAD_UPSCALES = [
    ("none.png out.png --scale 2", "none.png: no such file"), ("empty.png out.png --scale 2", "empty.png: is empty"),
    ("cut.png out.png --scale 2", "cut.png: damaged"), ("text.png out.png --scale 2", "text.png: not a picture"),
    ("nothing out.png --scale 2", "nothing: is a folder"),
    *((f"good.png out.png --scale={scale}", "--scale") for scale in BAD_SCALES),
    *((f"good.png out.png --size={size}", "--size") for size in BAD_SIZES),
    ("good.png out.png --size 10x100", "10x100 is smaller"), ("good.png out.png", "either a scale or a size"),
    ("good.png out.png --scale 2 --size 90x90", "either a scale or a size"), ("good.png out.png --scale 1000000", "GiB"),
    ("good.png out.png --size 1000000x1000000", "GiB"), ("rgba.png out.jpg --scale 2", "alpha"),
    ("good.png out.xyz --scale 2", "out.xyz"), ("good.png out --scale 2", "without suffix"),
    ("good.png missing/out.png --scale 2", "missing"), ("good.png out.png --scale 2 --model nonesuch", "'nonesuch'"),
    ("good.png out.png --scale 2 --model rdn-liif", "'rdn-liif'"),
    ("good.png out.png --scale 2 --model none.pth", "none.pth: no such file"),
    ("good.png out.png --scale 2 --fast --model bicubic", "--fast chooses the model ipe-field"),
    ("good.png out.png --scale 2 --model evil.pth", "unpickling"),
    ("good.png out.png --scale 2 --model text.pth", "text.pth: not a PyTorch checkpoint"),
    ("good.png out.png --scale 2 --model empty.png", "empty.png"), ("good.png folder.png --scale 2", "folder.png: is a folder"),
    ("good.png out.webp --size 16384x30", "WEBP allows 16383"), ("good.png out.png --scale 2 --device meta", "'meta'"),
    ("good.png out.png --scale 2 --model cut.safetensors", "cut.safetensors"),
    ("good.png out.png --size 3x65520", "smaller"), ("good.png out.jpg --size 30x65520", "JPEG allows 65500"),
    ("good.png out.png --scale 2 --quality 50", "has no quality"), ("good.png out.jpg --scale 2 --lossless", "is not lossless"),
    ("good.png out.jpg --scale 2 --quality 0", "--quality"), ("good.png --scale 2 --format gif", "'gif'"),
    ("good.png out.png --width 0", "--width"), ("good.png out.png --fit 10", "--fit"),
    ("good.png out.png --fit 5x5", "smaller"),
    ("good.png out.png --scale 2 --width 90", "either a scale or a size"), ("good.png --scale 2 --suffix a/b", "--suffix"),
    ("good.png out.png --scale 2 --max-pixels none", "--max-pixels"), ("good.png --out good.png --scale 2", "is a file"),
    ("none.png --out new --scale 2", "none.png: no such file"), ("nothing --out new --scale 2", "no pictures there"),
    ("good.png --out . --scale 2", "would replace it"), ("good.png --out new", "either a scale or a size"),
    ("good.png --out new --scale 2 --quality 50", "none of the results has one"),
    ("good.png twins/a.png pictures --out new --scale 2 --dtype int8", "'int8'"),
    ("good.png --out new --scale 2 --model none", "'none'"), ("good.png --out new --scale 2 --device tpu", "'tpu'"),
    ("twins --out new --scale 2 --lossless", "add --format webp"), ("good.png out.png --scale 2 --skip-existing", "--out"),
    ("good.png out.png --scale 2 --dtype int8", "'int8'"), ("good.png out.png --scale 2 --device tpu", "'tpu'"),
    ("good.png out.png --scale 2 --colour red", "--colour"), ("good.png", "either a scale or a size"), ("", "IN"),
    ("good.png out.png --scale", "--scale"), ("good.png out.png extra --scale 2", "--out"),
]


@pytest.mark.parametrize(("arguments", "word"), BAD_UPSCALES)
def test_bad_upscales_are_one_line_and_leave_nothing(place, run, arguments, word):
    before = sorted(place.rglob("*"))
    status, out, err = run(f"upscale {arguments}")
    complaint(status, err, word)
    assert out == ""
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(("arguments", "word"), [
    ("bicubic out.onnx --scale 2", "cannot be exported"), ("nonesuch out.onnx --scale 2", "'nonesuch'"),
    ("ipe-field-light out.onnx", "--dynamic"), ("ipe-field-light out.onnx --scale 2 --dynamic", "--dynamic"),
    ("ipe-field-light out.onnx --dynamic", "whole-number"), ("ipe-field-light out.txt --scale 2", ".onnx"),
    ("ipe-field-light missing/out.onnx --scale 2", "missing"), ("ipe-field-light out.onnx --scale 0", "--scale"),
])
def test_bad_exports_are_one_line_and_leave_nothing(place, run, arguments, word):
    before = sorted(place.rglob("*"))
    status, out, err = run(f"export {arguments}")
    complaint(status, err, word)
    assert out == "" and sorted(place.rglob("*")) == before


def test_export_says_what_it_wrote(place, run):
    status, out, err = run("export ipe-field-light out.safetensors --scale 2")
    assert status == 0 and out.startswith("out.safetensors: ") and "differ by at most" in out and not err


@pytest.mark.parametrize(("arguments", "word"), [
    ("--data nonesuch", "'nonesuch'"), ("--data nothing", "holds no pictures"), ("--model nonesuch", "'nonesuch'"),
    ("--model evil.pth", "unpickling"), ("--protocol imagenet", "'imagenet'"), ("--ssim hsv", "'hsv'"),
    ("--colour red", "--colour"),
    *((f"--scales={scales}", "--scales") for scales in ("nan", "0", "abc", "2,,3", "-2", "0.5", "inf")),
    ("--scales 40", "picture0.png"), ("--scales 1000", "picture0.png"), ("--json missing/a.json", "missing"),
    ("--data pictures,", "--data 'pictures,'"), ("--data=", "--data ''"), ("--data lost", "b.png: no such file"),
    ("--data twins", "several pictures named 'a'"), ("--device meta", "'meta'"),
    ("--json nothing", "folder"), ("--device tpu", "'tpu'"), ("extra", "extra"),
])
def test_bad_evaluations_are_one_line_and_leave_nothing(place, run, arguments, word):
    before = sorted(place.rglob("*"))
    defaults = {"--model": "bicubic", "--data": "pictures", "--scales": "2", "--json": "scores.json"}
    kept = [f"{option} {value}" for option, value in defaults.items() if not arguments.startswith(option)]
    status, out, err = run(f"evaluate {' '.join(kept)} {arguments}")
    complaint(status, err, word)
    assert out == ""
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(("line", "word"), [
    ("evaluate --data pictures --scales 2", "--model"), ("evaluate --model bicubic --scales 2", "--data"),
    ("evaluate --model bicubic --data pictures", "--scales"), ("nonesuch", "nonesuch"), ("--nonesuch", "--nonesuch"),
])
def test_missing_and_unknown_words(place, run, line, word):
    status, _, err = run(line)
    complaint(status, err, word)


def strictly(text):
    """Reads JSON of the standard, which has no NaN and no Infinity."""
    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(text, parse_constant=refuse)


def test_evaluate_writes_json(place, run):
    options = "--scales 2 --scales 2.5 --protocol div2k --ssim luma --json scores.json"
    status, out, err = run(f"evaluate --model bicubic --data pictures {options}")
    assert status == 0, err
    records = strictly((place / "scores.json").read_text(encoding="utf-8"))["scores"]
    assert [record["scale"] for record in records] == [2, 2.5]
    for record in records:
        assert {"data", "scale", "protocol", "psnr", "ssim", "images"} <= record.keys()
        assert (record["data"], record["protocol"], record["ssim_convention"]) == ("pictures", "div2k", "luma")
        assert [image["name"] for image in record["images"]] == ["picture0", "picture1"]
        assert record["psnr"] == pytest.approx(np.mean([image["psnr"] for image in record["images"]]))
        assert f"{record['psnr']:.2f}" in out and f"{record['ssim']:.4f}" in out


def test_a_bad_picture_among_good_ones_is_named_and_left_out(place, run):
    (place / "pictures" / "._picture0.png").write_bytes(b"a Mac's shadow file")
    (place / "pictures" / "bad.png").write_bytes((place / "good.png").read_bytes()[:300])
    status, out, err = run("evaluate --model bicubic --data pictures --scales 2 --json scores.json")
    assert status == 1 and err.startswith("ipe-sr: left out: pictures/bad.png: damaged") and len(err.splitlines()) == 1
    scored = strictly((place / "scores.json").read_text(encoding="utf-8"))["scores"][0]["images"]
    assert [each["name"] for each in scored] == ["picture0", "picture1"] and "pictures" in out


def test_perfect_scores_are_still_json(place, run):
    status, out, _ = run("evaluate --model bicubic --data pictures --scales 1 --json scores.json")
    assert status == 0 and "inf" in out
    assert strictly((place / "scores.json").read_text(encoding="utf-8"))["scores"][0]["ssim"] == pytest.approx(1)


def test_published_bicubic_figures(data, run, tmp_path):
    status, out, err = run(f"evaluate --data set5 --model bicubic --protocol srcnn --scales 2,3,4 --json {tmp_path / 'a.json'}")
    assert status == 0, err
    records = strictly((tmp_path / "a.json").read_text(encoding="utf-8"))["scores"]
    assert [record["psnr"] for record in records] == pytest.approx([33.66, 30.39, 28.42], abs=0.01)
    for figure in ("33.66", "30.39", "28.42"):
        assert figure in out


@pytest.mark.parametrize(("line", "words"), [
    ("--help", ["upscale", "evaluate", "notebooks"]), ("upscale --help", ["--scale", "--size"]),
])
def test_help(run, line, words):
    status, out, _ = run(line)
    assert status == 0 and all(word in out for word in words)


def test_without_arguments_it_shows_help(run):
    status, out, err = run("")
    assert status in (0, 2)
    assert len((out + err).splitlines()) > 5 and "upscale" in out + err


def test_as_a_program(place):
    command = [sys.executable, "-c", "from ipe_sr.cli import main; main()", "upscale", "good.png", "out.tif"]
    done = subprocess.run([*command, "--scale", "1.5"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "out.tif: 36 x 45 pixels\n")
    done = subprocess.run([*command, "--scale", "nan"], capture_output=True, text=True)
    complaint(done.returncode, done.stderr, "--scale")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("line", ["notebooks --notebooks SERIES", "course grade IN OUT --exercises SERIES/exercises"])
def test_numbers_given_one_by_one_add_up(place, run, line):
    pytest.importorskip("nbgrader", reason="grading needs nbgrader: pip install 'ipe_sr[course]'")
    series = Path(__file__).parents[1] / "notebooks"
    status, _, err = run(f"{line.replace('SERIES', str(series))} --only 99 --only 01,02")
    complaint(status, err, "'99'")


@pytest.mark.parametrize(("text", "value"), [
    ("x=1e-4", 1e-4), ("x=1E5", 1e5), ("x=.5", 0.5), ("x=0x10", 16), ('x="1e-4"', "1e-4"), ("x=[1e-3, 2]", [1e-3, 2]),
    ("x=yes", True), ('x=""', ""), ("x=null", None), ("x=a=b", "a=b"),
])
def test_settings_are_yaml(text, value):
    """Every command reads the value of --set with this parser."""
    key, read = options.setting(text)
    assert (key, read) == ("x", value) and type(read) is type(value)


@pytest.mark.parametrize(("text", "word"), [
    ("x=", "has no value"), ("x=  ", "has no value"), ("x", "is not KEY=VALUE"), ("=3", "is not KEY=VALUE"),
    ("x y=3", "is not KEY=VALUE"), ("x=[1", "not readable as YAML"),
])
def test_what_is_no_setting_is_one_line(text, word):
    with pytest.raises(InputError, match=word) as caught:
        options.setting(text)
    assert str(caught.value).startswith(f"--set {text!r}") and "\n" not in str(caught.value)


def test_a_number_without_a_point_is_a_number_in_training_and_in_the_series(tmp_path):
    assert schedules.preset("tiny-liif", dict([options.setting("learning_rate=1e-4")])).schedule.learning_rate == 1e-4
    given = dict([options.setting("rate=1e-4")])
    assert documents.resolve({"rate": 0.5}, given, tmp_path / "a.ipynb") == {"rate": 1e-4}


def test_messages_are_printed_as_they_are(capsys):
    """Brackets in a path are no markup."""
    for each in (console.out, console.err):
        each.print("runs/[a]/m.safetensors [/x]")
    captured = capsys.readouterr()
    assert captured.out == captured.err == "runs/[a]/m.safetensors [/x]\n"


def test_help_does_not_wait_for_torch():
    code = "import sys, ipe_sr.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


BARE = """
import sys
class NotInstalled:
    def find_spec(name, *_):
        if name in ("lightning", "nbformat", "snakemake", "tornado"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, NotInstalled)
from ipe_sr import cli
for line in sys.argv[1:]:
    sys.argv = ["ipe-sr", *line.split()]
    try:
        cli.main()
    except SystemExit as ended:
        print(ended.code)
"""
NEEDED = {
    "train tiny-ipe-liif": "training needs the package lightning: pip install 'ipe_sr[train]'",
    "sweep table4": "a sweep needs the package nbformat: pip install 'ipe_sr[notebooks,train,sweep]'",
    "notebooks": "the series needs the package nbformat: pip install 'ipe_sr[notebooks]'",
    "course release OUT": "handing out needs the package nbformat: pip install 'ipe_sr[course]'",
    "course check a.ipynb": "checking needs the package nbformat: pip install 'ipe_sr[notebooks]'",
    "course grade IN OUT": "grading needs the package nbformat: pip install 'ipe_sr[course]'",
    "app": "the app needs the package tornado: pip install 'ipe_sr[app]'",
}


def test_a_missing_package_is_one_line_that_says_what_to_install(place):
    done = subprocess.run([sys.executable, "-c", BARE, *NEEDED], capture_output=True, text=True)
    assert done.stdout.split() == ["2"] * len(NEEDED), done.stderr
    assert done.stderr.splitlines() == [f"ipe-sr: {line}" for line in NEEDED.values()]
