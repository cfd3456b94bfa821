"""Time several pieces of work in one process. They take turns, so that a disturbance of the machine meets all of them."""

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch

FEATURES = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16")


def medians(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each case: the median of `rounds` turns, which follow one turn that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for turn in range(rounds + 1):
        for name, work in cases.items():
            started = _now()
            work()
            if turn:
                seconds[name].append(_now() - started)
    return {name: statistics.median(times) for name, times in seconds.items()}


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def machine(kind: str = "cpu") -> str:
    """The machine's name, and the instructions of its CPU that matter for matrix products."""
    if kind == "cuda":
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:   # no Linux
        return f"{platform.processor() or platform.machine()} CPU"
    facts = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    words = facts.get("flags", "").split()
    features = [word for word in FEATURES if word in words]
    return f"{facts.get('model name', platform.machine())}, {os.cpu_count()} cores, {' '.join(features) or 'no AVX'}"
