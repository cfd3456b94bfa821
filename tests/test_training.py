"""The training loop: on two devices, interrupted by a signal, with a diverging loss, and started with bad options."""

import signal
import subprocess
import sys
import threading
import time

import pytest
import torch
from training_world import SMALL, command, log, make, run, state, weights
from training_world import cache as cache  # a fixture

from ipe_sr import models
from ipe_sr.errors import InputError
from ipe_sr.training import loop
from ipe_sr.training.batches import CPU, Sampler


def test_a_training_that_gets_sigterm_saves_its_state_first(tmp_path):
    """One of two processes gets the signal. Both end, and a resumed training continues from the same step."""
    words = command(tmp_path, "--devices", "2", settings=["steps=100000"])
    process = subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "metrics.csv").exists() or len(log(tmp_path)) < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=60)   # this waits for the second process as well, since both share stderr
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in errors and not out
    assert sum(line.startswith("step 1 ") for line in errors.splitlines()) == 1, "only the first process reports"
    assert (tmp_path / loop.LAST).exists() and not (tmp_path / loop.MODEL).exists()
    steps = int(log(tmp_path)[-1][0])
    loop.train(make([f"steps={steps + 2}"]), tmp_path, resume=True, accelerator="cpu")
    assert [int(row[0]) for row in log(tmp_path)] == list(range(1, steps + 3))


def test_a_second_training_in_a_folder_is_refused_while_the_first_one_runs(tmp_path):
    """The first one goes on undisturbed. The lock goes with the process, even if that is killed."""
    first = subprocess.Popen(command(tmp_path, settings=["steps=100000"]), stderr=subprocess.DEVNULL)
    try:
        while not (tmp_path / "metrics.csv").exists() or len(log(tmp_path)) < 3:
            assert first.poll() is None
            time.sleep(0.05)
        second = run(tmp_path, settings=["steps=1"])
    finally:
        first.kill()
        first.wait()
    assert second.returncode == 2 and "another training runs in this folder" in second.stderr
    assert len(second.stderr.splitlines()) == 1
    loop.train(make(["steps=1"]), tmp_path, accelerator="cpu")
    assert [row[0] for row in log(tmp_path)] == ["1"] and not (tmp_path / loop.LOCK).exists()


def test_two_processes_compute_the_gradient_of_one(tmp_path):
    """The test compares Adam's first moments. After one step they are a tenth of the gradient."""
    two = run(tmp_path / "2", "--devices", "2", settings=["steps=1"])
    assert two.returncode == 0, two.stderr
    assert two.stdout.splitlines() == [str(tmp_path / "2" / loop.MODEL)]
    loop.train(make(["steps=1"]), tmp_path / "1", accelerator="cpu")
    a, b = state(tmp_path / "1"), state(tmp_path / "2")
    moments = [name for name in a if name.endswith("exp_avg")]
    assert len(moments) > 10
    for name in moments:
        torch.testing.assert_close(a[name], b[name], rtol=1e-4, atol=1e-8)
    assert float(log(tmp_path / "2")[0][2]) == pytest.approx(float(log(tmp_path / "1")[0][2]), rel=1e-5), "the whole batch"


def gradient(out):
    """The gradient of a training's first step, after clipping."""
    tensors = state(out)
    return torch.cat([10 * tensors[name].flatten() for name in sorted(tensors) if name.endswith("exp_avg")])


