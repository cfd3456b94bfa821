"""LIIF and its family: one class, whose options are the rows of the paper's Tables 3 and 4.

LIIF is arXiv 2012.09161; IPE-LIIF is arXiv 2112.05756, Sec. 4.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.hoisted import HoistedMLP
from ipe_sr.models.implicit import (
    ImplicitModel,
    PixelCode,
    PixelConfig,
    Reader,
    queries_at_once,
    rows_of,
    separate,
    unfold,
    working_dtype,
)


@dataclass(frozen=True)
class LIIFConfig(PixelConfig):
    """Options of the LIIF family, with those of `PixelConfig`; the defaults are IPE-LIIF as the paper describes it.

    cell: append the pixel's size.   skip: see `MLP`.   unfold: each code is its 3x3 neighbourhood of features.
    ensemble: four codes answer each query, weighted by area (Eq. 8), else the nearest one alone.
    """

    cell: bool = False
    skip: bool = True
    unfold: bool = True
    ensemble: bool = True
    depth: int = 4

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    @property
    def code_width(self) -> int:
        """How many numbers describe a pixel."""
        return super().code_width + 2 * self.cell

    def build(self) -> "LIIF":
        return LIIF(self)


class LIIF(ImplicitModel):
    """An MLP turns [a latent code; the pixel as that code sees it] into a colour."""

    def __init__(self, config: LIIFConfig):
        super().__init__(config)
        self.pixel = PixelCode(config)
        features = config.encoder.channels * (9 if config.unfold else 1)
        self.decoder = MLP(features + config.code_width, 3, config.width, config.depth, config.skip)

    def codes(self, features: Tensor) -> Tensor:
        """(B, C, h, w)  ->  latent codes (B, h, w, D); D = 9C with unfolding, zeros beyond the border."""
        return unfold(features) if self.config.unfold else super().codes(features)

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        return (grids.corners if self.config.ensemble else grids.nearest)(position, lr_size)

    def decode(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        return self.decoder(torch.cat([codes, self.describe(centre, radius).to(codes.dtype)], -1))

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        """The code of a pixel, as one latent code sees it: (..., 2), (..., 2) -> (..., code_width)."""
        code = self.pixel(centre, radius)
        return torch.cat([code, (2 * radius).expand_as(centre)], -1) if self.config.cell else code

    def hoisted(self, features: Tensor, radius: Tensor) -> Reader:
        mlp = self._mlp(features)
        maps = [None if m is None else m.flatten(0, 2) for m in mlp.maps(features)]   # (B h w, width)

        def read(around: grids.Corners, radius: Tensor) -> Tensor:
            index = rows_of(around, features).flatten()                            # (B Q K,)
            real = torch.promote_types(features.dtype, torch.float32)
            code = self.describe(around.offset.to(real), radius[..., None, :].to(real)).flatten(0, 2).to(mlp.dtype)

            def given(i: int) -> Tensor:   # `embedding` has the fastest gradient of all ways to gather
                return F.embedding(index, maps[i]).addmm_(code, mlp.layers[i].code.T)

            return mlp.run(given).view(*around.index.shape, 3)

        return read

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        mlp, neighbours = self._mlp(features), grids.both if self.config.ensemble else grids.holder
        y, x = (neighbours(p, n) for p, n in zip((rows, columns), features.shape[-2:], strict=True))
        down, across = (mlp.tables(code) for code in separate(self.describe, y.offset, x.offset, radius, features))
        return mlp.paint(mlp.maps(features), y, x, down, across, queries_at_once(features)) / 2 + 0.5

    def _mlp(self, features: Tensor) -> HoistedMLP:
        return HoistedMLP(self.decoder, features.shape[1], 3 if self.config.unfold else 1, working_dtype(features))
