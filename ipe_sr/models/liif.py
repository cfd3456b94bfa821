"""LIIF and its family: one class, whose options are the rows of the paper's Tables 3 and 4.

LIIF is arXiv 2012.09161; IPE-LIIF is arXiv 2112.05756, Sec. 4.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import encodings, grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.encoders import EncoderConfig

ENCODINGS = ("coordinate", "positional", "integrated")
QUERIES_AT_ONCE = 1 << 11   # bounds the memory of decoding a whole picture, and fits the cache: twice as fast as 1 << 14


@dataclass(frozen=True)
class LIIFConfig:
    """Options of the LIIF family; the defaults are IPE-LIIF as the paper describes it.

    encoding: what the decoder is told of a pixel: its "coordinate" (centre), the "positional" code of its centre, or
    the "integrated" code of its area.   frequencies: the L of Eqs. 3-6.   convention: see `encodings.octaves`.
    cell: append the pixel's size.   skip: see `MLP`.   unfold: each code is its 3x3 neighbourhood of features.
    ensemble: four codes answer each query, weighted by area (Eq. 8), else the nearest one alone.
    """

    encoding: str = "integrated"
    frequencies: int = 10
    convention: str = "mip-nerf"
    cell: bool = False
    skip: bool = True
    unfold: bool = True
    ensemble: bool = True
    width: int = 256
    depth: int = 4
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self):
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding {self.encoding!r} is unknown: use one of {', '.join(ENCODINGS)}")
        if self.convention not in encodings.CONVENTIONS:
            raise ValueError(f"convention {self.convention!r} is unknown: use one of {', '.join(encodings.CONVENTIONS)}")
        if self.frequencies < 0 or self.width < 1 or self.depth < 1:
            raise ValueError("frequencies must be at least 0, width and depth at least 1")

    @property
    def code_width(self) -> int:
        """How many numbers describe a pixel."""
        return (2 if self.encoding == "coordinate" else 4 * self.frequencies) + 2 * self.cell

    def build(self) -> "LIIF":
        return LIIF(self)


class LIIF(nn.Module):
    """A picture as a function of position and pixel size, read from the features of its LR version."""

    def __init__(self, config: LIIFConfig):
        super().__init__()
        self.config = config
        self.encoder = config.encoder.build()
        features = config.encoder.channels * (9 if config.unfold else 1)
        self.decoder = MLP(features + config.code_width, 3, config.width, config.depth, config.skip)
        frequencies = encodings.octaves(config.frequencies, config.convention, dtype=torch.float32)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        """Super-resolve to exactly `size`.   lr: (B, 3, h, w) in [0, 1]  ->  (B, 3, H, W), about [0, 1], not clamped.

        Decodes a bounded number of pixels at a time; with gradients enabled the graph of all of them is kept.
        """
        latent = self.encode(lr)
        rows, columns = (grids.centres(n, m, device=lr.device) for n, m in zip(size, lr.shape[-2:], strict=True))
        radius = grids.radii(size, lr.shape[-2:], device=lr.device)
        band = max(1, QUERIES_AT_ONCE // (len(lr) * size[1]))
        bands = []
        for some in rows.split(band):
            rgb = self.query(latent, grids.mesh(some, columns).expand(len(lr), -1, -1), radius)
            bands.append(rgb.unflatten(1, (len(some), size[1])))                   # (B, band, W, 3)
        return torch.cat(bands, 1).movedim(-1, 1)

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  latent codes (B, h, w, D); D = 9C with unfolding, zeros beyond the border."""
        features = self.encoder(lr * 2 - 1)                                        # (B, C, h, w)
        if not self.config.unfold:
            return features.movedim(1, -1)
        return F.unfold(features, 3, padding=1).transpose(1, 2).unflatten(1, features.shape[-2:])

    def query(self, latent: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        """Colours of single pixels (Eqs. 2 and 8).

        latent: (B, h, w, D) from `encode`.   position: (B, Q, 2), centres (y, x) in LR pixels, float64 is best.
        radius: (B, Q, 2), or what broadcasts to it, local units.   Returns (B, Q, 3), about [0, 1].
        """
        around = (grids.corners if self.config.ensemble else grids.nearest)(position, latent.shape[1:3])
        batch = torch.arange(len(latent), device=latent.device)[:, None, None]
        codes = latent.flatten(1, 2)[batch, around.index]                          # (B, Q, K, D), K = 4 or 1
        pixels = self.describe(around.offset.to(codes.dtype), radius[..., None, :].to(codes.dtype))
        rgb = self.decoder(torch.cat([codes, pixels], -1))                         # (B, Q, K, 3)
        return (rgb * around.weight[..., None].to(rgb.dtype)).sum(-2) / 2 + 0.5

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        """The code of a pixel, as one latent code sees it: (..., 2), (..., 2) -> (..., code_width)."""
        kind = self.config.encoding
        if kind == "integrated":
            code = encodings.integrated(centre, radius, self.frequencies)
        elif kind == "positional":
            code = encodings.positional(centre, self.frequencies)
        else:
            code = centre
        return torch.cat([code, (2 * radius).expand_as(centre)], -1) if self.config.cell else code

    def peak_bytes(self, lr_size: tuple[int, int], size: tuple[int, int]) -> int:
        """About how much memory `forward` takes for one float32 picture without gradients, weights left out."""
        c = self.config
        codes = c.encoder.channels * (9 if c.unfold else 1)
        per_query = 4 * (4 if c.ensemble else 1) * (3 * codes + 4 * c.width)
        # the unfolded map, the encoder's activations, a band of queries, the output twice (bands, then joined)
        lr_pixels, pixels = lr_size[0] * lr_size[1], size[0] * size[1]
        return 4 * lr_pixels * (codes + 6 * c.encoder.channels) + per_query * max(QUERIES_AT_ONCE, size[1]) + 24 * pixels
