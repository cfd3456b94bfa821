"""Export models with random weights to ONNX and time them in onnxruntime: `python -m ipe_sr.benchmarks.exports`.

For each method the table shows the largest difference between the file's picture and ours, the size of the file, and the
seconds for one picture in onnxruntime, in our code (`render`), and from the torch.export file. The runs take turns; each number
is a median.
"""

import tempfile
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from ipe_sr import exporting, files, models, render
from ipe_sr.benchmarks import command, timing
from ipe_sr.errors import importing

METHODS = ("ipe-liif", "field", "rdn-liif")
COLUMNS = ("method", "ONNX: MB", "difference", "seconds", "torch.export: MB", "difference", "seconds", "ours: seconds")


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to this file")
    parser.add_argument("--models", nargs="+", default=list(METHODS), help="methods (random weights) or models (their weights)")
    parser.add_argument("--side", type=int, default=96, help="LR pixels along each side of the picture")
    parser.add_argument("--scale", type=int, default=2, help="the factor")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--rounds", type=int, default=5, help="timed runs of each case")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [measured(name, options.side, options.scale, options.threads, options.rounds) for name in options.models]
    side = options.side
    title = f"{side}^2 -> {side * options.scale}^2, {options.threads} threads, torch {torch.__version__}"
    table = Table(*COLUMNS, title=title)
    for row in rows:
        cells = [f"{row[key]:.3f}" if "seconds" in key else f"{row[key]:.1e}" if "diff" in key else f"{row[key]:.1f}"
                 for key in list(row)[1:]]
        table.add_row(row["method"], *cells)
    Console(width=130).print(table)
    if options.json:
        files.write_json(options.json, {"title": title, "rows": rows})


def measured(name: str, side: int, scale: int, threads: int, rounds: int) -> dict:
    """The row of one model.   name: of a method, or what `models.load` takes."""
    with importing("export", "ONNX"):
        import onnxruntime
    torch.manual_seed(0)
    model = models.method(name).build().eval() if name in models.methods() else models.load(name)
    lr = torch.rand(1, 3, side, side)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        onnx, pt2 = Path(folder) / "m.onnx", Path(folder) / "m.pt2"
        with torch.inference_mode(False):
            exporting.export(model, onnx, scale)
            exporting.export(model, pt2, scale)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(onnx, settings, providers=["CPUExecutionProvider"])
        loaded = torch.export.load(pt2).module()
        size = (side * scale,) * 2
        work = {
            "onnx": lambda: torch.from_numpy(session.run(None, {"lr": lr.numpy()})[0]),
            "pt2": lambda: loaded(lr), "ours": lambda: render.render(model, lr, size),
        }
        expected = work["ours"]()
        difference = {key: (work[key]() - expected).abs().max().item() for key in ("onnx", "pt2")}
        seconds = timing.medians(work, rounds)
        return {
            "method": name, "onnx MB": onnx.stat().st_size / 1e6, "onnx difference": difference["onnx"],
            "onnx seconds": seconds["onnx"], "pt2 MB": pt2.stat().st_size / 1e6, "pt2 difference": difference["pt2"],
            "pt2 seconds": seconds["pt2"], "our seconds": seconds["ours"],
        }


if __name__ == "__main__":
    command.run(main)
