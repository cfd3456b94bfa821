"""LM-LIIF (arXiv 2404.16451): LIIF whose large MLP works at LR resolution and modulates a tiny one for each pixel.

    latent code (3x3 features) and cell --latent MLP--> a compressed code, and a scale and a shift for each hidden unit
    compressed code, offset and cell --render MLP, modulated--> colour; four of them, weighted as in Eq. 8

IPE-LM-LIIF is ours: the integrated encoding takes the place of offset and cell. The latent MLP then does not read the scale,
so it need not run again for another one. `models.lmf` is lighter still: one latent code answers each pixel, and no code goes
through the render MLP.
"""

import torch
from torch import Tensor

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.implicit import ImplicitModel, PixelEncoding, Reader, blend, gather, real_dtype, unfold


class LMLIIF(ImplicitModel):
    """Each hidden layer of the render MLP: h <- relu((1 + scale) * (W h + b) + shift)."""

    codes_per_query = 4

    def __init__(self, config):
        super().__init__(config)
        width, depth, cell = config.render_width, config.render_depth, 2 * config.cell
        self.pixel = PixelEncoding(config)
        self.latent = MLP(9 * config.encoder.channels + cell, (2 * depth + 1) * width, config.width, config.depth)
        self.decoder = MLP(width + self.pixel.width + cell, 3, width, depth)       # the render MLP

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        around = grids.corners(position, features.shape[-2:])                      # K = 4 latent codes
        made = self.latent(self.with_cell(gather(unfold(features), around.index), radius[..., None, :]))
        return self.render(made, around, radius)                                   # (B, Q, 3)

    def reader(self, features: Tensor, radius: Tensor) -> Reader:
        """With one size for all pixels of a picture, the latent MLP runs once for each LR pixel, which is its purpose."""
        if radius.shape[1] > 1 and self.config.cell:
            return super().reader(features, radius)
        codes = self.latent(self.with_cell(unfold(features), radius[:, :, None].to(features.device)))    # (B, h, w, D)

        def read(position: Tensor, radius: Tensor) -> Tensor:
            around = grids.corners(position, features.shape[-2:])
            return self.render(gather(codes, around.index), around, radius)

        return read

    def with_cell(self, codes: Tensor, radius: Tensor) -> Tensor:
        """(..., D) -> (..., D + 2), with the pixel's relative size (2r), where the config asks for it.   radius: (..., 2)."""
        if not self.config.cell:
            return codes
        return torch.cat([codes, (2 * radius).to(codes.dtype).expand(*codes.shape[:-1], 2)], -1)

    def render(self, made: Tensor, around: grids.Corners, radius: Tensor) -> Tensor:
        """made: (B, Q, 4, D), what the latent MLP gives: all scales, all shifts, the compressed code.   Returns (B, Q, 3)."""
        depth, real = self.config.render_depth, real_dtype(made)
        *modulation, code = made.chunk(2 * depth + 1, -1)                          # (B, Q, 4, render_width) each
        offset, radius = around.offset.to(real), radius[..., None, :].to(around.offset.device, real)
        pixel = self.pixel(offset, radius).to(made.dtype)
        h = self.with_cell(torch.cat([code, pixel], -1), radius)
        for layer, scale, shift in zip(self.decoder.hidden, modulation[:depth], modulation[depth:], strict=True):
            h = (layer(h) * (1 + scale) + shift).relu()
        return blend(self.decoder.output(h), around.weight)

