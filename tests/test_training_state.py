"""The state of a training: a resumed training continues bit-exactly, and a state that does not fit is refused."""

import dataclasses
import json
import signal
import subprocess
import time

import pytest
import safetensors
import safetensors.torch
import torch
from training_world import cache as cache  # a fixture
from training_world import command, log, make, run, state, weights

from ipe_sr import models
from ipe_sr.errors import InputError
from ipe_sr.training import loop


def test_a_killed_and_resumed_training_equals_an_uninterrupted_one_bit_by_bit(tmp_path):
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
    assert process.wait() == -signal.SIGKILL, "the training ended before it could be killed"
    assert 7 <= len(log(tmp_path / "parts")) < 20
    resumed = run(tmp_path / "parts", "--resume", settings=often)
    assert resumed.returncode == 0, resumed.stderr
    whole, parts = state(tmp_path / "whole"), state(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert log(tmp_path / "whole") == log(tmp_path / "parts")
    model = models.read(tmp_path / "parts" / loop.MODEL)
    assert model(torch.rand(1, 3, 8, 8), (20, 13)).shape == (1, 3, 20, 13)
    assert models.training_facts(tmp_path / "parts" / loop.MODEL)["steps"] == 20


def test_the_moving_average_follows_the_weights_and_is_the_result(tmp_path):
    """The training is resumed after each step, so that the weights of every step can be read."""
    seen = []
    for step in range(1, 4):
        preset = make([f"steps={step}", "ema=0.15", "learning_rate=0.01"])
        loop.train(preset, tmp_path, resume=step > 1, accelerator="cpu")
        seen.append((weights(tmp_path, "average"), weights(tmp_path)))
    for step in (1, 2):
        decay = preset.schedule.average_decay(step)
        assert decay == 0.15
        torch.testing.assert_close(seen[step][0], decay * seen[step - 1][0] + (1 - decay) * seen[step][1], rtol=0, atol=1e-7)
    result = models.read(tmp_path / loop.MODEL).state_dict()
    assert torch.equal(torch.cat([result[name].flatten() for name in sorted(result)]), seen[-1][0])


@pytest.mark.parametrize("settings", [["ema=0.9"], []])
def test_a_model_can_be_read_from_the_state_of_a_training(tmp_path, settings):
    """A finished training has both files, and the state's model equals the final one (the averaged one, if any)."""
    loop.train(make(["steps=2", *settings]), tmp_path, accelerator="cpu")
    state, model = (models.read(tmp_path / name) for name in (loop.LAST, loop.MODEL))
    assert state.config == model.config
    for a, b in zip(state.parameters(), model.parameters(), strict=True):
        assert torch.equal(a, b)
    facts, finished = (models.training_facts(tmp_path / name) for name in (loop.LAST, loop.MODEL))
    assert facts == finished and facts["steps"] == 2


def test_a_new_training_in_a_folder_that_holds_one_is_refused(tmp_path):
    loop.train(make(["steps=1"]), tmp_path, accelerator="cpu")
    with pytest.raises(InputError, match="holds a training already"):
        loop.train(make(["steps=1"]), tmp_path, accelerator="cpu")


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    out = tmp_path_factory.mktemp("begun")
    loop.train(make(["steps=1"]), out, accelerator="cpu")
    return out


@pytest.mark.parametrize(("changed", "message"), [
    ("batch=4", "was trained with batch = 2, not 4"), ("ema=0.5", "was trained with ema = 0.0, not 0.5"),
    ("clip=1", "was trained with clip = 0.0, not 1.0"), ("decay=halve", "was trained with decay = 'constant', not 'halve'"),
    ("precision=bf16", "was trained with precision = 'fp32', not 'bf16'"), ("seed=1", "was trained with seed = 0, not 1"),
    ("data=samples", "was trained with data = .'samples-train'., not .'samples'."),
    ("init_encoder=no.pth", "was trained with init_encoder = '', not 'no.pth'"),
    ("model.skip=false", "was trained with model = .*, not .*'skip': False"),
])
def test_resuming_with_another_schedule_or_model_option_is_refused(begun, changed, message):
    with pytest.raises(InputError, match=message) as caught:
        loop.train(make(["steps=2", changed]), begun, resume=True, accelerator="cpu")
    assert str(begun / loop.LAST) in str(caught.value) and "\n" not in str(caught.value)


def test_resuming_with_another_method_is_refused(begun):
    other = dataclasses.replace(make(["steps=2"]), name="tiny-liif", model=models.LIIFConfig(encoding="coordinate"))
    with pytest.raises(InputError, match=r"is a training of another model \(tiny-ipe-liif\)"):
        loop.train(other, begun, resume=True, accelerator="cpu")


def test_a_state_of_an_older_version_is_resumed(begun, tmp_path):
    """It names RDN's options with EDSR, and lacks options of the schedule that came later."""
    with safetensors.safe_open(begun / loop.LAST, "pt") as file:
        header = file.metadata()
    preset = json.loads(header["preset"])
    preset["model"]["encoder"] |= {"layers": 8, "growth": 64}
    for later in ("reduction", "teacher", "teacher_weight", "warm_up"):
        del preset["schedule"][later]
    tensors = safetensors.torch.load_file(begun / loop.LAST)
    old = tmp_path / loop.LAST
    safetensors.torch.save_file(tensors, old, header | {"preset": json.dumps(preset)})
    assert models.read(old).config == make(["steps=2"]).model
    loop.train(make(["steps=2"]), tmp_path, resume=True, accelerator="cpu")
    assert models.training_facts(tmp_path / loop.MODEL)["steps"] == 2


def test_a_training_with_cosine_decay_cannot_be_made_longer(tmp_path):
    loop.train(make(["steps=1", "decay=cosine"]), tmp_path, accelerator="cpu")
    with pytest.raises(InputError, match="was trained with steps = 1, not 2"):
        loop.train(make(["steps=2", "decay=cosine"]), tmp_path, resume=True, accelerator="cpu")


def test_resuming_with_fewer_steps_than_are_done_is_refused_and_changes_nothing(tmp_path):
    loop.train(make(["steps=2"]), tmp_path, accelerator="cpu")
    before = (tmp_path / loop.MODEL).read_bytes()
    with pytest.raises(InputError, match=r"last.safetensors: has done 2 steps already; steps = 1 is less"):
        loop.train(make(["steps=1"]), tmp_path, resume=True, accelerator="cpu")
    assert (tmp_path / loop.MODEL).read_bytes() == before


def test_a_damaged_state_is_refused(tmp_path):
    loop.train(make(["steps=1"]), tmp_path, accelerator="cpu")
    (tmp_path / loop.LAST).write_bytes((tmp_path / loop.LAST).read_bytes()[:100])
    with pytest.raises(InputError, match="not a readable training state"):
        loop.train(make(["steps=2"]), tmp_path, resume=True, accelerator="cpu")
