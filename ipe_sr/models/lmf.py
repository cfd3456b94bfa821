"""IPE-LMF: a light decoder. A network at LR resolution modulates a tiny one that is evaluated for each pixel.

After LMF, the latent modulated function (arXiv 2404.16451), with the encoded pixel in place of its coordinate. One LR pixel
answers for each pixel: the one that holds its centre. `models.fast.lmf` has the fast form.
"""

from torch import Tensor, nn

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.implicit import ImplicitModel, PixelEncoding, blend, gather, real_dtype, unfold


class LMF(ImplicitModel):
    """h <- relu((1 + scale) * (W h + b) + shift), layer after layer; scale and shift come from the LR pixel."""

    def __init__(self, config):
        super().__init__(config)
        width, depth = config.render_width, config.render_depth
        self.pixel = PixelEncoding(config)
        self.latent = MLP(9 * config.encoder.channels, 2 * width * depth, config.width, config.depth)
        self.first = nn.Linear(self.pixel.width, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth - 1))
        self.output = nn.Linear(width, 3)

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        holder = grids.nearest(position, features.shape[-2:])                      # the one LR pixel: K = 1
        codes = gather(self.modulations(features), holder.index)                   # (B, Q, 1, D)
        offset, radius = (x.to(real_dtype(codes)) for x in (holder.offset, radius[..., None, :]))
        h = self.first(self.pixel(offset, radius).to(codes.dtype))                 # (B, Q, 1, render_width)
        return blend(self.modulated(h, codes), holder.weight)                      # (B, Q, 3)

    def modulations(self, features: Tensor) -> Tensor:
        """(B, C, h, w)  ->  latent codes (B, h, w, D): all scales, then all shifts; D = 2 render_depth render_width."""
        return self.latent(unfold(features))

    def modulated(self, h: Tensor, codes: Tensor) -> Tensor:
        """The tiny network.   h: (..., render_width), its first layer before the activation.   codes: (..., D), which
        broadcasts to h.   Returns (..., 3), in [-1, 1]."""
        scales, shifts = (part.chunk(self.config.render_depth, -1) for part in codes.chunk(2, -1))
        for layer, (scale, shift) in enumerate(zip(scales, shifts, strict=True)):
            h = self.hidden[layer - 1](h) if layer else h
            h = (shift + h * (1 + scale)).relu()
        return self.output(h)
