"""Measure the peak memory of upscaling one file: `python -m ipe_sr.benchmarks.memory 500x750 2000x3000`.

The program writes a random picture of size LR, upscales that file to SIZE with random weights, and prints its own largest
resident set before and after as JSON. The figures include libraries, weights, input and output. It reads /proc, so it runs
on Linux only.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ipe_sr import options
from ipe_sr.benchmarks import command


def peak_of(method: str, form: str, dtype: str, side: int, scale: int, threads: int) -> int:
    """Peak memory of decoding in a fresh process, beyond what that process had before; in bytes."""
    program = (
        f"import torch; torch.set_num_threads({threads})\n"
        "from ipe_sr.benchmarks import cases, memory\n"
        f"work = cases.decoding({method!r}, {form!r}, {dtype!r}, {side}, {scale}, 'cpu')\n"
        "before = memory.start()\n"
        "work()\n"
        "print(memory.peak() - before)"
    )
    return int(subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout)


def start() -> int:
    """Reset the record of this process's largest resident set; return the present one, in bytes (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return _status("VmRSS")


def peak() -> int:
    """The largest resident set since the last `start`, or else since the process began, in bytes."""
    return _status("VmHWM")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("lr", metavar="LR", help="size of the input, HxW")
    parser.add_argument("size", metavar="SIZE", help="size of the output, HxW")
    parser.add_argument("--method", default="ipe-liif", help="the model, by the name of its preset")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    asked = parser.parse_args()
    lr_size, size = options.size(asked.lr, "LR"), options.size(asked.size, "SIZE")

    import numpy as np
    import torch

    from ipe_sr import models
    from ipe_sr.imaging import images
    from ipe_sr.upscaling import pictures

    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "lr.png"
        images.write(source, images.Picture(np.random.default_rng(0).integers(0, 256, (*lr_size, 3), np.uint8)))
        model = models.method(asked.method).build().eval()
        before = peak()
        pictures.upscale_file(source, Path(folder) / "sr.png", size=size, model=model)
    print(json.dumps({"method": asked.method, "before_MiB": before >> 20, "peak_MiB": peak() >> 20}))


if __name__ == "__main__":
    command.run(main)
