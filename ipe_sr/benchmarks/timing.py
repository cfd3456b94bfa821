"""Time several pieces of work in one process. They take turns, so that a disturbance of the machine meets all of them."""

import statistics
import time
from collections.abc import Callable

import torch


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
