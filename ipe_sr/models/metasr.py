"""MetaSR and its family: a network reads where a pixel lies and writes the 3x3 filter that makes its colour.

MetaSR is arXiv 1903.00875, as LIIF (arXiv 2012.09161) compares with it: 3 -> 256 -> 1728, 445,120 parameters with 64 features.
MetaSR w/ PE and IPE-MetaSR are arXiv 2112.05756, Eq. 10 and Table 3.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.implicit import ImplicitModel, PixelCode, PixelConfig, Reader, rows_of, unfold

ROUNDING = 1e-5   # LR pixels: a corner this little above a border lies on it


@dataclass(frozen=True)
class MetaSRConfig(PixelConfig):
    """Options of the MetaSR family: those of `PixelConfig`; the defaults are IPE-MetaSR.

    encoding "coordinate" is plain MetaSR (Eq. 9): the network is given the pixel's top left corner, and 1 / s.
    """

    @property
    def code_width(self) -> int:
        """How many numbers describe a pixel."""
        return super().code_width + (self.encoding == "coordinate")

    def build(self) -> "MetaSR":
        return MetaSR(self)


class MetaSR(ImplicitModel):
    """The colour of a pixel is its LR pixel's 3x3 features times a matrix that the decoder makes from the pixel's code.

    Plain MetaSR takes the LR pixel that holds the pixel's top left corner (floor(i / s), Eq. 9). With a code the pixel is
    described by its centre (Eq. 10), and the LR pixel that holds the centre is taken: the code's centre is in [-1, 1].
    """

    def __init__(self, config: MetaSRConfig):
        super().__init__(config)
        self.pixel = PixelCode(config)
        self.decoder = MLP(config.code_width, 3 * 9 * config.encoder.channels, config.width, depth=1)

    def codes(self, features: Tensor) -> Tensor:
        """(B, C, h, w)  ->  latent codes (B, h, w, 9C), zeros beyond the border."""
        return unfold(features)

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        if self.config.encoding != "coordinate":
            return grids.nearest(position, lr_size)
        holds_corner = grids.nearest(position - radius / 2 + ROUNDING, lr_size)
        to_centre = (radius - 2 * ROUNDING)[..., None, :]                          # local units, 2 to an LR pixel
        return holds_corner._replace(offset=holds_corner.offset + to_centre)

    def decode(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        filters = self.decoder(self.describe(centre, radius).to(codes.dtype))      # (B, Q, 1, 27C)
        return torch.einsum("...d,...dc->...c", codes, filters.unflatten(-1, (-1, 3)))

    def hoisted(self, features: Tensor, radius: Tensor) -> Reader:
        """The filters are linear in the hidden layer, and the colour in the filters: so the features meet the last layer's
        weights first, in one convolution at LR resolution, and filters are never made."""
        (hidden,), last, channels = self.decoder.hidden, self.decoder.output, features.shape[1]
        weight = torch.cat([last.weight, last.bias[:, None]], 1)                   # (9C * 3, width + 1)
        kernel = weight.view(channels, 3, 3, 3, -1).permute(3, 4, 0, 1, 2).flatten(0, 1)   # (3 (width + 1), C, 3, 3)
        maps = F.conv2d(features, kernel, padding=1).movedim(1, -1)                # (B, h, w, 3 (width + 1))
        maps = maps.contiguous().flatten(0, 2)

        def read(around: grids.Corners, radius: Tensor) -> Tensor:
            real = torch.promote_types(maps.dtype, torch.float32)
            h = hidden(self.describe(around.offset.to(real), radius[..., None, :].to(real))).relu()   # (B, Q, 1, width)
            of_pixel = F.embedding(rows_of(around, features), maps).unflatten(-1, (3, -1))
            return (of_pixel[..., :-1] @ h[..., None])[..., 0] + of_pixel[..., -1]

        return read

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        """The code of a pixel, as its LR pixel sees it: (..., 2), (..., 2) -> (..., code_width).

        Plain MetaSR: the top left corner, in LR pixels from that of the LR pixel, and 1 / s, with s the geometric mean
        of the two axes' scales. At equal scales this is the reference's input, which has the height's scale alone.
        """
        if self.config.encoding != "coordinate":
            return self.pixel(centre, radius)
        corner = (self.pixel(centre, radius) - radius + 1) / 2                     # in [0, 1)
        inverse_scale = radius.prod(-1, keepdim=True).sqrt()
        return torch.cat([corner, inverse_scale.expand_as(centre[..., :1])], -1)
