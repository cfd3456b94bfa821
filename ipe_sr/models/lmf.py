"""IPE-LMF: a light decoder. A network at LR resolution modulates a tiny one that is asked for every pixel.

After LMF, the latent modulated function (arXiv 2404.16451), with the pixel's integrated code in place of its coordinate. One
LR pixel answers for each pixel, the one that holds its centre.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.hoisted import spread, tiles
from ipe_sr.models.implicit import ImplicitModel, PixelCode, PixelConfig, queries_at_once, separate, unfold

LIGHTER = 16   # how many times more queries fit the cache than with layers of 256


@dataclass(frozen=True)
class LMFConfig(PixelConfig):
    """width, depth: of the network at LR resolution.   render_width, render_depth: of the one that pixels are put to."""

    depth: int = 2
    render_width: int = 16
    render_depth: int = 6

    def __post_init__(self):
        super().__post_init__()
        if min(self.depth, self.render_width, self.render_depth) < 1:
            raise ValueError(
                f"depth, render_width and render_depth must be at least 1, got {self.depth}, {self.render_width} and "
                f"{self.render_depth}"
            )

    def build(self) -> "LMF":
        return LMF(self)


class LMF(ImplicitModel):
    """h <- relu((1 + scale) * (W h + b) + shift), layer after layer; scale and shift come from the LR pixel."""

    def __init__(self, config: LMFConfig):
        super().__init__(config)
        width, depth = config.render_width, config.render_depth
        self.pixel = PixelCode(config)
        self.latent = MLP(9 * config.encoder.channels, 2 * width * depth, config.width, config.depth)
        self.first = nn.Linear(config.code_width, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.output = nn.Linear(width, 3)

    def codes(self, features: Tensor) -> Tensor:
        """(B, C, h, w)  ->  modulations (B, h, w, 2 * render_depth * render_width): all scales, then all shifts."""
        return self.latent(unfold(features))

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        return grids.nearest(position, lr_size)

    def decode(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        return self._modulated(self.first(self.pixel(centre, radius).to(codes.dtype)), codes)

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        """The first layer is a sum over the axes, and all rows over one LR row share its modulations."""
        codes = self.codes(features)
        y, x = (grids.holder(p, n) for p, n in zip((rows, columns), features.shape[-2:], strict=True))
        down, across = (code[:, 0].to(codes.dtype) for code in separate(self.pixel, y.offset, x.offset, radius, features))
        down, across = F.linear(down, self.first.weight, self.first.bias), F.linear(across, self.first.weight)
        at, x_index = y.index[:, 0], x.index[:, 0].to(codes.device)
        real = torch.promote_types(codes.dtype, torch.float32)
        painted = features.new_empty(len(codes), len(rows), len(columns), 3, dtype=real)
        for row, column in tiles(y.index, len(columns), LIGHTER * queries_at_once(features)):
            first, last = int(at[row.start]), int(at[row.stop - 1])
            here = spread(codes[:, first : last + 1].index_select(2, x_index[column]), at[row])
            painted[:, row, column] = self._modulated(down[row, None] + across[column], here)
        return painted / 2 + 0.5

    def _modulated(self, h: Tensor, codes: Tensor) -> Tensor:
        """h: (..., render_width), the first layer before its activation.   codes: (..., D), which broadcasts to it."""
        scales, shifts = (part.chunk(self.config.render_depth, -1) for part in codes.chunk(2, -1))
        for layer, (scale, shift) in enumerate(zip(scales, shifts, strict=True)):
            h = self.hidden[layer - 1](h) if layer else h
            h = torch.addcmul(shift, h, 1 + scale).relu()
        return self.output(h)
