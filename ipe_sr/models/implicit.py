"""What LIIF, MetaSR and LTE share: a picture as a function of position and pixel size, read from features of its LR version.

    picture --encode--> features --locate--> the codes around a pixel --decode--> their colours --weights--> its colour

`textbook` reads the features as the papers' equations do: a vector for every LR pixel, a network for every query. `hoisted`
gives the same numbers with the work that queries share done once for each LR pixel. That pays as soon as there are at
least as many answers to give (queries times codes) as LR pixels: this is the rule by which `query` chooses, and whole
pictures always meet it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import encodings, grids
from ipe_sr.grids import Corners
from ipe_sr.models.encoders import EncoderConfig

ENCODINGS = ("coordinate", "positional", "integrated")
QUERIES_AT_ONCE = {"cpu": 1 << 11, "gpu": 1 << 18}   # what fits the cache of a CPU, and what keeps a GPU busy
LR_PIXELS_AT_ONCE = 1 << 14                           # bounds what hoisting keeps: about 4 KB for each
ROWS_AT_ONCE = 1 << 10                                # bounds its tables
MARGIN = 2   # LR pixels that decoding looks beyond the LR pixel below a position: the next code, and its neighbours

Reader = Callable[[Corners, Tensor], Tensor]   # codes around queries (B, Q, K), radius (B or 1, Q or 1, 2) -> (B, Q, K, 3)


class ImplicitModel(nn.Module):
    """The frame. A model of this kind gives `locate` and `decode`, and where it has them better `codes` and `hoisted`."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.encoder = config.encoder.build()

    @property
    def reach(self) -> int:
        """How many LR pixels away, along an axis, a feature still sees the picture."""
        return self.config.encoder.reach

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  features (B, C, h, w)."""
        return self.encoder(lr * 2 - 1)

    def codes(self, features: Tensor) -> Tensor:
        """(B, C, h, w)  ->  latent codes (B, h, w, D)."""
        return features.movedim(1, -1)

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> Corners:
        """The K codes that answer each query. Shapes as in `query`."""
        raise NotImplementedError

    def decode(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        """What each code takes a pixel's colour to be.

        codes: (B, Q, K, D).   centre: (B, Q, K, 2), the pixel in the code's local coordinates.   radius: broadcasts to
        centre.   Returns (B, Q, K, 3), about [-1, 1].
        """
        raise NotImplementedError

    def textbook(self, features: Tensor, radius: Tensor) -> Reader:
        """The equations as they stand: gather the codes, then decode them."""
        return gather(self.codes(features), self.decode)

    def hoisted(self, features: Tensor, radius: Tensor) -> Reader:
        """The same numbers, with what depends on the LR pixel (and on the radius, where all have one) computed beforehand."""
        return self.textbook(features, radius)

    def query(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        """Colours of single pixels (Eqs. 2 and 8).

        features: (B, C, h, w) from `encode`.   position: (B, Q, 2), centres (y, x) in LR pixels, float64 is best.
        radius: (B, Q, 2), or what broadcasts to it, local units.   Returns (B, Q, 3), about [0, 1].
        """
        radius = radius.expand(*(1,) * (3 - radius.ndim), *radius.shape)
        around = self.locate(position, radius, features.shape[-2:])
        answers = around.index.shape[1] * around.index.shape[2]
        reader = self.hoisted if answers >= features.shape[-2] * features.shape[-1] else self.textbook
        return blend(reader(features, radius)(around, radius), around)

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        """Colours of the pixels at all pairs of a row (R,) and a column (C,): (B, R, C, 3).   radius: (2,)."""
        return self.paint_by_queries(self.hoisted, features, rows, columns, radius)

    def paint_by_queries(
        self, form: Callable[[Tensor, Tensor], Reader], features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor
    ) -> Tensor:
        """The same with a given form: `hoisted` or `textbook`."""
        radius = radius.to(features.device)[None, None]
        read, made = form(features, radius), []
        for some in rows.split(max(1, queries_at_once(features) // len(columns))):
            position = grids.mesh(some, columns).to(features.device).expand(len(features), -1, -1)
            around = self.locate(position, radius, features.shape[-2:])
            made.append(blend(read(around, radius), around).unflatten(1, (len(some), len(columns))))
        return torch.cat(made, 1)

    def bands(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """`paint` in bands of rows, so that what it computes once for each LR pixel is bounded: their range, their colours."""
        height, width = features.shape[-2:]
        step = max(1, min(LR_PIXELS_AT_ONCE // width, ROWS_AT_ONCE * height // len(rows)))
        for window in grids.windows(rows, height, step, margin(radius)):
            yield window.out, self.paint(features[:, :, window.lr], window.position, columns, radius)

    def forward(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        """Super-resolve to exactly `size`.   lr: (B, 3, h, w) in [0, 1]  ->  (B, 3, H, W), about [0, 1], not clamped.

        Encodes the picture whole (see `render.tiles` for large ones) and decodes it in bands; with gradients enabled the
        graph of everything is kept.
        """
        features = self.encode(lr)
        rows, columns = (grids.centres(n, m) for n, m in zip(size, lr.shape[-2:], strict=True))
        sr = lr.new_empty(len(lr), *size, 3)   # in one piece: a list of small bands scatters the heap
        for band, rgb in self.bands(features, rows, columns, grids.radii(size, lr.shape[-2:])):
            sr[:, band] = rgb
        return sr.movedim(-1, 1)


def margin(radius: Tensor) -> int:
    """How many LR pixels decoding looks beyond the LR pixel below a position: `MARGIN`, and more for pixels larger than two LR
    pixels, since plain MetaSR reads at their corner.   radius: local units."""
    return MARGIN + int(radius.max() / 2)


def gather(codes: Tensor, decode: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Reader:
    """A reader that hands `decode` the codes around each query.   codes: (B, h, w, D)."""
    batch = torch.arange(len(codes), device=codes.device)[:, None, None]
    flat = codes.flatten(1, 2)

    def read(around: Corners, radius: Tensor) -> Tensor:
        real = torch.promote_types(codes.dtype, torch.float32)                     # bfloat16 is too coarse for a position
        return decode(flat[batch, around.index], around.offset.to(real), radius[..., None, :].to(real))

    return read


def rows_of(around: Corners, features: Tensor) -> Tensor:
    """The codes around each query as rows of a map flattened over pictures, too: (B, Q, K), into B h w."""
    batch, _, height, width = features.shape
    return around.index + torch.arange(batch, device=features.device)[:, None, None] * height * width


def separate(
    describe: Callable[[Tensor, Tensor], Tensor], y: Tensor, x: Tensor, radius: Tensor, features: Tensor
) -> tuple[Tensor, Tensor]:
    """The codes of pixels at all pairs of y (R, K) and x (C, K), as two terms of a sum: (R, K, code) and (C, K, code).

    Every number of a code belongs to one axis or to none: f(y, x) = f(y, 0) + f(0, x) - f(0, 0).
    """
    real = torch.promote_types(features.dtype, torch.float32)

    def code(*centre: Tensor) -> Tensor:
        at = torch.stack(centre, -1).to(features.device, real)
        return describe(at, radius.to(at))

    return code(y, torch.zeros_like(y)), code(torch.zeros_like(x), x) - code(*torch.zeros(2, 1, 1))


def blend(rgb: Tensor, around: Corners) -> Tensor:
    """The answers of the K codes, weighted, and shifted from [-1, 1]: (B, Q, K, 3) -> (B, Q, 3)."""
    real = torch.promote_types(rgb.dtype, torch.float32)
    return (rgb * around.weight[..., None].to(real)).sum(-2) / 2 + 0.5


def working_dtype(features: Tensor) -> torch.dtype:
    """In which dtype to decode: what autocast asks for, else the features' own."""
    kind = features.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else features.dtype


def queries_at_once(features: Tensor) -> int:
    """How many queries to decode together for each picture of a batch."""
    return max(1, QUERIES_AT_ONCE["cpu" if features.device.type == "cpu" else "gpu"] // len(features))


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
