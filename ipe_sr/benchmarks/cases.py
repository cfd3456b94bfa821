"""What is timed: decoding a picture and a step of training, by method, form, precision; and the limit of matrix products."""

from collections.abc import Callable

import torch
from torch import nn

from ipe_sr import grids, models
from ipe_sr.models import implicit
from ipe_sr.training import batches, loop

METHODS = ("liif", "liif-pe", "ipe-liif", "ipe-liif-no-skip", "metasr", "ipe-metasr", "lte", "ipe-lte", "ipe-lmf")
FORMS = ("textbook", "fast")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
BASE = "liif textbook fp32"   # what ratios refer to: LIIF as its paper has it
Work = Callable[[], object]


def decoding(name: str, form: str, dtype: str, side: int, scale: int, device: str) -> Work:
    """side^2 -> (scale side)^2 pixels, from features to colours."""
    model = models.method(name).build().eval().to(device)
    rows, radius = grids.centres(side * scale, side), grids.radii((side * scale,) * 2, (side,) * 2)
    with torch.no_grad():
        features = model.encode(torch.rand(1, 3, side, side, device=device))

    def work() -> None:
        with torch.inference_mode(), torch.autocast(device, DTYPES[dtype], enabled=dtype == "bf16"):
            if form == "fast":
                for _ in model.bands(features, rows, rows, radius):
                    pass
            else:
                model.paint_by_queries(model.textbook, features, rows, rows, radius)

    return work


class Textbook(nn.Module):
    """A model whose queries are answered in the textbook form only."""

    def __init__(self, model: implicit.ImplicitModel):
        super().__init__()
        self.model, self.encode = model, model.encode

    def query(self, features, position, radius):
        around = self.model.locate(position, radius, features.shape[-2:])
        return implicit.blend(self.model.textbook(features, radius)(around, radius), around)


def step(name: str, form: str, dtype: str, batch: batches.Batch, compile: str = "") -> Work:
    """Forward, backward and Adam, EDSR-baseline.   compile: a mode of torch.compile, "" for none."""
    model = models.method(name).build().to(batch.lr.device)
    objective = loop.Objective(Textbook(model) if form == "textbook" else model, dtype)
    optimizer = torch.optim.Adam(model.parameters(), fused=batch.lr.is_cuda)
    compute = torch.compile(objective, mode=compile) if compile else objective

    def work() -> None:
        optimizer.zero_grad()
        compute(batch).backward()
        optimizer.step()

    return work


def batch_of(size: int, device: str) -> batches.Batch:
    """The paper's patches and queries, from pictures that the package brings."""
    store = loop.load_store(("samples-train",))
    return batches.Sampler(store, size, 48, 2304, (1.0, 4.0), seed=0, device=torch.device(device))(0)


def gemm(side: int, scale: int, device: str, dtype: str) -> Work:
    """The multiply-adds that decoding IPE-LIIF takes when hoisted, as matrix products of the best shape and nothing else.

    For each pixel four answers of three 256 x 256 layers and one 256 x 3; for each LR pixel a 576 x 1024 convolution.
    """
    pixels, rows, kind = (side * scale) ** 2, 2048, {"dtype": DTYPES[dtype], "device": device}
    total = pixels * 4 * (3 * 256 * 256 + 256 * 3) + side * side * 576 * 1024
    a, b, out = torch.randn(rows, 256, **kind), torch.randn(256, 256, **kind), torch.empty(rows, 256, **kind)

    def work() -> None:
        for _ in range(round(total / (rows * 256 * 256))):
            torch.mm(a, b, out=out)

    return work
