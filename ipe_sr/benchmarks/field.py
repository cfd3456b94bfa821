"""Measure the field: decoding, whole pictures, training steps, the sub-pixel identity: `python -m ipe_sr.benchmarks.field`.

The models have random weights and full size, except for the released ones. Cases take turns in one process. Two numbers are
given for each: the median of the wall-clock seconds, and the median of the seconds that all threads of the process computed,
which other programs on the machine disturb less. With --large, 1920 x 1080 to 3840 x 2160 as well, each model in a process of
its own, with the memory that it takes beyond what the process had before.
"""

import functools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table
from torch.nn import functional as F

from ipe_sr import files, grids, models, render
from ipe_sr.benchmarks import cases, command, memory, timing

SCALES = (2.0, 4.0, 2.7)                       # of whole pictures
LARGE, LARGER = (1080, 1920), (2160, 3840)
LARGE_CASES = [("bicubic", "fp32"), ("field", "fp32"), ("field", "bf16"), ("ipe-liif-cell", "fp32"), ("ipe-liif-cell", "bf16")]
SUB_PIXELS = (2, 3, 5)


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--side", type=int, default=96, help="LR pixels along each side of the picture")
    parser.add_argument("--batch", type=int, default=4, help="pictures in a training step; 0: no training")
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of each case")
    parser.add_argument("--large", action="store_true", help="also 1920 x 1080 to 3840 x 2160")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [*timed("decode to x4, without encoder", decoding(options.side), options.rounds)]
    rows += timed("whole picture", whole(options.side), options.rounds)
    if options.batch:
        rows += timed(f"training step, batch {options.batch}", training(options.batch), options.rounds)
    if options.large:
        rows += [large(model, dtype, options.threads) for model, dtype in LARGE_CASES]
    facts = {
        "torch": torch.__version__, "cpu": timing.machine(), "threads": options.threads, "side": options.side, "rows": rows,
        "sub_pixel_errors": {name: identity(dtype) for name, dtype in (("float64", torch.float64), ("float32", torch.float32))},
    }
    show(facts)
    if options.json:
        files.write_json(options.json, facts)


def decoding(side: int) -> dict[str, cases.Work]:
    """From features to colours at x4."""
    names = [("liif", "textbook", "fp32"), ("field", "textbook", "fp32")]
    names += [(method, "fast", dtype) for method in ("ipe-liif", "field") for dtype in cases.DTYPES]
    return {" ".join(name): cases.decoding(*name, side, 4, "cpu") for name in names}


def whole(side: int) -> dict[str, cases.Work]:
    """The encoder alone, and two fields from LR picture to SR picture: the preset's, and `ipe-field`, which has windows."""
    fields = {"field": models.method("field").build().eval(), "ipe-field": models.load("ipe-field")}
    lr = torch.rand(1, 3, side, side)

    def encoder() -> None:
        with torch.inference_mode():
            fields["field"].encoder(lr * 2 - 1)

    sizes = {scale: round(side * scale) for scale in SCALES}
    return {"encoder alone": encoder} | {
        f"{name} x{scale:g}": functools.partial(render.render, model, lr, (n, n))
        for name, model in fields.items() for scale, n in sizes.items()
    }


def training(size: int) -> dict[str, cases.Work]:
    """Steps with the paper's patches and queries."""
    batch = cases.batch_of(size, "cpu")
    names = [(method, dtype) for dtype in cases.DTYPES for method in ("ipe-liif", "field")]
    return {f"{method} {dtype}": cases.step(method, "fast", dtype, batch) for method, dtype in names}


def timed(task: str, works: dict[str, Callable[[], object]], rounds: int) -> list[dict]:
    """A row for each case; the first turn is not counted."""
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            turns[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return [row(task, name, *map(statistics.median, zip(*some[1:], strict=True))) for name, some in turns.items()]


def row(task: str, case: str, seconds: float, cpu_seconds: float, **more: float) -> dict:
    return {"task": task, "case": case, "seconds": seconds, "cpu_seconds": cpu_seconds, **more}


def large(model: str, dtype: str, threads: int) -> dict:
    """Upscaling a large random picture once, in a fresh process."""
    words = [sys.executable, "-c", f"from ipe_sr.benchmarks import field; field.upscale_large({model!r}, {dtype!r}, {threads})"]
    measured = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return row("1920 x 1080 to 3840 x 2160", f"{model} {dtype}", **measured)


def upscale_large(name: str, dtype: str, threads: int) -> None:
    """Print the seconds and the peak memory of one picture as JSON; the result's own bytes are part of the memory."""
    torch.set_num_threads(threads)
    model = models.load(name) if name in models.released() else models.method(name).build().eval()
    lr, kind = torch.rand(1, 3, *LARGE), cases.DTYPES[dtype]
    render.render(model, lr[..., :32, :32], (64, 64), kind)   # what the first call loads is not counted
    before, wall, cpu = memory.start(), time.perf_counter(), time.process_time()
    render.render(model, lr, LARGER, kind)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_bytes": memory.peak() - before}))


@torch.no_grad()
def identity(dtype: torch.dtype) -> float:
    """The largest difference between a pixel and the mean of its k x k sub-pixels, at scales from 0.6 to 3.4, in [0, 1]."""
    torch.manual_seed(0)
    model, lr_size = models.method("field").build().eval().to(dtype), (24, 30)
    features = model.encode(torch.rand(1, 3, *lr_size, dtype=dtype))

    def painted(size: tuple[int, int]) -> torch.Tensor:
        rows, columns = (grids.centres(n_out, n_in) for n_out, n_in in zip(size, lr_size, strict=True))
        return model.paint(features, rows, columns, grids.radii(size, lr_size)).movedim(-1, 1)

    def difference(size: tuple[int, int], k: int) -> float:
        return (F.avg_pool2d(painted((k * size[0], k * size[1])), k) - painted(size)).abs().max().item()

    return max(difference(size, k) for size in ((48, 60), (61, 97), (24, 30), (15, 19), (82, 101)) for k in SUB_PIXELS)


def show(facts: dict) -> None:
    table = Table("task", "case", "seconds", "CPU seconds", "memory", title=f"torch {facts['torch']}, {facts['cpu']}, "
                  f"{facts['threads']} threads, {facts['side']} x {facts['side']} LR pixels")
    for entry in facts["rows"]:
        peak = f"{entry['peak_bytes'] / 2**20:.0f} MiB" if "peak_bytes" in entry else ""
        table.add_row(entry["task"], entry["case"], f"{entry['seconds']:.4f}", f"{entry['cpu_seconds']:.4f}", peak)
    console = Console(width=130)
    console.print(table)
    for name, error in facts["sub_pixel_errors"].items():
        console.print(f"largest difference between a pixel and the mean of its sub-pixels in {name}: {error:.1e}")


if __name__ == "__main__":
    command.run(main)
