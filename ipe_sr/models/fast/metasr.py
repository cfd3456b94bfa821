"""The fast form of the MetaSR family: the same weights and numbers as `models.metasr`, and filters are never made."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ipe_sr.models.fast.hoisting import rows_of
from ipe_sr.models.implicit import Reader, blend, real_dtype
from ipe_sr.models.metasr import MetaSR


class FastMetaSR(MetaSR):
    """The filters are linear in the hidden layer, and the colour is linear in the filters: so the features meet the last
    layer's weights first, in one convolution at LR resolution."""

    def reader(self, features: Tensor, radius: Tensor) -> Reader:
        (hidden,), last, channels = self.decoder.hidden, self.decoder.output, features.shape[1]
        weight = torch.cat([last.weight, last.bias[:, None]], 1)                   # (9C * 3, width + 1)
        kernel = weight.view(channels, 3, 3, 3, -1).permute(3, 4, 0, 1, 2).flatten(0, 1)   # (3 (width + 1), C, 3, 3)
        maps = F.conv2d(features, kernel, padding=1).movedim(1, -1)                # (B, h, w, 3 (width + 1))
        maps, real = maps.contiguous().flatten(0, 2), real_dtype(maps)

        def read(position: Tensor, radius: Tensor) -> Tensor:
            holder = self.locate(position, radius, features.shape[-2:])
            described = self.describe(holder.offset.to(real), radius[..., None, :].to(real))
            h = hidden(described.to(hidden.weight.dtype)).relu().to(maps.dtype)    # (B, Q, 1, width)
            of_pixel = F.embedding(rows_of(holder.index, features), maps).unflatten(-1, (3, -1))
            rgb = (of_pixel[..., :-1] @ h[..., None])[..., 0] + of_pixel[..., -1]  # (B, Q, 1, 3)
            return blend(rgb, holder.weight)

        return read