def test_two_processes_in_bf16_clip_and_average_like_one(tmp_path):
    """Clipping gives the gradient its full norm of 0.001, and the average of weights takes in the first step."""
    settings = ["steps=1", "precision=bf16", "clip=0.001", "ema=0.5"]
    two = run(tmp_path / "2", "--devices", "2", settings=settings)
    assert two.returncode == 0, two.stderr
    for out, changed in (("1", []), ("fp32", ["precision=fp32"]), ("free", ["clip=0"])):
        loop.train(make([*settings, *changed]), tmp_path / out, accelerator="cpu")
    one, two, fp32, free = (gradient(tmp_path / out) for out in ("1", "2", "fp32", "free"))
    assert free.norm() > 0.01 and one.norm().item() == pytest.approx(0.001, rel=1e-3)
    assert two.norm().item() == pytest.approx(0.001, rel=1e-3)
    assert 0 < (one - fp32).norm() < 0.2 * fp32.norm() and (one - two).norm() < 0.05 * one.norm()
    start = make(settings)
    torch.manual_seed(start.schedule.seed)
    first = torch.nn.utils.parameters_to_vector(p for _, p in sorted(start.model.build().named_parameters()))
    last = weights(tmp_path / "2")
    torch.testing.assert_close(weights(tmp_path / "2", "average"), 0.1 * first + 0.9 * last, rtol=0, atol=1e-7)


@pytest.mark.parametrize("clip", [0, 1])
def test_a_diverging_training_stops_and_names_the_step_and_a_remedy(tmp_path, monkeypatch, clip):
    nothing = lambda self, batch: sum(p.sum() for p in self.parameters()) * float("nan")  # noqa: E731
    monkeypatch.setattr(loop.Objective, "forward", nothing)
    with pytest.raises(loop.Diverged, match=r"nan at step 0 \(seed 3\): lower learning_rate, or set precision"):
        loop.train(make(["steps=5", "seed=3", f"clip={clip}"]), tmp_path, accelerator="cpu")
    assert not (tmp_path / loop.MODEL).exists()


