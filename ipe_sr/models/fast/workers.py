"""Blocks of a picture side by side on the CPU: one thread for each group of blocks is faster than all threads on each small
product."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

Block = tuple[slice, slice]   # rows, columns


def share(work: Callable[[list[Block]], None], blocks: list[Block], device: torch.device) -> None:
    """Call work(blocks); on a CPU, where no gradients are recorded, call it in several threads, each with its group of blocks.

    There are as many threads as torch uses, and in each of them torch uses one. Neighbouring blocks stay in one group. The
    results do not depend on the number of threads if `work` computes each block by itself.
    """
    threads = min(torch.get_num_threads(), len(blocks)) if device.type == "cpu" and not torch.is_grad_enabled() else 1
    if threads == 1:
        work(blocks)
        return
    inference = torch.is_inference_mode_enabled()

    def alone(first: int, last: int) -> None:   # these modes are kept for each thread
        torch.set_num_threads(1)
        with torch.inference_mode(inference), torch.no_grad():
            work(blocks[first:last])

    before, ends = torch.get_num_threads(), [len(blocks) * i // threads for i in range(threads + 1)]
    try:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(alone, ends, ends[1:]))   # reads each result, so that an error is raised here
    finally:
        torch.set_num_threads(before)   # part of this setting holds for the whole process
