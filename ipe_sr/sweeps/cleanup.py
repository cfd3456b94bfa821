"""What a killed sweep leaves behind: snakemake's lock, processes that go on working, and jobs in SLURM's queue.

A sweep holds a lock on its folder that the system takes back however the process ends, so a folder whose lock can be had
belongs to nobody that lives. All that a sweep starts carries its folder in the environment variable MARK.
"""

import contextlib
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from ipe_sr.errors import InputError

MARK = "IPE_SR_SWEEP"
PATIENCE = 10   # seconds from asking a process to end to ending it; a training saves its state meanwhile


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold the folder for the length of the block. Raises InputError where another sweep is at work in it."""
    with open(out / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{out}: a sweep is at work in this folder; wait for it, or give another --out") from None
        yield


def clear(out: Path, snakemake: list[str]) -> None:
    """End what an earlier sweep of this folder left running or queued, and take back its lock.

    snakemake: the command of the sweep that is to begin.
    """
    end_processes(out)
    cancel_jobs(out)
    locks = out / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        subprocess.run([*snakemake, "--unlock"], cwd=out, check=True, capture_output=True)


def end_processes(out: Path) -> None:
    """End every process of this machine that a sweep of this folder started: schedulers, runs, kernels."""
    while marked := [process for process in psutil.process_iter() if _mark(process) == str(out)]:
        for process in marked:
            with contextlib.suppress(psutil.Error):
                process.terminate()
                process.resume()   # a suspended one would not hear it
        _, alive = psutil.wait_procs(marked, PATIENCE)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, PATIENCE)   # and look again: until its end a scheduler may have started another run


def cancel_jobs(out: Path) -> None:
    """Cancel this user's SLURM jobs that were submitted from the folder, and wait until they have left the queue."""
    if shutil.which("squeue") is None:
        return
    asked = False
    while jobs := _queued(out):
        if not asked:
            subprocess.run(["scancel", *jobs], check=True)
            asked = True
        time.sleep(1)


def _queued(out: Path) -> list[str]:
    command = ["squeue", "--me", "--noheader", "--format", "%A|%Z"]   # id | working directory
    done = subprocess.run(command, capture_output=True, text=True, check=False)   # it fails where no controller answers
    rows = [line.partition("|") for line in done.stdout.splitlines()]
    return [job for job, _, folder in rows if folder == str(out)]


def _mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARK) if process.pid != os.getpid() else None
    except psutil.Error:   # ended meanwhile, or another user's
        return None
