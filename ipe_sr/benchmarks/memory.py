"""python -m ipe_sr.benchmarks.memory LR SIZE [--method ipe-liif] : the most memory that super-resolving a file takes.

LR and SIZE are HxW. A process of its own reads a picture, upscales it with random weights, writes it, and reports its
largest resident set: libraries, weights, input and output included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path


def peak_of(method: str, form: str, dtype: str, side: int, scale: int, threads: int) -> int:
    """Bytes that decoding in a fresh process needs at most beyond what it has before."""
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
    """Forget this process's largest resident set; its present one, bytes (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def peak() -> int:
    """The largest resident set since `start`, or ever, bytes."""
    return _status("VmHWM")


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lr", type=_size, metavar="LR")
    parser.add_argument("size", type=_size, metavar="SIZE")
    parser.add_argument("--method", default="ipe-liif")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()

    import numpy as np
    import torch

    from ipe_sr import models, upscaling
    from ipe_sr.imaging import images

    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "lr.png"
        images.write(source, images.Picture(np.random.default_rng(0).integers(0, 256, (*options.lr, 3), np.uint8)))
        model = models.method(options.method).build().eval()
        before = peak()
        upscaling.upscale_file(source, Path(folder) / "sr.png", size=options.size, model=model)
    print(json.dumps({"method": options.method, "before_MiB": before >> 20, "peak_MiB": peak() >> 20}))


def _size(text: str) -> tuple[int, int]:
    height, width = map(int, text.split("x"))
    return height, width


if __name__ == "__main__":
    main()
