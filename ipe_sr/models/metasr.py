"""MetaSR and its family: a network reads where a pixel lies and writes the 3x3 filter that makes its colour.

MetaSR is arXiv 1903.00875, as LIIF (arXiv 2012.09161) compares with it: 3 -> 256 -> 1728, 445,120 parameters with 64 features.
MetaSR w/ PE and IPE-MetaSR are arXiv 2112.05756, Eq. 10 and Table 3. `models.fast.metasr` has the fast form.
"""

import torch
from torch import Tensor

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.implicit import ImplicitModel, PixelEncoding, blend, gather, real_dtype, unfold

ROUNDING = 1e-5   # LR pixels: a corner this little above a border lies on it


class MetaSR(ImplicitModel):
    """The colour of a pixel is its LR pixel's 3x3 features times a matrix that the decoder makes from the encoded pixel.

    Plain MetaSR takes the LR pixel that holds the pixel's top left corner (floor(i / s), Eq. 9). With an encoding the pixel is
    described by its centre (Eq. 10), and the LR pixel that holds the centre is taken: the offset is in [-1, 1].
    """

    def __init__(self, config):
        super().__init__(config)
        self.pixel = PixelEncoding(config)
        self.by_corner = config.encoding == "coordinate"
        self.decoder = MLP(self.pixel.width + self.by_corner, 3 * 9 * config.encoder.channels, config.width, depth=1)

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        holder = self.locate(position, radius, features.shape[-2:])                # the one LR pixel: K = 1
        codes = gather(unfold(features), holder.index)                             # (B, Q, 1, 9C)
        offset, radius = (x.to(real_dtype(codes)) for x in (holder.offset, radius[..., None, :]))
        return blend(self.decode(codes, offset, radius), holder.weight)            # (B, Q, 3)

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        """The LR pixel of each pixel, and the pixel's centre in its local units."""
        if not self.by_corner:
            return grids.nearest(position, lr_size)
        holds_corner = grids.nearest(position - radius / 2 + ROUNDING, lr_size)
        to_centre = (radius - 2 * ROUNDING)[..., None, :]                          # local units, 2 to an LR pixel
        return holds_corner._replace(offset=holds_corner.offset + to_centre)

    def decode(self, codes: Tensor, offset: Tensor, radius: Tensor) -> Tensor:
        """(B, Q, 1, 9C), (B, Q, 1, 2), (..., 2)  ->  colours (B, Q, 1, 3), in [-1, 1]."""
        filters = self.decoder(self.describe(offset, radius).to(codes.dtype))      # (B, Q, 1, 27C)
        return torch.einsum("...d,...dc->...c", codes, filters.unflatten(-1, (-1, 3)))

    def describe(self, offset: Tensor, radius: Tensor) -> Tensor:
        """What the decoder reads of a pixel: (..., 2), (..., 2) -> (..., P).

        Plain MetaSR reads the pixel's top left corner, in LR pixels from that of the LR pixel, and 1 / s, with s the geometric
        mean of the two axes' scales. At equal scales this is the reference's input, which has the height's scale alone.
        """
        if not self.by_corner:
            return self.pixel(offset, radius)
        corner = (self.pixel(offset, radius) - radius + 1) / 2                     # in [0, 1)
        inverse_scale = radius.prod(-1, keepdim=True).sqrt()
        return torch.cat([corner, inverse_scale.expand_as(offset[..., :1])], -1)
