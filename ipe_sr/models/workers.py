"""Pieces of a picture side by side on the CPU: a thread for each share of them beats all threads at every small product."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

Piece = tuple[slice, slice]


def share(work: Callable[[list[Piece]], None], pieces: list[Piece], device: torch.device) -> None:
    """work(pieces), or where there are threads to share it and no graph to keep, work(some of them) in each thread.

    As many threads as torch uses, each with torch at one thread. Neighbouring pieces stay together. The results do not
    depend on the number of threads if those of `work` do not depend on which pieces come together.
    """
    threads = min(torch.get_num_threads(), len(pieces)) if device.type == "cpu" and not torch.is_grad_enabled() else 1
    if threads == 1:
        work(pieces)
        return
    inference = torch.is_inference_mode_enabled()

    def alone(first: int, last: int) -> None:   # these modes belong to a thread
        torch.set_num_threads(1)
        with torch.inference_mode(inference), torch.no_grad():
            work(pieces[first:last])

    before, ends = torch.get_num_threads(), [len(pieces) * i // threads for i in range(threads + 1)]
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(alone, ends, ends[1:]))   # asks for each result, so that an error is raised here
    finally:
        torch.set_num_threads(before)   # some of what it sets belongs to the whole process
