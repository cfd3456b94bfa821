"""The field, beyond the paper: a colour that is linear in waves, so that its mean over a pixel is exact.

    LR picture --encoder, head--> amplitudes a, b and a constant c for each LR pixel

In LR pixel i, at the offset x from its centre, the picture is  p_i + c_i + sum over k of a_ik cos(w_k . x) + b_ik sin(w_k . x),
with p_i the LR colour. The frequencies w_k are learned and are the same everywhere. The colour of a pixel is the mean of that
picture over its area. A pixel that overlaps several LR pixels is cut at their borders into parts, which are rectangles, and
its colour is the mean of its parts, weighted by area. The mean of a wave over a rectangle is the wave at its centre, damped:
    mean of cos(w . x)  =  cos(w . centre) * damping(w_y r_y) * damping(w_x r_x),   damping(t) = sin(t) / t.

What is exact: with shape "box" the colour is the mean of the picture over the pixel, at any scale, also below 1. So a pixel is
the mean of its k x k sub-pixels. The other shapes are comparisons. Their pixels are not cut: the LR pixel that holds the centre
gives all of the colour, its waves are continued beyond its borders, and damping(t) is the shape's transform. That is exact
for the one LR pixel's waves, not for the picture. Shape "point" has no damping: it takes the colour at the pixel's centre.
A parallelogram damps a wave by sin(t) / t of both half-edges, t = w . edge. That would be exact within one LR pixel only,
because the parts of a turned pixel are polygons; such footprints are not built.

This is the textbook form. `models.fast.field` has the same weights and numbers with less work.
Related: Thera (arXiv 2311.17643: Gaussian damping, one LR pixel for each pixel), CUF (arXiv 2210.06224), LMF (2404.16451).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ipe_sr import encodings
from ipe_sr.errors import InputError
from ipe_sr.models.encoders import ResidualBlock, conv3
from ipe_sr.models.implicit import ImplicitModel, blend, gather


class Parts(NamedTuple):
    """The P parts along one axis into which LR pixels cut each pixel; those beyond its last have weight 0.

    index: (..., P) int64, the LR pixel.   centre, radius: (..., P), of the part, in that LR pixel's local units.
    weight: (..., P), the part's share of the pixel, sum 1.
    """

    index: Tensor
    centre: Tensor
    radius: Tensor
    weight: Tensor


def parts(position: Tensor, radius: Tensor, n: int) -> Parts:
    """Cut pixels at the borders between n LR pixels; the outermost LR pixels have no outer border.

    position: (...,), LR pixels.   radius: broadcasts to it, local units: the pixel is `radius` LR pixels long.
    """
    low, high = (position - radius / 2)[..., None], (position + radius / 2)[..., None]
    first = (low + 0.5).floor().clamp(0, n - 1)                                    # (..., 1)
    index = first + torch.arange(math.ceil(radius.max()) + 1).to(first)            # (..., P)
    start = low.maximum(torch.where(index == 0, -math.inf, index - 0.5))
    end = high.minimum(torch.where(index == n - 1, math.inf, index + 0.5))
    length = torch.where(index < n, (end - start).clamp(min=0), 0)
    total = length.sum(-1, keepdim=True)
    weight = torch.where(total > 0, length / total, (index == first).to(length))   # a point has one part
    return Parts(index.clamp(max=n - 1).long(), start + end - 2 * index, length, weight)


def undivided(position: Tensor, radius: Tensor, n: int) -> Parts:
    """Each pixel as one part of the LR pixel that holds its centre. Shapes as in `parts`."""
    index = (position + 0.5).floor().clamp(0, n - 1)[..., None]                    # (..., 1)
    whole = radius.expand_as(position)[..., None]
    return Parts(index.long(), 2 * (position[..., None] - index), whole, torch.ones_like(index))


class Field(ImplicitModel):
    """The textbook form."""

    codes_per_query = 4

    def __init__(self, config):
        super().__init__(config)
        if config.shape not in shapes():
            raise InputError(f"shape {config.shape!r} is unknown: use one of {', '.join(shapes())}")
        self.cut = parts if config.shape == "box" else undivided
        self.damping = shapes()[config.shape]
        self.head = head(config)
        self.amplitudes = nn.Linear(config.width, 3 * (2 * config.waves + 1))
        self.frequencies = nn.Parameter(half_disc(config.waves, math.pi * config.cycles))

    @property
    def reach(self) -> int | None:
        """How many LR pixels away, along an axis, an amplitude still depends on the picture; None for the whole picture."""
        return None if super().reach is None else super().reach + self.config.head_reach

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  (B, width + 3, h, w): what the amplitudes are linear in, and the LR colour."""
        lr = lr * 2 - 1
        return torch.cat([self.head(self.encoder(lr)), lr], 1)

    def codes(self, features: Tensor) -> Tensor:
        """(B, width + 3, h, w)  ->  (B, h, w, 3, 2K + 1): of each colour the K a_ik, the K b_ik, and p_i + c_i."""
        hidden, lr = features.movedim(1, -1).tensor_split((-3,), -1)
        made = self.amplitudes(hidden).unflatten(-1, (3, -1))                      # (B, h, w, 3, 2K + 1)
        constant = made[..., -1:] + lr[..., None]                                  # float32 under autocast, too
        return torch.cat([made[..., :-1].to(constant), constant], -1)

    def waves(self, centre: Tensor, radius: Tensor) -> Tensor:
        """The means of K cosines, K sines and of 1 over rectangles: 2 x (..., 2), local units  ->  (..., 2K + 1)."""
        centre, radius = centre.to(self.frequencies), radius.to(self.frequencies)
        phase = (centre[..., None, :] * self.frequencies).sum(-1)                  # (..., K)
        damping = self.damping(radius[..., None, :] * self.frequencies).prod(-1)
        return torch.cat([phase.cos() * damping, phase.sin() * damping, torch.ones_like(phase[..., :1])], -1)

    def located(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The P = P_y P_x parts of each pixel: index into h w (B, Q, P), centre and radius (B, Q, P, 2), weight (B, Q, P)."""
        y, x = (self.cut(position[..., axis], radius[..., axis], n) for axis, n in enumerate(lr_size))
        index = y.index[..., :, None] * lr_size[1] + x.index[..., None, :]         # (B, Q, P_y, P_x)
        centre, half_edge = (
            torch.stack(torch.broadcast_tensors(a[..., :, None], b[..., None, :]), -1).flatten(-3, -2)
            for a, b in ((y.centre, x.centre), (y.radius, x.radius))
        )
        return index.flatten(-2), centre, half_edge, (y.weight[..., :, None] * x.weight[..., None, :]).flatten(-2)

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        index, centre, half_edge, weight = self.located(position, radius, features.shape[-2:])
        codes = gather(self.codes(features).flatten(3), index).unflatten(-1, (3, -1))              # (B, Q, P, 3, 2K + 1)
        colours = (codes * self.waves(centre, half_edge)[..., None, :]).sum(-1)                    # (B, Q, P, 3)
        return blend(colours, weight)


def shapes() -> dict[str, encodings.Damping]:
    """Name -> damping of every shape that a field can have: those of `encodings.SHAPES`, and the point, which has none."""
    return encodings.SHAPES | {"point": torch.ones_like}


def half_disc(count: int, radius: float) -> Tensor:
    """Frequencies drawn uniformly from the half disc w_y >= 0: (count, 2), float32. The other half has the same waves."""
    length, angle = radius * torch.rand(count).sqrt(), math.pi * torch.rand(count)
    return torch.stack([length * angle.sin(), length * angle.cos()], -1)


def head(config) -> nn.Sequential:
    """The network between encoder and amplitudes: (B, C, h, w) -> (B, width, h, w). Kinds: see `FieldConfig.head`."""
    layers = [conv3(config.encoder.channels, config.width)]
    if config.head == "residual":
        return nn.Sequential(*layers, *(ResidualBlock(config.width) for _ in range(config.depth)), nn.ReLU())
    for _ in range(config.depth - 1):
        size = 3 if config.head == "conv" else 1
        layers += [nn.ReLU(), nn.Conv2d(config.width, config.width, size, padding="same")]
    return nn.Sequential(*layers, nn.ReLU())
