"""Show which operations take the time of decoding or of a training step: `python -m ipe_sr.benchmarks.profile ipe-liif`.

The figures are shares of the self time that torch's profiler reports for its operations, on one thread.
"""


import torch
from rich.console import Console
from rich.table import Table
from torch.profiler import ProfilerActivity, profile

from ipe_sr.benchmarks import cases, command

KINDS = {   # kind -> parts of the operations' names; an operation belongs to the first kind that matches
    "matrix products": ("mm", "linear"), "convolutions": ("conv", "mkldnn"), "gathering": ("embedding", "index", "gather"),
    "optimiser": ("adam", "addcdiv", "addcmul", "lerp", "sqrt"), "encoding": ("sin", "cos", "sinc"),
    "sums and ReLU": ("add", "relu", "clamp", "threshold", "sum"), "copies": ("copy", "cat", "clone", "fill", "zero"),
}


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("method", nargs="?", default="ipe-liif", help="the model, by the name of its preset")
    parser.add_argument("--form", choices=cases.FORMS, default="fast", help="the form of decoding")
    parser.add_argument("--train", type=int, metavar="BATCH", help="profile a training step of this batch size, not decoding")
    parser.add_argument("--side", type=int, default=96, help="LR pixels along each side of the decoded picture")
    parser.add_argument("--scale", type=int, default=4, help="the upscaling factor")
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
    """Kind of operation -> its share of the time of one call, which follows a warm-up call."""
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
    command.run(main)
