"""The fast form of the LIIF family: the same weights and numbers as `models.liif`, with shared work done once."""

from torch import Tensor
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.models.fast.hoisting import HoistedMLP, rows_of, separate, working_dtype
from ipe_sr.models.implicit import Reader, blend, queries_at_once, real_dtype
from ipe_sr.models.liif import LIIF


class FastLIIF(LIIF):
    """LIIF. The features' contribution to each layer is computed once for each LR pixel (see `hoisting`)."""

    def reader(self, features: Tensor, radius: Tensor) -> Reader:
        mlp, real = self._hoisted(features), real_dtype(features)
        maps = [None if m is None else m.flatten(0, 2) for m in mlp.maps(features)]   # (B h w, width)

        def read(position: Tensor, radius: Tensor) -> Tensor:
            around = self.locate(position, features.shape[-2:])                    # K latent codes
            index = rows_of(around.index, features).flatten()                      # (B Q K,)
            encoded = self.describe(around.offset.to(real), radius[..., None, :].to(real)).flatten(0, 2).to(mlp.dtype)

            def given(i: int) -> Tensor:   # `embedding` has the fastest gradient of all ways to gather
                return F.embedding(index, maps[i]).addmm_(encoded, mlp.layers[i].encoding.T)

            return blend(mlp.run(given).view(*around.index.shape, 3), around.weight)   # (B, Q, 3)

        return read

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        if not self.pixel.separable:
            return super().paint(features, rows, columns, radius)
        mlp, neighbours = self._hoisted(features), grids.surrounding if self.config.ensemble else grids.containing
        y, x = (neighbours(p, n) for p, n in zip((rows, columns), features.shape[-2:], strict=True))
        down, across = (mlp.tables(encoded) for encoded in separate(self.describe, y.offset, x.offset, radius, features))
        return mlp.paint(mlp.maps(features), y, x, down, across, queries_at_once(features)) / 2 + 0.5

    def _hoisted(self, features: Tensor) -> HoistedMLP:
        return HoistedMLP(self.decoder, features.shape[1], 3 if self.config.unfold else 1, working_dtype(features))
