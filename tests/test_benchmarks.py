"""The benchmarks: each starts, and each prints what it promises. How fast anything is stands in no test."""

import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ipe_sr import figures, models
from ipe_sr.benchmarks import __main__ as benchmarks
from ipe_sr.benchmarks import budget, cases, frequencies, pareto, profile, readme_picture, variants
from ipe_sr.benchmarks.memory import peak_of

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted(
    path.stem for path in Path(benchmarks.__file__).parent.glob("*.py") if "\ndef main()" in path.read_text(encoding="utf-8")
)


def module(name):
    return "ipe_sr.benchmarks" if name == "__main__" else f"ipe_sr.benchmarks.{name}"


def start(name, *words):
    return subprocess.run([sys.executable, "-m", module(name), *words], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_program_starts_and_explains_itself(name):
    done = start(name, "--help")
    assert done.returncode == 0 and f"usage: python -m {module(name)} [-h]" in done.stdout, done.stderr


def test_the_first_help_page_lists_the_other_programs():
    listed = re.findall(r"^  python -m ipe_sr\.benchmarks\.(\w+) ", benchmarks.__doc__, re.M)
    assert sorted([*listed, "__main__"]) == PROGRAMS


@pytest.mark.parametrize(("name", "words", "message"), [
    ("__main__", ["--methods", "nonsense"], "nonsense"), ("profile", ["nonsense"], "nonsense"),
    ("schedules", ["--set", "steps"], "--set 'steps'"), ("variants", ["nowhere.pth", "--data", "samples"], "nowhere.pth"),
    ("budget", ["nonsense"], "nonsense"), ("budget", ["ipe-liif", "--tflops", "nan"], "must be positive"),
    ("memory", ["12", "24x24"], "LR: '12' is not HxW in pixels, such as 1080x1920"),
    ("readme_picture", ["--out", "nowhere/a.png"], "nowhere"),
    ("pareto", ["--figure", "a.png"], "--figure a.png: the figure is a PDF file"),
])
def test_a_mistake_of_the_user_gives_one_line(name, words, message):
    """argparse also prints the usage before its own message."""
    done = start(name, *words)
    assert done.returncode == 2 and message in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_the_budget_of_a_training():
    operations, size = budget.measure("field", 1)
    assert 1e9 < operations < 1e11 and 1e7 < size < 1e9
    assert budget.hours(3.6e15, 1000, 1000.0) == pytest.approx(1)


def test_benchmarks_import_nothing_from_outside_the_package():
    for path in Path(benchmarks.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) (tests|notebooks|data_scripts)\b", text, re.M), path


def test_the_picture_of_the_readme_can_be_made_again():
    """The stored picture is the one that the command draws, and the README states its figures."""
    details = {name: picture[readme_picture.DETAIL] for name, picture in readme_picture.versions().items()}
    made, stored = (
        np.asarray(Image.open(source).convert("RGB"), np.float64)
        for source in (io.BytesIO(figures.png(readme_picture.draw(details))), ROOT / "notebooks" / "readme.png")
    )
    assert made.shape == stored.shape
    assert np.abs(made - stored).mean() < 0.5, "other processors round some pixels in another way, but not many"
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(notebooks/readme.png)" in text
    for psnr in readme_picture.quality(details).values():
        assert f"{psnr:.1f} dB" in text


def test_the_table(tmp_path, monkeypatch, capsys):
    """The table has every case that was asked for, with ratios that fit its seconds."""
    out = tmp_path / "speed.json"
    small = "--side 8 --scale 2 --rounds 1 --threads 1 --batch 1 --methods ipe-lmf metasr --no-memory --json"
    monkeypatch.setattr("sys.argv", ["benchmarks", *small.split(), str(out)])
    benchmarks.main()
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    done = {(row["task"], row["case"]) for row in rows}
    for task in ("decode", "train, batch 1"):
        for method in ("liif", "ipe-lmf", "metasr"):
            assert {(task, f"{method} textbook fp32"), (task, f"{method} fast fp32")} <= done
    assert ("decode", "matrix products fp32") in done
    for row in rows:
        assert row["seconds"] > 0 and row["threads"] == 1
        task = "decode" if row["task"] == "encode" else row["task"]
        base = next(r for r in rows if r["task"] == task and r["case"] == "liif textbook fp32")
        assert row["times_as_fast"] == base["seconds"] / row["seconds"]
    limits = {row["case"]: row["of_limit"] for row in rows if row["task"] != "train, batch 1"}
    assert limits["matrix products fp32"] == 1 and all(share > 0 for share in limits.values()) and "encoder edsr fp32" in limits
    assert "ipe-lmf fast fp32" in capsys.readouterr().out


def test_the_frontier_holds_what_nothing_else_beats():
    """By the definition: of any two on it, the slower is better; each of the others is beaten by one on it."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        seconds, psnr = ({str(i): float(value) for i, value in enumerate(rng.integers(0, 6, 8))} for _ in range(2))
        best = pareto.frontier(seconds, psnr)
        assert all(seconds[a] < seconds[b] and psnr[a] < psnr[b] for a, b in itertools.pairwise(best))
        for name in seconds.keys() - set(best):
            assert any(seconds[one] <= seconds[name] and psnr[one] >= psnr[name] for one in best)


def test_quality_against_time_of_whole_pictures(tmp_path, monkeypatch, capsys):
    """The clock is made up, because a test must not depend on how busy the machine is; the work is done once."""
    def made_up(work, rounds):
        for case in work.values():
            case()
        return {name: 1.0 + place for place, name in enumerate(work)}

    monkeypatch.setattr(pareto.timing, "medians", made_up)
    table, drawn = tmp_path / "pareto.json", tmp_path / "pareto.pdf"
    words = f"bicubic small-field --data samples --lr 16x24 --rounds 1 --threads 1 --json {table} --figure {drawn}"
    monkeypatch.setattr("sys.argv", ["pareto", *words.split()])
    pareto.main()
    rows = {row["model"]: row for row in json.loads(table.read_text(encoding="utf-8"))["rows"]}
    assert rows["bicubic"]["frontier"] and 0 < rows["bicubic"]["seconds"] < rows["small-field"]["seconds"]
    assert rows["small-field"]["frontier"] and rows["small-field"]["psnr"] > rows["bicubic"]["psnr"] + 1
    assert drawn.read_bytes().startswith(b"%PDF") and "* small-field" in capsys.readouterr().out


def test_operations_are_two_for_each_multiply_add():
    a, b = torch.rand(5, 7), torch.rand(7, 11)
    assert cases.operations(lambda: a @ b) == 2 * 5 * 7 * 11
    assert cases.operations(lambda: torch.zeros(5, 11).addmm_(a, b)) == 2 * 5 * 7 * 11
    conv = torch.nn.Conv2d(3, 4, 3, padding=1)
    assert cases.operations(lambda: conv(torch.rand(1, 3, 6, 8))) == 2 * 6 * 8 * 3 * 4 * 9


def test_where_the_time_goes(monkeypatch, capsys):
    """The shares add up to 1, and operations are sorted into the right kinds."""
    found = profile.shares(cases.decoding("ipe-liif", "fast", "fp32", 8, 2, "cpu"))
    assert sum(found.values()) == pytest.approx(1) and min(found["matrix products"], found["gathering"]) > 0
    assert [profile.kind_of(f"aten::{name}") for name in ("addmm_", "add", "addcdiv_", "embedding", "mkldnn_convolution")] == [
        "matrix products", "sums and ReLU", "optimiser", "gathering", "convolutions"
    ]
    monkeypatch.setattr("sys.argv", ["profile", "ipe-lmf", "--side", "8", "--scale", "2"])
    profile.main()
    assert "matrix products" in capsys.readouterr().out


def test_variants_are_compared_with_the_first_model(monkeypatch, capsys):
    """Each line shows the difference from the first model, and clipping the radius at x4 changes nothing at x4."""
    small = "--data samples --scales 4 --reduce 4 --bf16"
    monkeypatch.setattr("sys.argv", ["variants", "bicubic", "ipe-liif", *small.split()])
    variants.main()
    found = dict(re.findall(r"^(\S.*?) {2,}x4 [\d.]+ \(([-+.\d]+)\)$", capsys.readouterr().out, re.M))
    gains = {name: float(gain) for name, gain in found.items()}
    assert gains.pop("bicubic") == 0
    assert gains["ipe-liif"] == gains["ipe-liif, no radius below x4's"] > 0.5, "at x4 no radius is clipped"
    assert gains["ipe-liif, bfloat16"] == pytest.approx(gains["ipe-liif"], abs=0.1)
    assert len(gains) == 4, "and radii clipped at x6"


@torch.no_grad()
def test_waves_at_octaves_are_the_encoding_of_the_paper():
    """A model whose encoding is replaced by Waves at the octaves answers as before, in the fast form as well."""
    model = models.method("ipe-liif").build().eval()
    lr = torch.rand(1, 3, 8, 8)
    before = model(lr, (20, 24))
    exponents, learned = frequencies.LADDERS[frequencies.OCTAVES]
    model.pixel = frequencies.Waves(exponents, learned)
    assert torch.allclose(model(lr, (20, 24)), before, atol=1e-6)


@torch.no_grad()
def test_a_clipped_radius_changes_large_scales_only():
    """Clipping at x4 leaves x3 as it is and changes x8."""
    model = models.load("ipe-liif")
    clipped, lr = variants.clipped(model, 4.0), torch.rand(1, 3, 8, 8)
    assert torch.equal(clipped(lr, (24, 24)), model(lr, (24, 24)))
    assert not torch.allclose(clipped(lr, (64, 64)), model(lr, (64, 64)), atol=1e-4)


def test_peak_memory_is_what_decoding_adds():
    """The textbook form of a picture of 48 x 48 holds 576 numbers for each LR pixel, and much more; the fast form does not."""
    textbook, fast = (peak_of("liif", form, "fp32", 48, 4, 1) for form in ("textbook", "fast"))
    assert textbook > 4 * 576 * 48 * 48
    assert 0 <= fast < 200 * 2**20
