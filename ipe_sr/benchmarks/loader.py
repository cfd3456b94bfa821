"""What a batch costs beside the training step that uses it: `python -m ipe_sr.benchmarks.loader [--batch 16]`.

EDSR-baseline IPE-LIIF, the paper's patches and queries, on the photographs that the package brings. Medians of runs in
one process, as a ratio: machines differ, ratios hardly.
"""

import argparse
import itertools

import torch

from ipe_sr.benchmarks import cases, timing
from ipe_sr.training import batches, loop


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sampler = batches.Sampler(loop.load_store(("samples-train",)), options.batch, 48, 2304, (1.0, 4.0), seed=0)
    steps, step = itertools.count(1), cases.step("ipe-liif", "fast", "fp32", sampler(0))
    loading = timing.medians({"batch": lambda: sampler(next(steps))}, 4 * options.runs)["batch"]
    training_step = timing.medians({"step": step}, options.runs)["step"]
    share = loading / training_step
    print(f"batch of {options.batch}: {1e3 * loading:.1f} ms; training step: {1e3 * training_step:.0f} ms; share {share:.2%}")


if __name__ == "__main__":
    main()
