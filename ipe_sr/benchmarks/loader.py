"""Compare the time to make a batch with the time of the training step that uses it: `python -m ipe_sr.benchmarks.loader`.

The model is IPE-LIIF with the EDSR-baseline encoder, the patches and queries are the paper's, and the pictures are the
photographs that come with the package. The last figure is the ratio of the two medians, which depends little on the machine.
"""

import itertools

import torch

from ipe_sr.benchmarks import cases, command, timing
from ipe_sr.training import batches, loop


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--batch", type=int, default=16, help="pictures in a batch")
    parser.add_argument("--runs", type=int, default=5, help="timed training steps")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sampler = batches.Sampler(loop.load_store(("samples-train",)), options.batch, 48, 2304, (1.0, 4.0), seed=0)
    steps, step = itertools.count(1), cases.step("ipe-liif", "fast", "fp32", sampler(0))
    loading = timing.medians({"batch": lambda: sampler(next(steps))}, 4 * options.runs)["batch"]
    training_step = timing.medians({"step": step}, options.runs)["step"]
    share = loading / training_step
    print(f"batch of {options.batch}: {1e3 * loading:.1f} ms; training step: {1e3 * training_step:.0f} ms; share {share:.2%}")


if __name__ == "__main__":
    command.run(main)
