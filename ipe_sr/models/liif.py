"""LIIF as its paper has it (arXiv 2012.09161), and IPE-LIIF (arXiv 2112.05756, Sec. 4): one class, whose options are the rows
of the paper's Tables 3 and 4.

    features --unfold--> latent codes --the four around a pixel--> [code; encoded pixel] --MLP--> four colours --area weights-->

This is the textbook form. `models.fast.liif` has the same weights and numbers with less work.
"""

import torch
from torch import Tensor

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.implicit import ImplicitModel, PixelEncoding, blend, gather, real_dtype, unfold


class LIIF(ImplicitModel):
    """An MLP turns [a latent code; the pixel as that code sees it] into a colour."""

    def __init__(self, config):
        super().__init__(config)
        self.codes_per_query = 4 if config.ensemble else 1
        self.pixel = PixelEncoding(config)
        features = config.encoder.channels * (9 if config.unfold else 1)
        given = features + self.pixel.width + 2 * config.cell
        self.decoder = MLP(given, 3, config.width, config.depth, config.skip)

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        around = self.locate(position, features.shape[-2:])                        # K = 4 latent codes (1 without ensemble)
        codes = gather(self.latent_codes(features), around.index)                  # (B, Q, K, D)
        offset, radius = (x.to(real_dtype(codes)) for x in (around.offset, radius[..., None, :]))
        rgb = self.decode(codes, offset, radius)                                   # (B, Q, K, 3)
        return blend(rgb, around.weight)                                           # (B, Q, 3)

    def latent_codes(self, features: Tensor) -> Tensor:
        """(B, C, h, w)  ->  latent codes (B, h, w, D); D = 9C with unfolding, zeros beyond the border."""
        return unfold(features) if self.config.unfold else features.movedim(1, -1)

    def locate(self, position: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        """The latent codes that answer each pixel (Eq. 2), weighted by area (Eq. 8)."""
        return (grids.corners if self.config.ensemble else grids.nearest)(position, lr_size)

    def decode(self, codes: Tensor, offset: Tensor, radius: Tensor) -> Tensor:
        """The colour that each latent code gives a pixel: (B, Q, K, D), (B, Q, K, 2), (..., 2) -> (B, Q, K, 3), in [-1, 1]."""
        return self.decoder(torch.cat([codes, self.describe(offset, radius).to(codes.dtype)], -1))

    def describe(self, offset: Tensor, radius: Tensor) -> Tensor:
        """A pixel in a latent code's local units, encoded, with its size (the cell, 2r) where the config asks for it:
        (..., 2), (..., 2) -> (..., P)."""
        encoded = self.pixel(offset, radius)
        return torch.cat([encoded, (2 * radius).expand_as(offset)], -1) if self.config.cell else encoded
