"""Run a worker on a submission, end it when it exceeds its limits, and leave none of its processes behind.

On Linux, processes that a submission detaches become children of this process, so that they are found and ended.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from ipe_sr.coursework import sandbox
from ipe_sr.coursework.limits import MB, Limits

LOOK = 0.2   # seconds between two looks at the processes
PR_SET_CHILD_SUBREAPER = 36
# jsonschema imports a parser of web addresses, if it is installed, which takes longer than all the rest of a worker's start.
START = "import sys; sys.modules['rfc3987_syntax'] = None; from ipe_sr.coursework import worker; worker.main()"


def run(
    task: str, job: dict, seconds: int, limits: Limits, receive: Callable[[dict], Any], sandboxed: sandbox.Sandbox, *,
    each: bool = False,
) -> str | None:
    """Run a task of `worker` in a process of its own, in an empty folder that is deleted afterwards.

    job: what the worker reads, as JSON.   receive: is called with each message that the worker sends.
    seconds: the worker's time; if `each`, the time until the next message.
    Returns None if the worker came to its end, or else why it did not, in one line.
    """
    with _adopting() as known, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch, \
            tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        asked.write(json.dumps(job | {"limits": vars(limits)}).encode())
        asked.seek(0)
        process = subprocess.Popen(
            [*sandboxed.command(Path(scratch)), sys.executable, "-c", START, task], stdin=asked, stdout=subprocess.PIPE,
            stderr=complaints, cwd=scratch, env=sandbox.environment(Path(scratch)), start_new_session=True,
        )
        try:
            ended = _follow(process, seconds, limits, receive, each)
        finally:
            _end(process, known)
        if ended is None and process.returncode:
            complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - 2000))
            lines = complaints.read().decode(errors="replace").strip().splitlines()
            ended = f"its worker ended with status {process.returncode}" + (f" ({lines[-1][:200]})" if lines else "")
        return ended


def _follow(process: subprocess.Popen, seconds: int, limits: Limits, receive: Callable, each: bool) -> str | None:
    """Read messages, one JSON object a line, until the worker closes its output or exceeds a limit."""
    end, look, pending, received = time.monotonic() + seconds, 0.0, b"", 0
    pipe = process.stdout.fileno()
    while True:
        if select.select([pipe], [], [], LOOK)[0]:
            part = os.read(pipe, MB)
            received += len(part)
            if not part:
                return None
            *lines, pending = (pending + part).split(b"\n") if b"\n" in part else ([pending + part])
            for line in lines:
                try:
                    receive(json.loads(line))
                except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IndexError):
                    return "its worker sent a message that cannot be read"
                if each:
                    end, received = time.monotonic() + seconds, 0
        if received > limits.reply:
            return f"its outputs are larger than {limits.reply // MB} MB"
        if time.monotonic() > end:
            return f"it took longer than {seconds} s"
        if time.monotonic() > look:
            if excess := _excess(process.pid, limits):
                return excess
            look = time.monotonic() + LOOK


def _excess(root: int, limits: Limits) -> str | None:
    """Which limit the processes below this one exceed, in one line."""
    found = _descendants(os.getpid() if sys.platform == "linux" else root)
    if len(found) > limits.processes:
        return f"it started more than {limits.processes} processes"
    resident = written = 0
    for process in found:
        with contextlib.suppress(psutil.Error, OSError):
            resident += process.memory_info().rss
            written += process.io_counters().write_chars if hasattr(process, "io_counters") else 0
    if written > limits.written:
        return f"it wrote more than {limits.written // MB} MB"
    if resident > limits.memory and sum(map(_memory, found)) > limits.memory:   # processes share memory: count that once
        return f"it used more than {limits.memory // MB} MB of memory"
    return None


def _memory(process: psutil.Process) -> int:
    """The memory of a process in bytes; of a page that several processes share, its part."""
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as file:
            return 1024 * next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return 0


@contextlib.contextmanager
def _adopting() -> Iterator[set[int]]:
    """Within the block, processes whose parent ends become children of this process. Yields the children that it has before."""
    known = {child.pid for child in psutil.Process().children()}
    prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *_: None
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield known
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def _end(worker: subprocess.Popen, known: set[int]) -> None:
    """End the worker and all processes that it left behind. They are stopped first, so that none starts another meanwhile."""
    found = _descendants(worker.pid)
    with contextlib.suppress(psutil.Error):
        found.append(psutil.Process(worker.pid))
    for _ in range(200):
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for process in found:
                with contextlib.suppress(psutil.Error, ProcessLookupError):
                    process.send_signal(number)
        worker.poll()
        found = []
        for child in psutil.Process().children():
            if child.pid not in known and child.pid != worker.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)
                found += [child, *_descendants(child.pid)]
        if not found and worker.returncode is not None:
            break
        time.sleep(0.02)
    worker.stdout.close()


def _descendants(root: int) -> list[psutil.Process]:
    try:
        return psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return []
