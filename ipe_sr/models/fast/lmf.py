"""The fast form of IPE-LMF: the tiny network's first layer is a sum over the axes, and rows over one LR row share its codes."""

from torch import Tensor
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.models.fast.hoisting import blocks, separate, spread
from ipe_sr.models.implicit import queries_at_once, real_dtype
from ipe_sr.models.lmf import LMF

LIGHTER = 16   # how many times more queries fit the cache than with layers of 256


class FastLMF(LMF):
    """LMF with tables for its first layer; the same weights and numbers as `models.lmf`."""

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        if not self.pixel.separable:
            return super().paint(features, rows, columns, radius)
        codes = self.modulations(features)                                         # (B, h, w, D)
        y, x = (grids.containing(p, n) for p, n in zip((rows, columns), features.shape[-2:], strict=True))
        down, across = (e[:, 0].to(codes.dtype) for e in separate(self.pixel, y.offset, x.offset, radius, features))
        down, across = F.linear(down, self.first.weight, self.first.bias), F.linear(across, self.first.weight)
        at, x_index = y.index[:, 0], x.index[:, 0].to(codes.device)
        painted = features.new_empty(len(codes), len(rows), len(columns), 3, dtype=real_dtype(codes))
        for row, column in blocks(y.index, len(columns), LIGHTER * queries_at_once(features)):
            first, last = int(at[row.start]), int(at[row.stop - 1])
            here = spread(codes[:, first : last + 1].index_select(2, x_index[column]), at[row])   # (B, R, C, D)
            painted[:, row, column] = self.modulated(down[row, None] + across[column], here)
        return painted / 2 + 0.5
