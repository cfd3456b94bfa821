"""Time decoding and training steps by method, form, precision and number of threads: `python -m ipe_sr.benchmarks`.

Each number is the median of several runs in one process; the cases take turns, so that a disturbance of the machine meets all
of them. Ratios compare with the textbook form of LIIF on the same number of threads. bfloat16 is left out on a CPU that
computes it in software. With all methods it takes many minutes: each table is printed when it is ready, and --methods and
--side make less work. On a GPU (--device cuda) the batch is the paper's, and 1080p to 4K is timed as well.
"of the limit" is the speed, in multiply-adds of matrix products and convolutions, as a share of that of bare matrix products of
the same precision. Sums, ReLU, waves and copies count as nothing, so no case can reach 100%.

Other programs, each with --help:
  python -m ipe_sr.benchmarks.memory          peak memory of upscaling one file
  python -m ipe_sr.benchmarks.budget          operations, memory and hours of a training of the paper's size
  python -m ipe_sr.benchmarks.areas           how much models use the area of a pixel
  python -m ipe_sr.benchmarks.field           the field against IPE-LIIF, and the errors of its identities
  python -m ipe_sr.benchmarks.pareto          quality against time, over whole pictures
  python -m ipe_sr.benchmarks.exports         exported models in onnxruntime beside our own code
  python -m ipe_sr.benchmarks.borders         quality at the picture's border beside that inside
  python -m ipe_sr.benchmarks.limits          pictures with JPEG blocks, noise and blur
  python -m ipe_sr.benchmarks.profile         which operations take the time
  python -m ipe_sr.benchmarks.loader          cost of making a batch beside a training step
  python -m ipe_sr.benchmarks.schedules       training recipes at an equal number of steps
  python -m ipe_sr.benchmarks.variants        weights, and ways to use them, on validation crops
  python -m ipe_sr.benchmarks.frequencies     other frequencies than the paper's octaves
  python -m ipe_sr.benchmarks.readme_picture  the picture of the README
"""

import argparse
import functools
from collections.abc import Iterator
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from ipe_sr import files, models, render
from ipe_sr.benchmarks import cases, command, timing
from ipe_sr.benchmarks.memory import peak_of


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to this file")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of CPU threads")
    parser.add_argument("--methods", nargs="+", default=list(cases.METHODS), help="the models, by the names of their presets")
    parser.add_argument("--encoders", nargs="+", default=["edsr"], help="the encoders that are timed apart: edsr, rdn")
    parser.add_argument("--side", type=int, default=96, help="LR pixels along each side of the decoded picture")
    parser.add_argument("--scale", type=int, default=4, help="the upscaling factor")
    parser.add_argument("--batch", type=int, help="pictures in a training step; usually 4, on a GPU 16; 0: no training")
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of each case")
    parser.add_argument("--compile", action="store_true", help="also time training steps with torch.compile")
    parser.add_argument("--no-memory", action="store_true", help="leave out peak memory, which takes a process for each case")
    options = parser.parse_args()
    batch = options.batch if options.batch is not None else 4 if options.device == "cpu" else 16
    facts = {
        "torch": torch.__version__, "device": timing.machine(options.device), "side": options.side, "scale": options.scale,
        "batch": batch, "rounds": options.rounds, "rows": [],
    }
    for threads in options.threads if options.device == "cpu" else options.threads[:1]:
        torch.set_num_threads(threads)
        for rows in _measured(options, batch, threads):
            _print(facts | {"rows": rows})   # at once, because the whole takes many minutes
            facts["rows"] += rows
    if options.json:
        files.write_json(options.json, facts)


def _dtypes(device: str) -> list[str]:
    in_hardware = device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return ["fp32", "bf16"] if in_hardware else ["fp32"]


def _measured(options: argparse.Namespace, batch: int, threads: int) -> Iterator[list[dict]]:
    yield _decoding(options, threads)
    if batch:
        yield _training(options, batch, threads)