def test_batches_prepared_ahead_by_a_thread_change_nothing(tmp_path, monkeypatch):
    """Batches for a GPU are prepared ahead; the test does so on the CPU. If a step fails, no thread is left."""
    loop.train(make(["steps=6"]), tmp_path / "plain", accelerator="cpu")
    monkeypatch.setattr(loop, "AHEAD", {"cpu": 3})
    loop.train(make(["steps=6"]), tmp_path / "ahead", accelerator="cpu")
    plain, made_ahead = state(tmp_path / "plain"), state(tmp_path / "ahead")
    assert all(torch.equal(plain[name], made_ahead[name]) for name in plain)
    monkeypatch.setattr(loop.Objective, "forward", lambda self, batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        loop.train(make(["steps=6"]), tmp_path / "failing", accelerator="cpu")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_training_and_evaluation_need_no_package_of_the_other_extras(tmp_path):
    """They run in a process where those packages cannot be imported. Without tensorboard, metrics.csv is the only log."""
    script = """
import sys
for name in "tensorboard requests jupyterlab papermill nbconvert nbformat ipywidgets ipykernel IPython pytest".split():
    sys.modules[name] = None
import pathlib
import ipe_sr.evaluation
from ipe_sr import options
from ipe_sr.training import loop, schedules
settings = dict(options.setting(text) for text in sys.argv[2:])
loop.train(schedules.preset("tiny-ipe-liif", settings), pathlib.Path(sys.argv[1]), accelerator="cpu", threads=1)
"""
    words = [sys.executable, "-c", script, tmp_path, *SMALL, "steps=1"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.safetensors", "metrics.csv", "model.safetensors"]


def test_training_lowers_the_loss_and_raises_the_validation_psnr(tmp_path):
    seen = {}
    preset = make(["steps=60", "model.encoder.channels=8", "model.width=16", "learning_rate=0.003", "validate_every=1"])
    loop.train(preset, tmp_path, accelerator="cpu", progress=lambda step, values: seen.update({step: values}))
    first = sum(seen[i]["loss"] for i in range(1, 6))
    last = sum(seen[i]["loss"] for i in range(56, 61))
    assert last < 0.6 * first
    assert seen[60]["psnr_x2"] > seen[1]["psnr_x2"] + 3
    assert 20 < seen[0]["bicubic_x2"] < 60


def test_bf16_steps_stay_close_to_fp32(tmp_path):
    for precision in ("fp32", "bf16"):
        loop.train(make(["steps=3", f"precision={precision}"]), tmp_path / precision, accelerator="cpu")
    a, b = (float(log(tmp_path / precision)[-1][2]) for precision in ("fp32", "bf16"))
    assert a != b and abs(a - b) < 0.02 * a


@pytest.mark.parametrize(("loss", "value"), [("l1", 0.055), ("psnr", -30)])
def test_the_losses_l1_and_psnr_have_their_known_values(loss, value, monkeypatch):
    """One crop has an error of 0.1 (20 dB), the other of 0.01 (40 dB): the mean is 0.055, or 30 dB."""
    batch = Sampler(loop.load_store(("samples-train",)), 2, 12, 4, (1.0, 2.0), 0, CPU)(0)
    objective = loop.Objective(make().model.build(), loss=loss)
    monkeypatch.setattr(objective, "predict", lambda batch: batch.colour + torch.tensor([0.1, 0.01])[:, None, None])
    assert objective(batch).item() == pytest.approx(value, abs=1e-3)


def test_a_frozen_encoder_keeps_the_weights_that_it_starts_from(tmp_path):
    source = make(["steps=1"]).model.build()
    models.save(source, tmp_path / "start.safetensors")
    settings = ["steps=2", f"init_encoder={tmp_path / 'start.safetensors'}", "freeze_encoder=true"]
    loop.train(make(settings), tmp_path / "run", accelerator="cpu")
    trained = models.read(tmp_path / "run" / loop.MODEL)
    for a, b in zip(source.encoder.parameters(), trained.encoder.parameters(), strict=True):
        assert torch.equal(a, b)
    assert not torch.equal(source.decoder.output.weight, trained.decoder.output.weight)
    with pytest.raises(InputError, match=r"init_encoder: .* holds another encoder"):
        loop.train(make([*settings, "model.encoder.channels=5"]), tmp_path / "other", accelerator="cpu")


@pytest.mark.parametrize(
    ("options", "settings", "message"),
    [
        (["--resume"], [], "holds no last.safetensors to resume from"),
        (["--devices", "3"], [], "batch 2 cannot be divided among 3 devices"),
        (["--devices", "0"], [], "devices = 0: it must be at least 1"),
        (["--threads", "100000"], [], "threads must be from 1 to 1024, got 100000"),
        ([], ["seed=9223372036854775808"], "seed must be below 2^63"),
        (["--threads", "0"], [], "threads must be from 1 to 1024, got 0"),
        (["--accelerator", "tpu"], [], "accelerator 'tpu' is unknown: use one of auto, cpu, gpu"),
        (["--accelerator", "gpu", "--devices", "99"], [], "devices = 99: "),
        ([], ["steps=0"], "steps must be at least 1"),
        ([], ["stepz=3"], "option 'stepz' is unknown"),
        ([], ["steps=many"], "option 'steps' must be int"),
        ([], ["model.wide=3"], "option 'wide' is unknown"),
        ([], ["queries=500"], "a crop of 12x12 has only 144 pixels"),
        ([], ["patch=400", "queries=1"], "where crops of 1600x1600 are due"),
        ([], ["data=nowhere"], "data 'nowhere' is neither a folder nor one of"),
        ([], ["init_encoder=no.pth"], "no.pth: no such file"),
        ([], ["init_decoder=no.pth"], "no.pth: no such file"),
        ([], ["teacher=no.pth"], "no.pth: no such file"),
        ([], ["teacher_weight=0"], "teacher_weight must lie in (0, 1]"),
        ([], ["loss=huber"], "loss 'huber' is unknown: use one of l1, psnr"),
        ([], ["reduction=0"], "reduction must be at least 1, got 0"),
        ([], ["warm_up=-1"], "warm_up must be at least 0, got -1"),
    ],
)
def test_a_bad_option_gives_one_clear_line_and_leaves_no_folder(tmp_path, options, settings, message, capsys, monkeypatch):
    from ipe_sr import cli

    monkeypatch.setattr(sys, "argv", command(tmp_path / "run", *options, settings=["steps=1", *settings])[2:])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    lines = capsys.readouterr().err.strip().splitlines()
    assert stop.value.code == 2
    assert message in lines[-1] and lines[-1].startswith("ipe-sr: ")
    assert not (tmp_path / "run").exists()
