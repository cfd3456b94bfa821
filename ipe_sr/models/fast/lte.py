"""The fast form of LTE: damping depends on the LR pixel and the radius, so where a picture's pixels have one size, it is done
once for each LR pixel."""

from torch import Tensor

from ipe_sr import grids
from ipe_sr.models.implicit import Reader, blend, gather, real_dtype
from ipe_sr.models.lte import LTE


class FastLTE(LTE):
    """LTE with damped amplitudes at LR resolution; the same weights and numbers as `models.lte`."""

    def reader(self, features: Tensor, radius: Tensor) -> Reader:
        if radius.shape[1] > 1:
            return super().reader(features, radius)
        real = real_dtype(features)
        codes = self.damp(features.movedim(1, -1), radius[..., None, :].to(features.device, real))   # (B, h, w, D)

        def read(position: Tensor, radius: Tensor) -> Tensor:
            around = grids.corners(position, features.shape[-2:])
            rgb = self.decode(gather(codes, around.index), around.offset.to(real), radius[..., None, :].to(real))
            return blend(rgb, around.weight)

        return read
