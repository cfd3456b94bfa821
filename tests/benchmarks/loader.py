"""What a batch costs beside the training step that uses it: `python -m tests.benchmarks.loader [--batch 16]`.

EDSR-baseline IPE-LIIF, the paper's patches and queries, on the photographs that the package brings. Medians of runs in
one process, as a ratio: machines differ, ratios hardly.
"""

import argparse
import statistics
import time

import torch

from ipe_sr import data, models, training


def median(work, runs: int) -> float:
    work(0)
    times = []
    for step in range(1, runs + 1):
        start = time.perf_counter()
        work(step)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sampler = data.Sampler(training.load_store(("samples-train",)), options.batch, 48, 2304, (1.0, 4.0), seed=0)
    objective = training.Objective(models.method("ipe-liif").build())
    optimizer = torch.optim.Adam(objective.parameters())
    batch = sampler(0)

    def step(_: int) -> None:
        optimizer.zero_grad()
        objective(batch).backward()
        optimizer.step()

    loading, training_step = median(sampler, 4 * options.runs), median(step, options.runs)
    share = loading / training_step
    print(f"batch of {options.batch}: {1e3 * loading:.1f} ms; training step: {1e3 * training_step:.0f} ms; share {share:.2%}")


if __name__ == "__main__":
    main()
