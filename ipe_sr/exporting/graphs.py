"""Models as graphs that torch can trace for a picture of any size.

Each graph maps a batch (B, 3, h, w) in [0, 1] to (B, 3, H, W), about [0, 1], with the numbers of `model(lr, size)` but for
rounding. It computes a whole picture at once, without the tiles, bands and blocks of `render`.
"""

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.errors import InputError
from ipe_sr.models.fast.field import FastField
from ipe_sr.models.fast.hoisting import HoistedMLP, Maps, separate
from ipe_sr.models.fixed_scale import FixedScale
from ipe_sr.models.implicit import ImplicitModel
from ipe_sr.models.liif import LIIF

Size = tuple[int, int]


def graph_of(model: nn.Module, scale: Fraction | None) -> nn.Module:
    """The graph of a model.   scale: at least 1; None makes a graph with a second input, the size (H, W) as (2,) int64.

    Raises InputError for a model or a scale that has no graph.
    """
    if isinstance(model, FixedScale):
        if scale != model.config.scale:
            raise InputError(f"this model makes scale {model.config.scale} only: give --scale {model.config.scale}")
        return WholePicture(model, scale)
    if isinstance(model, FastField):
        if scale is None or scale.denominator != 1:
            raise InputError("a field is exported for a whole-number scale, as a sub-pixel convolution: give --scale 2, 3, ...")
        return SubPixel(model, int(scale))
    if not isinstance(model, ImplicitModel):
        raise InputError(f"{type(model).__name__} cannot be exported: it has no weights, or is no model of this package")
    return WholePicture(Hoisted(model) if isinstance(model, LIIF) and model.pixel.separable else Textbook(model), scale)


class WholePicture(nn.Module):
    """lr, and the size if there is no fixed scale -> sr. At a fraction, sizes are rounded half up.

    model: a module of (lr, size).
    """

    def __init__(self, model: nn.Module, scale: Fraction | None):
        super().__init__()
        self.model, self.scale = model, scale

    def forward(self, lr: Tensor, size: Tensor | None = None) -> Tensor:
        if self.scale is None:
            height, width = size[0].item(), size[1].item()
            for n in (height, width):
                torch._check(n >= 1)
            return self.model(lr, (height, width))
        return self.model(lr, tuple(scaled(n, self.scale) for n in lr.shape[-2:]))


def scaled(n: int, scale: Fraction) -> int:
    """n times the scale, rounded half up."""
    above, below = scale.numerator, scale.denominator
    return n * above if below == 1 else (2 * n * above + below) // (2 * below)


class Textbook(nn.Module):
    """The equations of any family, for all pixels at once."""

    def __init__(self, model: ImplicitModel):
        super().__init__()
        self.model = model

    def forward(self, lr: Tensor, size: Size) -> Tensor:
        batch = lr.shape[0]                                                        # `len` would fix it to that of the example
        rows, columns = (grids.centres(n, m) for n, m in zip(size, lr.shape[-2:], strict=True))
        y, x = torch.broadcast_tensors(rows[:, None], columns)
        position = torch.stack([y, x], -1).flatten(0, 1).expand(batch, -1, -1)     # (B, H W, 2)
        radius = radius_of(size, lr.shape[-2:])[None, None]
        rgb = self.model.textbook(self.model.encode(lr), position, radius)         # (B, H W, 3)
        return rgb.transpose(1, 2).unflatten(-1, size)


class Hoisted(nn.Module):
    """LIIF as in `models.fast.hoisting`, in the plainest form: convolutions, index_select, sums and ReLU."""

    def __init__(self, model: LIIF):
        super().__init__()
        self.model = model

    def forward(self, lr: Tensor, size: Size) -> Tensor:
        model, features = self.model, self.model.encode(lr)
        mlp = HoistedMLP(model.decoder, features.shape[1], 3 if model.config.unfold else 1, features.dtype)
        neighbours = grids.surrounding if model.config.ensemble else grids.containing
        y, x = (neighbours(grids.centres(n, m), m) for n, m in zip(size, lr.shape[-2:], strict=True))
        radius = radius_of(size, lr.shape[-2:])
        down, across = (mlp.tables(e) for e in separate(model.describe, y.offset, x.offset, radius, features))
        maps = [None if m is None else m.movedim(-1, 1) for m in mlp.maps(features)]               # (B, width, h, w)
        total = features.new_zeros(())
        for i in range(y.index.shape[1]):
            for j in range(x.index.shape[1]):
                given = [of_pixels(m, y.index[:, i], x.index[:, j]) for m in maps]
                rgb = code_answers(mlp, given, [at(t, i) for t in down], [at(t, j) for t in across])    # (B, 3, H, W)
                total = total + rgb * (y.weight[:, i, None] * x.weight[:, j]).to(rgb.dtype)
        return total / 2 + 0.5


