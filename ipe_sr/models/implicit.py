"""What all implicit models share: a picture as a function of a pixel's position and size, read from features of its LR version.

    LR picture --encode--> features --query--> colours of pixels anywhere, of any size

A family writes `textbook`, the equations as its paper has them. Where the same numbers can be had with less work, a subclass
in `models.fast` overrides `reader` (any pixels) or `paint` (a grid of pixels), and shares all else.
"""

import functools
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr import encodings, grids, plugins
from ipe_sr.errors import InputError

QUERIES_AT_ONCE = {"cpu": 1 << 11, "gpu": 1 << 18}   # a block: fits the cache of a CPU, keeps a GPU busy
LR_PIXELS_AT_ONCE = 1 << 14                           # bounds a band: the fast forms keep about 4 KB for each LR pixel
ROWS_AT_ONCE = 1 << 10                                # bounds the tables of a band
MARGIN = 2   # LR pixels read before and after floor(position): the next latent code, and its neighbours

Reader = Callable[[Tensor, Tensor], Tensor]   # position (B, Q, 2), radius as in `query` -> colours (B, Q, 3)


class ImplicitModel(nn.Module):
    """Base of the implicit models. A family gives `textbook`, and `codes_per_query` if it is not 1."""

    codes_per_query = 1   # how many latent codes answer each query

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.encoder = config.encoder.build()

    @property
    def reach(self) -> int | None:
        """How many LR pixels away, along an axis, a feature still depends on the picture; None for the whole picture."""
        return self.config.encoder.reach

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  features (B, C, h, w)."""
        return self.encoder(lr * 2 - 1)

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        """Colours of single pixels, by the equations as they stand. Arguments and result as in `query`."""
        raise NotImplementedError

    def reader(self, features: Tensor, radius: Tensor) -> Reader:
        """The same as a function of (position, radius), with the work that depends on the features alone done once.

        radius: as in `query`. If all queries share one radius, the work that depends on it is done once, too.
        """
        return functools.partial(self.textbook, features)

    def query(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        """Colours of single pixels.

        features: (B, C, h, w) from `encode`.   position: (B, Q, 2), centres (y, x) in LR pixels, float64 is best.
        radius: (B, Q, 2), or what broadcasts to it, in local units.   Returns (B, Q, 3), about [0, 1].
        """
        radius = radius.expand(*(1,) * (3 - radius.ndim), *radius.shape)
        answers = position.shape[1] * self.codes_per_query
        if answers >= features.shape[-2] * features.shape[-1]:   # fewer do not repay a pass over all LR pixels
            return self.reader(features, radius)(position, radius)
        return self.textbook(features, position, radius)

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        """Colours of the pixels at all pairs of a row (R,) and a column (C,): (B, R, C, 3).   radius: (2,)."""
        radius = radius.to(features.device)[None, None]
        return paint_by(self.reader(features, radius), features, rows, columns, radius)

    def bands(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """`paint` in bands of rows, which bound what is kept for each LR pixel: the range of rows, and their colours."""
        height, width = features.shape[-2:]
        step = max(1, min(LR_PIXELS_AT_ONCE // width, ROWS_AT_ONCE * height // len(rows)))
        for span in grids.spans(rows, height, step, margin(radius)):
            yield span.out, self.paint(features[:, :, span.lr], span.position, columns, radius)

    def forward(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        """Super-resolve to exactly `size`.   lr: (B, 3, h, w) in [0, 1]  ->  (B, 3, H, W), about [0, 1], not clamped.

        Encodes the picture whole (see `render.bands` for large ones) and decodes it in bands; with gradients enabled the
        graph of everything is kept.
        """
        features = self.encode(lr)
        rows, columns = (grids.centres(n, m) for n, m in zip(size, lr.shape[-2:], strict=True))
        sr = lr.new_empty(len(lr), *size, 3)   # allocated at once: a list of small bands would scatter the heap
        for band, rgb in self.bands(features, rows, columns, grids.radii(size, lr.shape[-2:])):
            sr[:, band] = rgb
        return sr.movedim(-1, 1)                                                   # (B, 3, H, W)

    def surroundings(self, tile: slice, n: int) -> tuple[slice, slice]:
        """The LR pixels of an axis that the encoder has to see for the features of a tile, and where the tile lies in them.

        They start and end at multiples of the encoder's period, or at the picture's border.   n: LR pixels of the axis.
        """
        if self.reach is None:
            return slice(0, n), tile
        period = self.config.encoder.period
        start = max(0, tile.start - self.reach) // period * period
        stop = min(n, -(-(tile.stop + self.reach) // period) * period)
        return slice(start, stop), slice(tile.start - start, tile.stop - start)


class PixelEncoding(nn.Module):
    """Centre and radius of pixels in a latent code's local units, encoded as a config says: 2 x (..., 2) -> (..., width).

    separable: whether each number depends on one axis alone, as those of all our encodings do; the fast forms need that.
    Raises InputError for an unknown encoding or convention.
    """

    def __init__(self, config):
        super().__init__()
        self.function = encoding_named(config.encoding)
        with torch.device("cpu"):   # models may be built on the device "meta", which has no numbers
            # Not a buffer: `half()` would round the frequencies, and at 512 rad per local unit a small error matters.
            self.frequencies = encodings.octaves(config.frequencies, config.convention, dtype=torch.float64)
            self.width = self(torch.zeros(2), torch.zeros(2)).shape[-1]
            self.separable = self._is_separable()

    def forward(self, centre: Tensor, radius: Tensor) -> Tensor:
        return self.function(centre, radius, self.frequencies.to(centre))

    def _is_separable(self) -> bool:
        """Whether f(y, x) = f(y, 0) + f(0, x) - f(0, 0), at some pixels."""
        at = torch.tensor([[0.3, -0.7], [-1.1, 0.4], [0.9, 1.7]])
        radius = torch.tensor([0.6, 0.35])
        y, x = at * torch.tensor([1.0, 0.0]), at * torch.tensor([0.0, 1.0])
        sum_of_axes = self(y, radius) + self(x, radius) - self(torch.zeros(2), radius)
        return torch.allclose(self(at, radius), sum_of_axes, rtol=0, atol=1e-4)


def encoding_named(name: str) -> encodings.Encoding:
    """A function of `encodings.ENCODINGS`, those of plugins included. Raises InputError for an unknown name."""
    plugins.load()
    if name not in encodings.ENCODINGS:
        raise InputError(f"encoding {name!r} is unknown: use one of {', '.join(encodings.ENCODINGS)}")
    return encodings.ENCODINGS[name]


def paint_by(read: Reader, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
    """The colours at all pairs of a row (R,) and a column (C,), block by block: (B, R, C, 3).   radius: as in `query`."""
    painted = []
    for block in rows.split(max(1, queries_at_once(features) // len(columns))):
        position = grids.mesh(block, columns).to(features.device).expand(len(features), -1, -1)   # (B, Q, 2)
        painted.append(read(position, radius).unflatten(1, (len(block), len(columns))))           # (B, R', C, 3)
    return torch.cat(painted, 1)


def margin(radius: Tensor) -> int:
    """How many LR pixels a span keeps before and after floor(position). Large pixels need more than `MARGIN`, because MetaSR
    reads at their top left corner.   radius: local units."""
    return MARGIN + int(radius.max() / 2)


def unfold(features: Tensor) -> Tensor:
    """The 3x3 neighbourhood of every place, zeros beyond the border: (B, C, h, w) -> (B, h, w, 9C), channel by channel."""
    return F.unfold(features, 3, padding=1).transpose(1, 2).unflatten(1, features.shape[-2:])


def gather(codes: Tensor, index: Tensor) -> Tensor:
    """The latent codes at some places.   codes: (B, h, w, D).   index: (B, Q, K), into h w.   Returns (B, Q, K, D)."""
    batch = torch.arange(codes.shape[0], device=codes.device)[:, None, None]
    return codes.flatten(1, 2)[batch, index]


def blend(rgb: Tensor, weight: Tensor) -> Tensor:
    """The weighted sum of K answers, shifted from [-1, 1] to [0, 1]: (B, Q, K, 3), (B, Q, K) -> (B, Q, 3)."""
    real = real_dtype(rgb)
    return (rgb * weight[..., None].to(real)).sum(-2) / 2 + 0.5


def real_dtype(x: Tensor) -> torch.dtype:
    """The dtype for positions, sizes and sums beside x: its own, but at least float32, since half precision is too coarse."""
    return torch.promote_types(x.dtype, torch.float32)


def queries_at_once(features: Tensor) -> int:
    """How many queries a block has for each picture of a batch."""
    return max(1, QUERIES_AT_ONCE["cpu" if features.device.type == "cpu" else "gpu"] // max(1, len(features)))
