"""What LIIF, MetaSR and LTE share: a picture as a function of position and pixel size, read from features of its LR version.

    picture --encode--> latent map --locate--> the codes around a pixel --decode--> their colours --weights--> its colour
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import encodings, grids
from ipe_sr.models.encoders import EncoderConfig

ENCODINGS = ("coordinate", "positional", "integrated")
QUERIES_AT_ONCE = 1 << 11   # bounds the memory of decoding a whole picture, and fits the cache: twice as fast as 1 << 14


class ImplicitModel(nn.Module):
    """The frame. A model of this kind gives `encode`, `locate` and `decode`, and two sizes for `peak_bytes`.

    per_lr_pixel, per_query: about how many numbers the latent map takes for an LR pixel, and decoding for a query.
    """

    def __init__(self, config, *, per_lr_pixel: int, per_query: int):
        super().__init__()
        self.config = config
        self.encoder = config.encoder.build()
        self.per_lr_pixel, self.per_query = per_lr_pixel, per_query

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  latent codes (B, h, w, D)."""
        raise NotImplementedError

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        """The K codes that answer each query. Shapes as in `query`."""
        raise NotImplementedError

    def decode(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        """What each code takes a pixel's colour to be.

        codes: (B, Q, K, D).   centre: (B, Q, K, 2), the pixel in the code's local coordinates.   radius: broadcasts to
        centre.   Returns (B, Q, K, 3), about [-1, 1].
        """
        raise NotImplementedError

    def query(self, latent: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        """Colours of single pixels (Eqs. 2 and 8).

        latent: (B, h, w, D) from `encode`.   position: (B, Q, 2), centres (y, x) in LR pixels, float64 is best.
        radius: (B, Q, 2), or what broadcasts to it, local units.   Returns (B, Q, 3), about [0, 1].
        """
        around = self.locate(position, radius, latent.shape[1:3])
        batch = torch.arange(len(latent), device=latent.device)[:, None, None]
        codes = latent.flatten(1, 2)[batch, around.index]                          # (B, Q, K, D)
        real = torch.promote_types(codes.dtype, torch.float32)                     # bfloat16 is too coarse for a position
        rgb = self.decode(codes, around.offset.to(real), radius[..., None, :].to(real))
        return (rgb * around.weight[..., None].to(rgb.dtype)).sum(-2) / 2 + 0.5

    def forward(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        """Super-resolve to exactly `size`.   lr: (B, 3, h, w) in [0, 1]  ->  (B, 3, H, W), about [0, 1], not clamped.

        Decodes a bounded number of pixels at a time; with gradients enabled the graph of all of them is kept.
        """
        latent = self.encode(lr)
        rows, columns = (grids.centres(n, m, device=lr.device) for n, m in zip(size, lr.shape[-2:], strict=True))
        radius = grids.radii(size, lr.shape[-2:], device=lr.device)
        band = max(1, QUERIES_AT_ONCE // (len(lr) * size[1]))
        sr = lr.new_empty(len(lr), *size, 3)   # in one piece: a list of small bands scatters the heap
        for top in range(0, size[0], band):
            some = rows[top:top + band]
            rgb = self.query(latent, grids.mesh(some, columns).expand(len(lr), -1, -1), radius)
            sr[:, top:top + band] = rgb.unflatten(1, (len(some), size[1]))         # (B, band, W, 3)
        return sr.movedim(-1, 1)

    def peak_bytes(self, lr_size: tuple[int, int], size: tuple[int, int]) -> int:
        """About how much memory `forward` takes for one float32 picture without gradients, weights left out."""
        lr_pixels, pixels = lr_size[0] * lr_size[1], size[0] * size[1]
        # the latent map and the encoder's activations, a band of queries, the output and a copy of it
        once = lr_pixels * (self.per_lr_pixel + self.config.encoder.activations)
        return 4 * (once + self.per_query * max(QUERIES_AT_ONCE, size[1]) + 6 * pixels)


@dataclass(frozen=True)
class PixelConfig:
    """What a decoder is told of a pixel.

    encoding: its "coordinate" (centre), the "positional" code of its centre, or the "integrated" code of its area.
    frequencies: the L of Eqs. 3-6.   convention: see `encodings.octaves`.   width: of each hidden layer.
    """

    encoding: str = "integrated"
    frequencies: int = 10
    convention: str = "mip-nerf"
    width: int = 256
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self):
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding {self.encoding!r} is unknown: use one of {', '.join(ENCODINGS)}")
        if self.convention not in encodings.CONVENTIONS:
            raise ValueError(f"convention {self.convention!r} is unknown: use one of {', '.join(encodings.CONVENTIONS)}")
        if self.frequencies < 0 or self.width < 1:
            raise ValueError(f"frequencies must be at least 0 and width at least 1, got {self.frequencies} and {self.width}")

    @property
    def code_width(self) -> int:
        """How many numbers describe a pixel."""
        return 2 if self.encoding == "coordinate" else 4 * self.frequencies


class PixelCode(nn.Module):
    """Centre and radius of pixels, in one code's local units, to what `PixelConfig` says: 2 x (..., 2) -> (..., width)."""

    def __init__(self, config: PixelConfig):
        super().__init__()
        self.encoding = config.encoding
        frequencies = encodings.octaves(config.frequencies, config.convention, dtype=torch.float32)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, centre: Tensor, radius: Tensor) -> Tensor:
        if self.encoding == "integrated":
            return encodings.integrated(centre, radius, self.frequencies)
        if self.encoding == "positional":
            return encodings.positional(centre, self.frequencies)
        return centre


def unfold(features: Tensor) -> Tensor:
    """The 3x3 neighbourhood of every place, zeros beyond the border: (B, C, h, w) -> (B, h, w, 9C), channel by channel."""
    return F.unfold(features, 3, padding=1).transpose(1, 2).unflatten(1, features.shape[-2:])
