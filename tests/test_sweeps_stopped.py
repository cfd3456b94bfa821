"""Sweeps that are killed, or told to stop, in the middle of a run: what they leave, and how the next sweep continues."""

import contextlib
import re
import signal
import subprocess
import time

import psutil
import pytest

from ipe_sr.sweeps import cleanup
from tests import sweep_world

pytest.importorskip("snakemake", reason="sweeps need the extra `sweep`")
MICRO = ("--params", "micro")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return sweep_world.make(tmp_path_factory.mktemp("world"))


def test_after_a_kill_only_what_is_missing_runs(world):
    out, command = world.folder / "killed", world.command("good", *MICRO, out="killed")
    with subprocess.Popen(command, cwd=world.folder, env=world.environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + sweep_world.SECONDS
        while not (world.records("good", "killed") and len(list(out.glob("good-micro/*/executed.ipynb"))) == 2):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.kill()   # in the middle of the second run; snakemake, papermill and the kernel live on
    suspend(out)   # or they might finish that run while the next sweep starts
    finished = {name: path.stat().st_mtime_ns for name, path in world.records("good", "killed").items()}
    assert 0 < len(finished) < 3
    assert marked(out), "orphans are at work"
    done = world.sweep("good", *MICRO, out="killed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r" ok, ", done.stdout)) == 3 - len(finished)
    after = {name: path.stat().st_mtime_ns for name, path in world.records("good", "killed").items()}
    assert len(after) == 3 and {name: after[name] for name in finished} == finished
    assert not marked(out)


def suspend(out):
    """Stop all that a sweep of this folder started where it stands, what is being started meanwhile included."""
    stopped = set()
    while working := [process for process in marked(out) if process not in stopped]:
        for process in working:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        stopped.update(working)
        time.sleep(0.01)


def marked(out):
    """Processes that a sweep of this folder started."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(cleanup.MARK) == str(out.resolve()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_when_told_to_stop_it_ends_what_it_started(world):
    out, command = world.folder / "stopped", world.command("good", *MICRO, out="stopped")
    with subprocess.Popen(command, cwd=world.folder, env=world.environment, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + sweep_world.SECONDS
        while not list(out.glob("good-micro/*/executed.ipynb")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert not marked(out)
