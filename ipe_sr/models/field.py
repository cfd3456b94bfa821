"""The field, beyond the paper: a colour that is linear in waves, so that its mean over a pixel is exact.

    LR picture --encoder, head--> amplitudes a, b and a constant c for each LR pixel

Seen from LR pixel i, the colour at the offset x from its centre is
    p_i + c_i + sum over k of a_ik cos(w_k . x) + b_ik sin(w_k . x),
with p_i the LR colour. The frequencies w_k are learned and are the same everywhere. There are two ways to make one picture of
these. Without overlap each LR pixel gives the colours within its borders. With overlap it gives them under a window,
(1 + cos(pi x / 2)) / 2 along each axis, which reaches to the centres of its neighbours. The windows of all LR pixels add up to
1, so the picture has no steps at their borders. This is the local ensemble of LIIF in a form that can be integrated.

The colour of a pixel is the mean of that picture over its area. A pixel that overlaps several LR pixels (or windows) is cut at
their borders into parts, which are rectangles. The mean of a wave over a rectangle is the product of two means, one for each
axis, and along an axis the mean of exp(i w x) is exp(i w centre) * damping(w radius), with damping(t) = sin(t) / t. The window
adds the waves of frequency w + pi / 2 and w - pi / 2.

What is exact: with shape "box" the colour is the mean of the picture over the pixel, at any scale, also below 1. So a pixel is
the mean of its k x k sub-pixels. The other shapes are comparisons. Their pixels are not cut: the LR pixel that holds the centre
(or the four around it) gives all of the colour, its waves are continued beyond its borders, and damping(t) is the shape's
transform. That is exact for the waves of one LR pixel, not for the picture. Shape "point" has no damping: it takes the colour
at the pixel's centre. A parallelogram damps a wave by sin(t) / t of both half-edges, t = w . edge. That would be exact within
one LR pixel only, because the parts of a turned pixel are polygons. In turned views (`ipe_sr.footprints`) the field therefore
gets the upright box with the parallelogram's variance along each axis, which is an approximation.

This is the textbook form. `models.fast.field` has the same weights and numbers with less work.
Related: Thera (arXiv 2311.17643: Gaussian damping, one LR pixel for each pixel), CUF (arXiv 2210.06224), LMF (2404.16451).
"""

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import encodings
from ipe_sr.errors import InputError
from ipe_sr.models.encoders import ResidualBlock, conv3
from ipe_sr.models.implicit import ImplicitModel, gather, real_dtype


class Parts(NamedTuple):
    """The P parts along one axis into which a pixel is cut, each seen from one LR pixel; a part that is not there has weight 0.

    index: (..., P) int64, the LR pixel; with overlap -1 and n are the copies beyond the border.   centre, radius: (..., P), of
    the part, in that LR pixel's local units.   weight: (..., P), the length of the part over that of the pixel.
    """

    index: Tensor
    centre: Tensor
    radius: Tensor
    weight: Tensor


def parts(position: Tensor, radius: Tensor, n: int, overlap: bool = False) -> Parts:
    """Cut pixels at the borders of the n LR pixels of an axis, or with overlap at those of their windows, twice as long.

    position: (...,), LR pixels.   radius: broadcasts to it, local units: the pixel is `radius` LR pixels long. The outermost
    LR pixels have no outer border.
    """
    half, lowest, highest = (1.0, -1, n) if overlap else (0.5, 0, n - 1)           # half the length of what is cut, LR pixels
    low, high = (position - radius / 2)[..., None], (position + radius / 2)[..., None]
    first = (low + 1 - half).floor().clamp(lowest, highest)                        # (..., 1)
    index = first + torch.arange(math.ceil(radius.max() + 2 * half - 1) + 1).to(first)             # (..., P)
    start = low.maximum(torch.where(index == lowest, -math.inf, index - half))
    end = high.minimum(torch.where(index == highest, math.inf, index + half))
    length = torch.where(index <= highest, (end - start).clamp(min=0), 0)
    whole = radius.expand_as(position)[..., None]
    weight = torch.where(whole > 0, length / whole, (index < first + 2 * half).to(length))         # of a point, too
    return Parts(index.clamp(max=highest).long(), start + end - 2 * index, length, weight)


