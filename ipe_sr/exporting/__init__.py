"""Models as files for other programs.

    ipe_sr.export(model, "sr.onnx", scale=2)            # ONNX: (B, 3, h, w) -> (B, 3, 2h, 2w), for any h and w
    ipe_sr.export(model, "sr.onnx")                     # with a second input, the size (H, W) as int64: any scale
    ipe_sr.export(model, "sr.pt2", scale=2.5)           # the same, for torch.export.load
    ipe_sr.export(field, "sr.safetensors", scale=2)     # a network that spandrel and the tools built on it load: see `compact`

The file holds one plain form of the model, which computes a whole picture at once (see `graphs`). A program that runs it on
large pictures cuts them into tiles that overlap by the reach of the encoder. Pictures are RGB in [0, 1]; the result is not
clamped.
"""

import json
import os
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor, nn

from ipe_sr import files
from ipe_sr.errors import InputError, importing
from ipe_sr.exporting import compact, graphs
from ipe_sr.models import configs

OPSET = 20             # of ONNX; onnxruntime reads it since 1.17
TOLERANCE = 1e-5       # how far the file's results may be from the model's
LARGEST_SIDE = 1 << 15
EXAMPLE, CHECKS = (2, 11, 13), ((1, 9, 14), (2, 16, 7))   # batch, h, w: for tracing, and for the check of the file


def export(model: nn.Module, path: str | os.PathLike, scale: float | None = None) -> float:
    """Write a model to a file, whose suffix says what for: .onnx, .pt2 (torch.export) or .safetensors (`compact`).

    scale: at least 1; a fraction is taken to 1/1000. None writes a graph of any scale with the size as its second input.
    Returns the largest difference between the file's results and the model's, over small random pictures of other sizes than
    the one that was traced. Only a file that agrees to 1e-5 is written.
    Raises InputError for another suffix, a model that cannot be exported so, or a missing package.
    """
    path, model = Path(path), model.float().cpu().eval()
    writers = {".onnx": _onnx, ".pt2": _pt2, ".safetensors": compact.write}
    if path.suffix not in writers:
        raise InputError(f"{path}: the file's suffix says what to write: use one of {', '.join(writers)}")
    exact = None if scale is None else Fraction(scale).limit_denominator(1000)
    if exact is not None and exact < 1:
        raise InputError(f"scale must be at least 1, got {scale}")
    graph = graphs.graph_of(model, exact)
    with files.replacing(path) as temporary, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)   # of the exporters about their own parts
        run = writers[path.suffix](model, graph, exact, temporary)
        difference = max(_difference(model, run, exact, *shape) for shape in CHECKS)
        if not difference <= TOLERANCE:   # NaN fails as well
            raise RuntimeError(f"{path}: the file's results differ by {difference:.1e} from the model's")
    return difference


def _difference(model: nn.Module, run: Callable, scale: Fraction | None, batch: int, height: int, width: int) -> float:
    inputs = _inputs(scale, batch, height, width)
    size = inputs[1].tolist() if scale is None else [graphs.scaled(n, scale) for n in (height, width)]
    return (run(*inputs) - model(inputs[0], tuple(size))).abs().max().item()


def _inputs(scale: Fraction | None, batch: int, height: int, width: int) -> tuple[Tensor, ...]:
    lr = torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(0))
    return (lr,) if scale else (lr, torch.tensor([2 * height + 3, 3 * width - 1]))


def _traced(graph: nn.Module, scale: Fraction | None) -> torch.export.ExportedProgram:
    largest = {name: torch.export.Dim(name, min=1, max=LARGEST_SIDE) for name in ("batch", "height", "width")}
    shapes = {"lr": dict(zip((0, 2, 3), largest.values(), strict=True))} | ({} if scale else {"size": None})
    return torch.export.export(graph, _inputs(scale, *EXAMPLE), dynamic_shapes=shapes)


def _pt2(model: nn.Module, graph: nn.Module, scale: Fraction | None, path: Path) -> Callable:
    torch.export.save(_traced(graph, scale), path, extra_files={"config.json": _facts(model, scale)})
    return torch.export.load(path).module()


def _onnx(model: nn.Module, graph: nn.Module, scale: Fraction | None, path: Path) -> Callable:
    with importing("export", "ONNX"):
        import onnxruntime
        import onnxscript  # noqa: F401 (torch needs it)
    names = ["lr"] if scale else ["lr", "size"]
    program = torch.onnx.export(
        _traced(graph, scale), input_names=names, output_names=["sr"], opset_version=OPSET, dynamo=True, verbose=False
    )
    program.model.metadata_props["ipe_sr"] = _facts(model, scale)
    program.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda *given: torch.from_numpy(session.run(None, {k: v.numpy() for k, v in zip(names, given, strict=True)})[0])


def _facts(model: nn.Module, scale: Fraction | None) -> str:
    return json.dumps({"model": configs.to_dict(model.config), "scale": None if scale is None else float(scale)})
