"""The work that the benchmarks time: decoding a picture, a training step, and bare matrix products as their lower limit."""

import functools
import math
from collections.abc import Callable

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ipe_sr import grids, models
from ipe_sr.models import configs, implicit
from ipe_sr.training import batches, loop

METHODS = (
    "liif", "liif-pe", "ipe-liif", "ipe-liif-no-skip", "metasr", "ipe-metasr", "lte", "ipe-lte", "ipe-lmf", "lm-liif", "field",
)
FORMS = ("textbook", "fast")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
BASE = "liif textbook fp32"   # all ratios compare with this case: LIIF as its paper describes it
IN_PLACE = {torch.ops.aten.addmm_: lambda _, a, b, **__: 2 * math.prod(a) * b[1]}   # shapes; torch's counter lacks it
Work = Callable[[], object]


def decoding(name: str, form: str, dtype: str, side: int, scale: int, device: str) -> Work:
    """Decode a picture of side x side LR pixels to `scale` times that size; the features are computed beforehand."""
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
                query = functools.partial(model.textbook, features)
                implicit.paint_by(query, features, rows, rows, radius.to(features)[None, None])

    return work


def encoding(encoder: str, dtype: str, side: int, device: str) -> Work:
    """Encode a picture of side x side pixels by the encoder of this name, with its default options."""
    network = configs.encoder({"name": encoder}).build().eval().to(device)
    picture = torch.rand(1, 3, side, side, device=device)

    def work() -> None:
        with torch.inference_mode(), torch.autocast(device, DTYPES[dtype], enabled=dtype == "bf16"):
            network(picture)

    return work


def operations(work: Work) -> int:
    """The floating-point operations of one call in matrix products and convolutions: two for each multiply-add."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)   # the counter sees the calling thread alone
    try:
        with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
            work()
    finally:
        torch.set_num_threads(threads)
    return counter.get_total_flops()


class Textbook(nn.Module):
    """A model that answers every query in the textbook form."""

    def __init__(self, model: implicit.ImplicitModel):
        super().__init__()
        self.model, self.encode = model, model.encode

    def query(self, features, position, radius):
        return self.model.textbook(features, position, radius)


def step(name: str, form: str, dtype: str, batch: batches.Batch, compile: str = "") -> Work:
    """One training step: forward pass, backward pass and Adam.   compile: a mode of torch.compile; "" does not compile."""
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
    """A batch with the paper's patch size and number of queries, from the photographs that come with the package."""
    store = loop.load_store(("samples-train",))
    return batches.Sampler(store, size, 48, 2304, (1.0, 4.0), seed=0, device=torch.device(device))(0)


def gemm(side: int, scale: int, device: str, dtype: str) -> Work:
    """Only matrix products, of the most efficient shape, with as many multiply-adds as the fast form of IPE-LIIF.

    The fast form evaluates three 256 x 256 layers and one 256 x 3 layer four times for each pixel, and a 576 x 1024
    convolution once for each LR pixel.
    """
    pixels, rows, kind = (side * scale) ** 2, 2048, {"dtype": DTYPES[dtype], "device": device}
    total = pixels * 4 * (3 * 256 * 256 + 256 * 3) + side * side * 576 * 1024
    a, b, out = torch.randn(rows, 256, **kind), torch.randn(256, 256, **kind), torch.empty(rows, 256, **kind)

    def work() -> None:
        for _ in range(round(total / (rows * 256 * 256))):
            torch.mm(a, b, out=out)

    return work
