"""What a user of SLURM lives through, inside `cluster.sh`: `python scenario.py FOLDER`. Fails by an assertion."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import yaml

from tests import sweep_world


def queue() -> dict[str, str]:
    """Job -> state, of all that SLURM remembers."""
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

    before, out = set(queue()), folder / "killed"
    with subprocess.Popen(world.command("good", *words, out="killed"), cwd=folder, env=world.environment) as process:
        deadline = time.monotonic() + sweep_world.SECONDS
        while not list(out.glob("good-micro/*/executed.ipynb")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.2)
        children = re.findall(r"\d+", Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
        for number in (process.pid, *map(int, children)):   # the sweep and its snakemake
            os.kill(number, signal.SIGKILL)
    orphans = {job for job, state in queue().items() if job not in before and state in ("RUNNING", "PENDING", "CONFIGURING")}
    assert orphans, "jobs outlive a killed snakemake"
    finished = {name: path.stat().st_mtime_ns for name, path in world.records("good", "killed").items()}
    done = world.sweep("good", *words, out="killed")
    print(done.stdout, done.stderr, flush=True)
    assert done.returncode == 0 and "3 of 3 runs done" in done.stdout
    after = {name: path.stat().st_mtime_ns for name, path in world.records("good", "killed").items()}
    assert len(after) == 3 and all(after[name] == finished[name] for name in finished)
    states = queue()
    assert all(states[job] in ("CANCELLED", "COMPLETED") for job in orphans), states
    assert "CANCELLED" in {states[job] for job in orphans}, states
    print("a kill and what follows: done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
