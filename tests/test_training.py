"""The loop, from the command line as a user runs it: kill it, resume it, spread it, break it."""

import csv
import os
import signal
import subprocess
import sys
import time

import pytest
import safetensors.torch
import torch

from ipe_sr import models, schedules, training
from ipe_sr.errors import InputError

SMALL = ["batch=2", "patch=12", "queries=32", "valid_scales=2", "validate_every=1000", "log_every=1", "model.width=8"]
SMALL += ["model.encoder.blocks=1", "model.encoder.channels=4", "decay=constant"]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """A cache of decoded pictures for this module, for its processes too."""
    before = os.environ.get("IPE_SR_CACHE")
    os.environ["IPE_SR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("IPE_SR_CACHE") if before is None else os.environ.update(IPE_SR_CACHE=before)


def command(out, *options, settings=()):
    sets = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
    main = [sys.executable, "-m", "ipe_sr", "train", "tiny-ipe-liif", "--out", str(out), "--threads", "1"]
    return [*main, "--accelerator", "cpu", *options, *sets]


def run(out, *options, settings=()):
    return subprocess.run(command(out, *options, settings=settings), capture_output=True, text=True, check=False)


def state(out):
    return safetensors.torch.load_file(out / training.LAST)


def log(out):
    return [tuple(row) for row in csv.reader((out / "metrics.csv").open()) if row[1] == "loss"]


def make(settings=()):
    return schedules.preset("tiny-ipe-liif", dict(schedules.setting(text) for text in (*SMALL, *settings)))


def test_twenty_steps_equal_seven_a_kill_and_the_rest(tmp_path):
    settings = ["steps=20", "ema=0.9", "clip=1.0"]
    done = run(tmp_path / "whole", settings=settings)
    assert done.returncode == 0, done.stderr
    often = [*settings, "checkpoint_minutes=0"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command(tmp_path / "parts", settings=often), **quiet)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (tmp_path / "parts/metrics.csv").exists() and len(log(tmp_path / "parts")) >= 7:
            break
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it could be killed"
    assert 7 <= len(log(tmp_path / "parts")) < 20
    resumed = run(tmp_path / "parts", "--resume", settings=often)
    assert resumed.returncode == 0, resumed.stderr
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert log(tmp_path / "whole") == log(tmp_path / "parts")
    model = models.read(tmp_path / "parts" / training.MODEL)
    assert model(torch.rand(1, 3, 8, 8), (20, 13)).shape == (1, 3, 20, 13)
    assert models.training_facts(tmp_path / "parts" / training.MODEL)["steps"] == 20


def test_told_to_stop_it_saves_first(tmp_path):
    process = subprocess.Popen(command(tmp_path, settings=["steps=100000"]), stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "metrics.csv").exists() or len(log(tmp_path)) < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors
    assert (tmp_path / training.LAST).exists() and not (tmp_path / training.MODEL).exists()


def test_two_processes_compute_the_gradient_of_one(tmp_path):
    """After one step Adam's first moment is a tenth of the gradient."""
    one, two = (run(tmp_path / n, "--devices", n, settings=["steps=1"]) for n in ("1", "2"))
    assert one.returncode == 0, one.stderr
    assert two.returncode == 0, two.stderr
    a, b = state(tmp_path / "1"), state(tmp_path / "2")
    moments = [name for name in a if name.endswith("exp_avg")]
    assert len(moments) > 10
    for name in moments:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-8)


def test_a_diverging_run_stops_and_says_where(tmp_path, monkeypatch):
    nothing = lambda self, batch: sum(p.sum() for p in self.parameters()) * float("nan")  # noqa: E731
    monkeypatch.setattr(training.Objective, "forward", nothing)
    with pytest.raises(training.Diverged, match=r"nan at step 0 \(seed 3\)"):
        training.train(make(["steps=5", "seed=3"]), tmp_path, accelerator="cpu")
    assert not (tmp_path / training.MODEL).exists()