def undivided(position: Tensor, radius: Tensor, n: int, overlap: bool = False) -> Parts:
    """Each pixel whole, seen from the LR pixel that holds its centre, or with overlap from the two around it. As `parts`."""
    first = position.floor().clamp(-1, n - 1) if overlap else (position + 0.5).floor().clamp(0, n - 1)
    index = first[..., None] + torch.arange(2 if overlap else 1).to(first)         # (..., P)
    whole = radius.expand_as(position)[..., None].expand_as(index)
    return Parts(index.long(), 2 * (position[..., None] - index), whole, torch.ones_like(index))


class Field(ImplicitModel):
    """The textbook form."""

    def __init__(self, config):
        super().__init__(config)
        if config.shape not in shapes():
            raise InputError(f"shape {config.shape!r} is unknown: use one of {', '.join(shapes())}")
        self.codes_per_query = 9 if config.overlap else 4
        self.cut = functools.partial(parts if config.shape == "box" else undivided, overlap=config.overlap)
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

    def bordered(self, features: Tensor) -> Tensor:
        """Features, with overlap also those of a border of one LR pixel, copies of the outermost: h, w -> h', w'."""
        border = int(self.config.overlap)
        return F.pad(features, (border,) * 4, mode="replicate")

    def codes(self, features: Tensor) -> Tensor:
        """(B, width + 3, h', w')  ->  (B, h', w', 3, 2K + 1): of each colour the K a_ik, the K b_ik, and p_i + c_i."""
        hidden, lr = features.movedim(1, -1).tensor_split((-3,), -1)
        made = self.amplitudes(hidden).unflatten(-1, (3, -1))                      # (B, h', w', 3, 2K + 1)
        constant = made[..., -1:] + lr[..., None]                                  # float32 under autocast, too
        return torch.cat([made[..., :-1].to(constant), constant], -1)

    def waves(self, centre: Tensor, radius: Tensor, axis: int) -> Tensor:
        """The means of the K waves exp(i w x) along one axis and of 1 over parts, with the window.

        centre, radius: (...), local units.   Returns (..., K + 1), complex.
        """
        frequencies = self.frequencies[:, axis].to(real_dtype(self.frequencies))   # complex numbers need float32
        frequencies = F.pad(frequencies, (0, 1))                                   # the last one is 0
        centre, radius = centre.to(frequencies)[..., None], radius.to(frequencies)[..., None]

        def mean(shift: float) -> Tensor:
            phase, damping = (frequencies + shift) * centre, self.damping((frequencies + shift) * radius)
            return torch.complex(phase.cos() * damping, phase.sin() * damping)

        if not self.config.overlap:
            return mean(0)
        return mean(0) / 2 + (mean(math.pi / 2) + mean(-math.pi / 2)) / 4          # cos is a sum of two waves

    def axes(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> Iterator[tuple[Tensor, Tensor]]:
        """For rows, then for columns: each part's index into h' or w' (B, Q, P), and its weighted waves (B, Q, P, K + 1)."""
        for axis, n in enumerate(lr_size):
            made = self.cut(position[..., axis], radius[..., axis], n)
            weight = made.weight[..., None].to(self.frequencies)
            yield made.index + int(self.config.overlap), self.waves(made.centre, made.radius, axis) * weight

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        codes = self.codes(self.bordered(features))                                # (B, h', w', 3, 2K + 1)
        (row, down), (column, across) = self.axes(position, radius, features.shape[-2:])
        index = (row[..., :, None] * codes.shape[2] + column[..., None, :]).flatten(-2)            # (B, Q, P), P = P_y P_x
        waves = (down[..., :, None, :] * across[..., None, :, :]).flatten(-3, -2)  # (B, Q, P, K + 1)
        chosen = gather(codes.flatten(3), index).unflatten(-1, (3, -1))            # (B, Q, P, 3, 2K + 1)
        return (chosen * cosines_sines_one(waves)[..., None, :]).sum((-3, -1)) / 2 + 0.5


def shapes() -> dict[str, encodings.Damping]:
    """Name -> damping of every shape that a field can have: those of `encodings.SHAPES`, and the point, which has none."""
    return encodings.SHAPES | {"point": torch.ones_like}


def cosines_sines_one(waves: Tensor) -> Tensor:
    """What a, b and the constant are multiplied by: (..., K + 1) complex  ->  (..., 2K + 1)."""
    return torch.cat([waves.real[..., :-1], waves.imag[..., :-1], waves.real[..., -1:]], -1)


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
