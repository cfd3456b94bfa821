"""Sweeps on SLURM, to be run inside `cluster.sh`: `python scenario.py FOLDER`. It fails by an assertion."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests import sweep_world


def queue() -> dict[str, str]:
    """Job -> state, of every job that SLURM remembers."""
    command = ["squeue", "--me", "--noheader", "--states=all", "--format=%A %T"]
    rows = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")
    return dict(row.split() for row in rows if row)


def main(folder: Path) -> None:
    world = sweep_world.make(folder)
    profile = world.experiments / "profiles" / "slurm" / "config.yaml"
    quick = {"latency-wait": 5, "slurm-init-seconds-before-status-checks": 5}
    profile.write_text(yaml.safe_dump(yaml.safe_load(profile.read_text()) | quick))
    words = ("--params", "micro", "--profile", str(profile.parent), "--jobs", "2")

    done = world.sweep("bad", *words)
    print(done.stdout, done.stderr, flush=True)
    assert done.returncode == 1
    assert re.search(r"FAILED tiny12-liif-\w+-seed0: experiment.ipynb, cell \d+: InputError: .*crops of 144x144", done.stderr)
    assert "1 of 2 runs done" in done.stdout
    assert sorted(queue().values()) == ["COMPLETED", "FAILED"], queue()
    print("two runs by SLURM, one of which fails: done", flush=True)

    before = set(queue())
    partition("DOWN")   # so jobs wait in the queue
    command = world.command("good", *words, out="killed")
    with subprocess.Popen(command, cwd=folder, env=world.environment) as process:
        wait_until(lambda: len(queue().keys() - before) == 2, process)
        children = re.findall(r"\d+", Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
        for number in (process.pid, *map(int, children)):   # the sweep and its snakemake
            os.kill(number, signal.SIGKILL)
    orphans = queue().keys() - before
    assert {queue()[job] for job in orphans} == {"PENDING"}, "jobs outlive a killed snakemake"
    with subprocess.Popen(command, cwd=folder, env=world.environment, stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: {queue()[job] for job in orphans} == {"CANCELLED"}, process)
        partition("UP")
        told = process.communicate(timeout=sweep_world.SECONDS)[0]
    print(told, flush=True)
    assert process.returncode == 0 and "3 of 3 runs done" in told
    assert sorted(state for job, state in queue().items() if job not in before) == ["CANCELLED"] * 2 + ["COMPLETED"] * 3
    print("a kill and what follows: done", flush=True)


def partition(state: str) -> None:
    subprocess.run(["scontrol", "update", "PartitionName=debug", f"State={state}"], check=True)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    deadline = time.monotonic() + sweep_world.SECONDS
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.5)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