def of_pixels(features: Tensor | None, rows: Tensor, columns: Tensor) -> Tensor | None:
    return None if features is None else features.index_select(2, rows).index_select(3, columns)


def at(table: Tensor | None, code: int) -> Tensor | None:
    return None if table is None else table[:, code].T


def code_answers(mlp: HoistedMLP, given: Maps, down: Maps, across: Maps) -> Tensor:
    """The colours that one latent code of each pixel gives: (B, 3, H, W).

    given: the features' contribution to each layer, (B, width, H, W).   down, across: the encoding's, (width, H), (width, W).
    """
    h = None
    for layer, of_features, of_row, of_column in zip(mlp.layers, given, down, across, strict=True):
        inner = None if layer.inner is None else F.conv2d(h, layer.inner[..., None, None])
        if of_features is None:
            h = (inner + layer.bias[:, None, None]).relu()
        else:
            here = of_features + of_row[:, :, None] + of_column[:, None, :]        # (B, width, H, W)
            h = (here if inner is None else here + inner).relu()
    output: nn.Linear = mlp.output
    return F.conv2d(h, output.weight[..., None, None], output.bias)


def radius_of(size: Size, lr_size: Size) -> Tensor:
    """`grids.radii` for sizes that a trace knows as symbols only: (2,), float64."""
    ratios = [torch.scalar_tensor(m, dtype=torch.float64) / n for n, m in zip(size, lr_size, strict=True)]
    return torch.stack(ratios)


class SubPixel(nn.Module):
    """A field at a whole-number scale: its amplitudes and waves are one convolution that writes each LR pixel's colours.

    With overlap an LR pixel gives colours to pixels of its neighbours, too, and the convolution is a transposed one.
    """

    def __init__(self, model: FastField, scale: int):
        super().__init__()
        self.model, self.scale, self.overlap = model, scale, model.config.overlap
        weight, bias, self.first = kernel_of(model, scale)                         # (3 m m, width + 3), (3 m m)
        side = self.side = round((len(bias) / 3) ** 0.5)                           # m
        if self.overlap:   # a channel of ones carries the bias, because LR pixels are summed
            weight = torch.cat([weight, bias[:, None]], 1).T.unflatten(1, (3, side, side))
            self.register_buffer("weight", weight.contiguous())                    # (width + 4, 3, m, m)
        else:
            self.register_buffer("weight", weight[..., None, None].contiguous())
            self.register_buffer("bias", bias)

    def forward(self, lr: Tensor) -> Tensor:
        features = self.model.encode(lr)                                           # (B, width + 3, h, w)
        if not self.overlap:
            return F.pixel_shuffle(F.conv2d(features, self.weight, self.bias), self.scale)
        features = torch.cat([features, torch.ones_like(features[:, :1])], 1)
        colours = F.conv_transpose2d(F.pad(features, (1,) * 4, mode="replicate"), self.weight, stride=self.scale)
        start, (height, width) = self.scale - self.first, (n * self.scale for n in lr.shape[-2:])
        return colours[:, :, start : start + height, start : start + width] + 0.5


@torch.no_grad()
def kernel_of(model: FastField, scale: int) -> tuple[Tensor, Tensor, int]:
    """What the colours of the m x m pixels that an LR pixel touches are, as a linear function of `model.encode`.

    Returns weight (3 m m, width + 3), bias (3 m m), both for colours in [0, 1] (with overlap, less 0.5), and the first of the m
    pixels of an axis, counted from the LR pixel's first.
    """
    (down, first), (across, _) = (model.stencil(scale, axis) for axis in (0, 1))
    kernel, bias, constant = model.kernel(down, across)                            # (3 m m, width), (3 m m), (m m)
    of_lr = torch.einsum("ij,p->ipj", torch.eye(3, device=kernel.device), constant).flatten(0, 1)  # (3 m m, 3)
    return torch.cat([kernel, of_lr], 1) / 2, bias / 2 + (0 if model.config.overlap else 0.5), first
