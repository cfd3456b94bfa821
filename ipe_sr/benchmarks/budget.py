"""What a training of the paper's size costs, before it is run: `python -m ipe_sr.benchmarks.budget ipe-liif rdn-ipe-liif`.

For each method, one step with the paper's patches and queries is made on the CPU in float32, in a process of its own. Printed
are the floating-point operations of the step in matrix products and convolutions, the peak memory beyond what the process had
before the step, and the hours that all steps take on a device that sustains --tflops. The libraries of a GPU may take more
memory, half precision takes less. Memory is read from /proc, so this runs on Linux only.
"""

import json
import math
import subprocess
import sys

from ipe_sr.benchmarks import command
from ipe_sr.errors import InputError
from ipe_sr.models import configs

PROGRAM = """
import json, torch
from ipe_sr.benchmarks import cases, memory
torch.set_num_threads(2)
work = cases.step({!r}, "fast", "fp32", cases.batch_of({}, "cpu"))
before = memory.start()
operations = cases.operations(work)
print(json.dumps([operations, memory.peak() - before]))
"""


def measure(method: str, batch: int) -> tuple[int, int]:
    """Floating-point operations and peak memory in bytes of one training step.   batch: patches of 48 x 48 LR pixels."""
    code = PROGRAM.format(method, batch)
    operations, size = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    return operations, size


def hours(operations: float, steps: int, tflops: float) -> float:
    """Hours of all steps.   operations: of one step.   tflops: what the device sustains, in 1e12 operations a second."""
    return operations * steps / (tflops * 1e12) / 3600


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("methods", metavar="METHOD", nargs="+", help="as in a preset's name, such as ipe-liif")
    parser.add_argument("--batch", type=int, default=16, help="patches in a step")
    parser.add_argument("--steps", type=int, default=1_000_000, help="training steps")
    parser.add_argument("--tflops", type=float, default=10.0, help="1e12 operations a second that the device sustains")
    asked = parser.parse_args()
    if min(asked.batch, asked.steps) < 1 or not 0 < asked.tflops < math.inf:
        raise InputError("--batch, --steps and --tflops must be positive numbers")
    for method in asked.methods:
        configs.method(method)   # an unknown name is refused before any work
    for method in asked.methods:
        operations, size = measure(method, asked.batch)
        time = hours(operations, asked.steps, asked.tflops)
        print(f"{method}, {asked.batch} patches: {operations / 1e12:.2f}e12 operations a step, {size / 2**30:.1f} GiB, "
              f"{time:.0f} h for {asked.steps:,} steps at {asked.tflops:g} TFLOP/s", flush=True)


if __name__ == "__main__":
    command.run(main)
