"""A sweep's lock on its folder, and the cleaning up after a sweep that was killed.

A killed sweep may leave snakemake's own lock, processes that go on working, and jobs in SLURM's queue. The operating system
releases our lock when the process ends, however it ends. So if a sweep gets the lock, no other sweep is running in the folder,
and whatever is left may be removed. All processes that a sweep starts carry its folder in the environment variable MARK.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from ipe_sr import files
from ipe_sr.errors import InputError

MARK = "IPE_SR_SWEEP"
PATIENCE = 10   # seconds between asking a process to end and killing it; a training saves its state meanwhile


@contextlib.contextmanager
def alone(out: Path) -> Iterator[None]:
    """Holds the folder's lock during the block. Raises InputError if another sweep holds it, or if it cannot be written."""
    refusal = f"{out}: another sweep is running in this folder; wait until it ends, or give another --out"
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(files.held(out / ".lock", refusal))
        except OSError as error:
            raise InputError(f"{out}: cannot be locked ({error.strerror}); give an --out that you may write to") from None
        yield


def clear(out: Path, snakemake: list[str]) -> None:
    """Ends the processes and jobs that an earlier sweep of this folder left, and removes snakemake's lock.

    snakemake: the command of the sweep that is about to start.
    """
    end_processes(out)
    cancel_jobs(out)
    locks = out / ".snakemake" / "locks"
    if locks.is_dir() and any(locks.iterdir()):
        subprocess.run([*snakemake, "--unlock"], cwd=out, check=True, capture_output=True)


def end_processes(out: Path) -> None:
    """Ends every process of this machine that a sweep of this folder started: schedulers, runs and kernels."""
    while marked := [process for process in psutil.process_iter() if _mark(process) == str(out)]:
        for process in marked:
            with contextlib.suppress(psutil.Error):
                process.terminate()
                process.resume()   # a suspended process would not receive the signal
        _, alive = psutil.wait_procs(marked, PATIENCE)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, PATIENCE)   # then look again: a scheduler may have started another run before it ended


def cancel_jobs(out: Path) -> None:
    """Cancels this user's SLURM jobs that were submitted from the folder, and waits until they have left the queue."""
    if shutil.which("squeue") is None:
        return
    asked = False
    while jobs := _queued(out):
        if not asked:
            subprocess.run(["scancel", *jobs], check=True)
            asked = True
        time.sleep(1)


def _queued(out: Path) -> list[str]:
    """The ids of the jobs that were submitted from the folder."""
    command = ["squeue", "--me", "--noheader", "--format", "%A|%Z"]   # id | working directory
    done = subprocess.run(command, capture_output=True, text=True, check=False)   # it fails if no controller answers
    rows = [line.partition("|") for line in done.stdout.splitlines()]
    return [job for job, _, folder in rows if folder == str(out)]


def _mark(process: psutil.Process) -> str | None:
    """The sweep folder of another process; None for this process, and for one that carries no mark."""
    try:
        return process.environ().get(MARK) if process.pid != os.getpid() else None
    except psutil.Error:   # it has ended, or it belongs to another user
        return None
