import importlib
import json
import re
from pathlib import Path

import pytest

from ipe_sr.benchmarks import __main__ as benchmarks
from ipe_sr.benchmarks import cases, profile, variants
from ipe_sr.benchmarks.memory import peak_of

COMMANDS = sorted(path.stem for path in Path(benchmarks.__file__).parent.glob("*.py") if "\ndef main()" in path.read_text())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_is_for(name, monkeypatch, capsys):
    module = importlib.import_module(f"ipe_sr.benchmarks.{name}")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as end:
        module.main()
    assert end.value.code == 0 and "--help" in capsys.readouterr().out


def test_the_table(tmp_path, monkeypatch, capsys):
    """That it can be made, and holds what it says; how fast anything is, is no matter for a test."""
    out = tmp_path / "speed.json"
    small = "--side 8 --scale 2 --rounds 1 --threads 1 --batch 1 --methods ipe-lmf --no-memory --json"
    monkeypatch.setattr("sys.argv", ["benchmarks", *small.split(), str(out)])
    benchmarks.main()
    rows = json.loads(out.read_text())["rows"]
    done = {(row["task"], row["case"]) for row in rows}
    for task in ("decode", "train, batch 1"):
        for method in ("liif", "ipe-lmf"):
            assert {(task, f"{method} textbook fp32"), (task, f"{method} fast fp32")} <= done
    assert ("decode", "matrix products fp32") in done
    for row in rows:
        assert row["seconds"] > 0 and row["threads"] == 1
        base = next(r for r in rows if r["task"] == row["task"] and r["case"] == "liif textbook fp32")
        assert row["times_as_fast"] == base["seconds"] / row["seconds"]
    assert "ipe-lmf fast fp32" in capsys.readouterr().out


def test_where_the_time_goes(monkeypatch, capsys):
    found = profile.shares(cases.decoding("ipe-liif", "fast", "fp32", 8, 2, "cpu"))
    assert sum(found.values()) == pytest.approx(1) and min(found["matrix products"], found["gathering"]) > 0
    assert [profile.kind_of(f"aten::{name}") for name in ("addmm_", "add", "addcdiv_", "embedding", "mkldnn_convolution")] == [
        "matrix products", "sums and ReLU", "optimiser", "gathering", "convolutions"
    ]
    monkeypatch.setattr("sys.argv", ["profile", "ipe-lmf", "--side", "8", "--scale", "2"])
    profile.main()
    assert "matrix products" in capsys.readouterr().out


def test_variants_are_held_against_the_first(monkeypatch, capsys):
    small = "--data samples --scales 4 --reduce 4 --bf16"
    monkeypatch.setattr("sys.argv", ["variants", "bicubic", "ipe-liif", *small.split()])
    variants.main()
    found = dict(re.findall(r"^(\S.*?) {2,}x4 [\d.]+ \(([-+.\d]+)\)$", capsys.readouterr().out, re.M))
    gains = {name: float(gain) for name, gain in found.items()}
    assert gains.pop("bicubic") == 0
    assert gains["ipe-liif"] == gains["ipe-liif, no radius below x4's"] > 0.5, "at x4 no radius is smaller than x4's"
    assert gains["ipe-liif, bfloat16"] == pytest.approx(gains["ipe-liif"], abs=0.1)
    assert len(gains) == 4, "and radii clipped at x6"


def test_peak_memory_is_what_decoding_adds():
    """The textbook form of a picture of 48 x 48 holds 576 numbers for each LR pixel, and much more; the fast form does not."""
    textbook, fast = (peak_of("liif", form, "fp32", 48, 4, 1) for form in ("textbook", "fast"))
    assert textbook > 4 * 576 * 48 * 48
    assert 0 <= fast < 200 * 2**20