def test_training_lowers_the_loss_and_beats_its_start(tmp_path):
    seen = {}
    preset = make(["steps=60", "model.encoder.channels=8", "model.width=16", "learning_rate=0.003", "validate_every=1"])
    training.train(preset, tmp_path, accelerator="cpu", progress=lambda step, values: seen.update({step: values}))
    first = sum(seen[i]["loss"] for i in range(1, 6))
    last = sum(seen[i]["loss"] for i in range(56, 61))
    assert last < 0.6 * first
    assert seen[60]["psnr_x2"] > seen[1]["psnr_x2"] + 3
    assert 20 < seen[0]["bicubic_x2"] < 60


def test_bf16_steps_stay_close_to_fp32(tmp_path):
    for precision in ("fp32", "bf16"):
        training.train(make(["steps=3", f"precision={precision}"]), tmp_path / precision, accelerator="cpu")
    a, b = (float(log(tmp_path / precision)[-1][2]) for precision in ("fp32", "bf16"))
    assert a != b and abs(a - b) < 0.02 * a


def test_warm_start_and_frozen_encoder(tmp_path):
    source = make(["steps=1"]).model.build()
    models.save(source, tmp_path / "start.safetensors")
    settings = ["steps=2", f"init_encoder={tmp_path / 'start.safetensors'}", "freeze_encoder=true"]
    training.train(make(settings), tmp_path / "run", accelerator="cpu")
    trained = models.read(tmp_path / "run" / training.MODEL)
    for a, b in zip(source.encoder.parameters(), trained.encoder.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(source.decoder.output.weight, trained.decoder.output.weight)
    with pytest.raises(InputError, match="another encoder"):
        training.train(make([*settings, "model.encoder.channels=5"]), tmp_path / "other", accelerator="cpu")


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        (["--resume"], [], "holds no last.safetensors to resume from"),
        (["--devices", "3"], [], "batch 2 cannot be divided among 3 devices"),
        ([], ["steps=0"], "steps must be at least 1"),
        ([], ["stepz=3"], "option 'stepz' is unknown"),
        ([], ["steps=many"], "option 'steps' must be int"),
        ([], ["model.wide=3"], "option 'wide' is unknown"),
        ([], ["queries=500"], "a crop of 12x12 has only 144 pixels"),
        ([], ["patch=400", "queries=1"], "where crops of 1600x1600 are due"),
        ([], ["data=nowhere"], "data 'nowhere' is neither a folder nor one of"),
        ([], ["init_encoder=no.pth"], "no.pth: no such file"),
    ],
)
def test_bad_requests_are_one_line(tmp_path, options, settings, message, capsys, monkeypatch):
    from ipe_sr import cli

    monkeypatch.setattr(sys, "argv", command(tmp_path / "run", *options, settings=["steps=1", *settings])[2:])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    lines = capsys.readouterr().err.strip().splitlines()
    assert stop.value.code == 2
    assert message in lines[-1] and lines[-1].startswith("ipe-sr: ")
    assert not (tmp_path / "run" / training.LAST).exists()


def test_a_folder_is_not_trained_in_twice_and_resuming_wants_the_same_recipe(tmp_path):
    training.train(make(["steps=1"]), tmp_path, accelerator="cpu")
    with pytest.raises(InputError, match="holds a training already"):
        training.train(make(["steps=1"]), tmp_path, accelerator="cpu")
    with pytest.raises(InputError, match="was trained with batch = 2, not 4"):
        training.train(make(["steps=2", "batch=4"]), tmp_path, resume=True, accelerator="cpu")
    (tmp_path / training.LAST).write_bytes((tmp_path / training.LAST).read_bytes()[:100])
    with pytest.raises(InputError, match="not a readable training state"):
        training.train(make(["steps=2"]), tmp_path, resume=True, accelerator="cpu")