def _decoding(options: argparse.Namespace, threads: int) -> list[dict]:
    shape = (options.side, options.scale, options.device)
    work = {f"matrix products {dtype}": cases.gemm(*shape, dtype) for dtype in _dtypes(options.device)}
    for dtype in _dtypes(options.device):
        for encoder in options.encoders:
            work[f"encoder {encoder} {dtype}"] = cases.encoding(encoder, dtype, options.side, options.device)
    for name in {"liif": None} | dict.fromkeys(options.methods):
        for form in cases.FORMS:
            for dtype in _dtypes(options.device):
                work[f"{name} {form} {dtype}"] = cases.decoding(name, form, dtype, *shape)
    if options.device == "cuda":
        model, picture = models.method("ipe-liif").build().eval().to("cuda"), torch.rand(1, 3, 1080, 1920, device="cuda")
        for name, dtype in cases.DTYPES.items():
            work[f"ipe-liif 1080p to 4K {name}"] = functools.partial(render.render, model, picture, (2160, 3840), dtype)
    rows = _rows("decode", threads, timing.medians(work, options.rounds), work)
    for row in rows:
        if not options.no_memory and options.device == "cpu" and row["case"].split()[1] in cases.FORMS:
            row["peak_bytes"] = peak_of(*row["case"].split(), options.side, options.scale, threads)
    return rows


def _training(options: argparse.Namespace, size: int, threads: int) -> list[dict]:
    batch = cases.batch_of(size, options.device)
    work = {}
    for name in {"liif": None} | dict.fromkeys(options.methods):
        for form in cases.FORMS:
            for dtype in _dtypes(options.device):
                work[f"{name} {form} {dtype}"] = cases.step(name, form, dtype, batch)
    if options.compile:
        for mode in ("default", "reduce-overhead") if options.device == "cuda" else ("default",):
            for dtype in _dtypes(options.device):
                work[f"ipe-liif fast {dtype}, compiled ({mode})"] = cases.step("ipe-liif", "fast", dtype, batch, mode)
    return _rows(f"train, batch {size}", threads, timing.medians(work, options.rounds), {})


def _rows(task: str, threads: int, seconds: dict[str, float], work: dict[str, cases.Work]) -> list[dict]:
    """work: the cases whose operations are counted, in float32: torch's counter fails on some products under autocast."""
    exact = {case: cases.operations(some) for case, some in work.items() if case.endswith("fp32")}
    counts = {case: exact[f"{case.rpartition(' ')[0]} fp32"] for case in work}
    speed = {case.split()[-1]: counts[case] / seconds[case] for case in counts if case.startswith("matrix products")}
    rows = []
    for case, value in seconds.items():
        of = "encode" if case.startswith("encoder ") else task
        row = {"task": of, "threads": threads, "case": case, "seconds": value, "times_as_fast": seconds[cases.BASE] / value}
        if case in counts:
            row |= {"operations": counts[case], "of_limit": counts[case] / value / speed[case.split()[-1]]}
        rows.append(row)
    return rows


def _print(facts: dict) -> None:
    title = f"{facts['side']}^2 -> {facts['side'] * facts['scale']}^2; torch {facts['torch']}, {facts['device']}"
    columns = ("task", "threads", "case", "seconds", "times as fast as LIIF's textbook form", "of the limit", "peak memory")
    table = Table(*columns, title=title)
    for row in facts["rows"]:
        peak = f"{row['peak_bytes'] / 2**20:.0f} MiB" if "peak_bytes" in row else ""
        limit = f"{row['of_limit']:.0%}" if "of_limit" in row else ""
        table.add_row(
            row["task"], str(row["threads"]), row["case"], f"{row['seconds']:.3f}", f"{row['times_as_fast']:.2f}", limit, peak
        )
    Console(width=130).print(table)


if __name__ == "__main__":
    command.run(main)
