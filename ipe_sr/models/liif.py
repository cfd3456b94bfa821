"""LIIF and its family: one class, whose options are the rows of the paper's Tables 3 and 4.

LIIF is arXiv 2012.09161; IPE-LIIF is arXiv 2112.05756, Sec. 4.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.implicit import ImplicitModel, PixelCode, PixelConfig, unfold


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
        features = config.encoder.channels * (9 if config.unfold else 1)
        codes = 4 if config.ensemble else 1
        super().__init__(config, per_lr_pixel=features, per_query=codes * (3 * features + 4 * config.width))
        self.pixel = PixelCode(config)
        self.decoder = MLP(features + config.code_width, 3, config.width, config.depth, config.skip)

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  latent codes (B, h, w, D); D = 9C with unfolding, zeros beyond the border."""
        features = self.encoder(lr * 2 - 1)                                        # (B, C, h, w)
        return unfold(features) if self.config.unfold else features.movedim(1, -1)

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        return (grids.corners if self.config.ensemble else grids.nearest)(position, lr_size)

    def decode(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        return self.decoder(torch.cat([codes, self.describe(centre, radius).to(codes.dtype)], -1))

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        """The code of a pixel, as one latent code sees it: (..., 2), (..., 2) -> (..., code_width)."""
        code = self.pixel(centre, radius)
        return torch.cat([code, (2 * radius).expand_as(centre)], -1) if self.config.cell else code
