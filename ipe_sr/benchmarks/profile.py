"""python -m ipe_sr.benchmarks.profile [METHOD] : where the time of decoding, or of a training step, goes.

Self time of torch's operations under its profiler, in one thread, as shares. Products are what no reordering can save.
"""

import argparse

import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from ipe_sr.benchmarks import cases

KINDS = {   # the first that fits counts
    "matrix products": ("mm", "linear"), "convolutions": ("conv", "mkldnn"), "gathering": ("embedding", "index", "gather"),
    "optimiser": ("adam", "addcdiv", "addcmul", "lerp", "sqrt"), "encoding": ("sin", "cos", "sinc"),
    "sums and ReLU": ("add", "relu", "clamp", "threshold", "sum"), "copies": ("copy", "cat", "clone", "fill", "zero"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", nargs="?", default="ipe-liif")
    parser.add_argument("--form", choices=cases.FORMS, default="fast")
    parser.add_argument("--train", type=int, metavar="BATCH", help="a training step with this batch instead of decoding")
    parser.add_argument("--side", type=int, default=96, help="LR pixels a side of the decoded picture")
    parser.add_argument("--scale", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.train:
        what, work = f"training step, batch {options.train}", cases.step(
            options.method, options.form, "fp32", cases.batch_of(options.train, "cpu")
        )
    else:
        what, work = f"{options.side}^2 -> {options.side * options.scale}^2", cases.decoding(
            options.method, options.form, "fp32", options.side, options.scale, "cpu"
        )
    title = f"{options.method}, {options.form}, {what}; torch {torch.__version__}, one thread"
    _print(shares(work), title)


def shares(work: cases.Work) -> dict[str, float]:
    """Kind of operation -> its share of the time of one call, the first one being a warm-up."""
    work()
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        work()
    spent = dict.fromkeys([*KINDS, "other"], 0.0)
    for event in profiled.key_averages():
        spent[kind_of(event.key)] += event.self_cpu_time_total
    return {kind: time / sum(spent.values()) for kind, time in spent.items()}


def kind_of(operation: str) -> str:
    name = operation.lower().removeprefix("aten::")
    return next((kind for kind, words in KINDS.items() if any(word in name for word in words)), "other")


def _print(found: dict[str, float], title: str) -> None:
    table = Table("operations", "share of the time", title=title)
    for kind, share in sorted(found.items(), key=lambda item: -item[1]):
        table.add_row(kind, f"{share:.1%}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
