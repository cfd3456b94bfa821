"""The field with less work for the same numbers.

Everything after the head is linear. At a whole-number scale s every LR pixel is cut into the same s x s pixels, so amplitudes
and waves multiply into one matrix from the head's output to 3 s^2 colours: a sub-pixel convolution whose kernel is an analytic
function of s. At other scales the waves of a rectangle are products of one table for rows and one for columns,
    a cos(y + x) + b sin(y + x)  =  cos(x) (a cos(y) + b sin(y)) + sin(x) (b cos(y) - a sin(y)),
so that rows are evaluated first, elementwise, and then columns, as one small matrix product for each LR column.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ipe_sr.models.field import Field
from ipe_sr.models.implicit import Reader

NUMBERS_AT_ONCE = 1 << 19   # of a block of rows: fits the cache of a CPU
EXACT = 1e-9                # how near a scale or a place has to be to a whole number, relative to an output pixel


class FastField(Field):
    """What `FieldConfig.build` makes."""

    def reader(self, features: Tensor, radius: Tensor) -> Reader:
        batch, _, height, width = features.shape
        codes = self.codes(features).flatten(3).flatten(0, 2)                      # (B h w, 3 (2K + 1))

        def read(position: Tensor, radius: Tensor) -> Tensor:
            """The textbook form for parts of weight above 0 alone; about half of all are."""
            index, centre, half_edge, weight = self.located(position, radius, (height, width))
            index = index + torch.arange(batch, device=index.device)[:, None, None] * (height * width)
            there = weight.flatten().nonzero()[:, 0]                               # (N,), into B Q P
            waves = self.waves(centre.flatten(0, 2)[there], half_edge.flatten(0, 2)[there])        # (N, 2K + 1)
            waves = waves * weight.flatten()[there, None].to(waves)
            chosen = F.embedding(index.flatten()[there], codes).unflatten(-1, (3, -1))             # (N, 3, 2K + 1)
            colours = (chosen * waves[:, None]).sum(-1)                            # (N, 3)
            sums = colours.new_zeros(position[..., 0].numel(), 3).index_add(0, there // weight.shape[-1], colours)
            return sums.view(*position.shape[:2], 3) / 2 + 0.5

        return read

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        axes = zip((rows, columns), radius.tolist(), features.shape[-2:], strict=True)
        lattices = [lattice(*axis) for axis in axes]
        if all(lattices):
            return self._paint_lattice(features, *lattices)
        return self._paint_tables(features, rows, columns, radius)

    def _paint_lattice(self, features: Tensor, y: "Lattice", x: "Lattice") -> Tensor:
        """All pixels of the LR pixels that are concerned, by one matrix product; then what lies outside is cut off."""
        kernel, bias = self._kernel(y.scale, x.scale)                              # (3 s_y s_x, width), (3 s_y s_x)
        here = features[:, :, y.lr, x.lr]
        hidden, lr = here[:, :-3], here[:, -3:, None, None]                        # lr: (B, 3, 1, 1, h, w)
        made = F.conv2d(hidden, kernel[..., None, None], bias).unflatten(1, (3, y.scale, x.scale))
        colours = (made + lr).permute(0, 4, 2, 5, 3, 1) / 2 + 0.5                  # (B, h, s_y, w, s_x, 3)
        return colours.flatten(3, 4).flatten(1, 2)[:, y.out, x.out]

    def _kernel(self, *scales: int) -> tuple[Tensor, Tensor]:
        """The product of `amplitudes` and the waves of all pixels of an LR pixel at whole-number scales."""
        weight, bias, device = self.amplitudes.weight.flatten(1), self.amplitudes.bias, self.frequencies.device
        centres = [(2 * torch.arange(s, device=device, dtype=torch.float64) + 1) / s - 1 for s in scales]
        centre = torch.cartesian_prod(*centres)                                    # (s_y s_x, 2)
        waves = self.waves(centre, 1 / torch.tensor(scales, device=device).to(centre))             # (s_y s_x, 2K + 1)
        with torch.autocast(weight.device.type, enabled=False):
            kernel = waves @ weight.unflatten(0, (3, -1))                          # (3, s_y s_x, width)
            return kernel.flatten(0, 1), (bias.view(3, -1) @ waves.T).flatten()

    def _paint_tables(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        codes = self.codes(features).permute(2, 4, 0, 3, 1).contiguous()           # (w, 2K + 1, B, 3, h)
        (height, width), batch = features.shape[-2:], len(features)
        x = self._pieces(columns, radius, width, axis=1)
        counts = torch.bincount(x.index, minlength=width)
        most = int(counts.max())
        slot = torch.arange(len(x.index), device=x.index.device) - (counts.cumsum(0) - counts)[x.index] + x.index * most
        table = x.waves.new_zeros(width * most, x.waves.shape[1]).index_copy(0, slot, x.waves)     # (w n, 2K + 1)
        table = table.unflatten(0, (width, most))

        def paint(some: Tensor) -> Tensor:
            y = self._pieces(some, radius, height, axis=0)
            first = int(y.index[0])
            a, b, constant = codes[..., first : int(y.index[-1]) + 1].index_select(-1, y.index - first).split(
                [self.config.waves, self.config.waves, 1], 1
            )                                                                      # (w, K, B, 3, N) twice, (w, 1, B, 3, N)
            cos, sin, weight = (
                part.T[:, None, None] for part in y.waves.split([self.config.waves, self.config.waves, 1], 1)
            )
            at_rows = torch.cat([a * cos + b * sin, b * cos - a * sin, constant * weight], 1).flatten(2)
            made = torch.bmm(table, at_rows).flatten(0, 1)                         # (w n, B 3 N)
            made = made.new_zeros(len(columns), made.shape[1]).index_add(0, x.pixel, made.index_select(0, slot))
            made = made.view(len(columns), batch, 3, -1).permute(3, 1, 0, 2)       # (N, B, C, 3)
            return made.new_zeros(len(some), *made.shape[1:]).index_add(0, y.pixel, made)

        with torch.autocast(features.device.type, enabled=False):
            blocks = rows.split(max(1, NUMBERS_AT_ONCE // (codes[..., 0].numel())))
            return torch.cat([paint(some) for some in blocks]).movedim(0, 1) / 2 + 0.5

    def _pieces(self, position: Tensor, radius: Tensor, n: int, axis: int) -> "Pieces":
        made = self.cut(position, radius[axis], n)
        pixel, part = made.weight.nonzero(as_tuple=True)
        centre, half_edge = (
            F.pad(number[pixel, part, None], (axis, 1 - axis)) for number in (made.centre, made.radius)
        )                                                                          # (N, 2), 0 on the other axis
        device = self.frequencies.device
        waves = self.waves(centre.to(device), half_edge.to(device))                # of extent 0 on the other axis
        weight = made.weight[pixel, part, None].to(waves)
        return Pieces(made.index[pixel, part].to(device), pixel.to(device), waves * weight)


class Pieces(NamedTuple):
    """The N parts, of weight above 0, of all pixels of an axis, in order.

    index: (N,), the LR pixel.   pixel: (N,), of which pixel.   waves: (N, 2K + 1), means of cosines, sines and 1, weighted.
    """

    index: Tensor
    pixel: Tensor
    waves: Tensor


class Lattice(NamedTuple):
    """The pixels of an axis at a whole-number scale.

    scale: pixels in an LR pixel.   lr: the LR pixels concerned.   out: which of the scale * len(lr) pixels are meant.
    """

    scale: int
    lr: slice
    out: slice


def lattice(position: Tensor, radius: float, n: int) -> Lattice | None:
    """What `Lattice` says of pixels (R,) on n LR pixels; None where they are not consecutive and an even division of them."""
    scale = max(1, round(1 / radius))
    number = (position + 0.5) * scale - 0.5                                        # counted from the first of LR pixel 0
    first = round(number[0].item())
    consecutive = first + torch.arange(len(position)).to(number)
    whole = abs(scale * radius - 1) <= EXACT and (number - consecutive).abs().max() <= EXACT * scale * n
    if not (whole and first >= 0 and first + len(position) <= scale * n):
        return None
    lr = slice(first // scale, (first + len(position) - 1) // scale + 1)
    return Lattice(scale, lr, slice(first - lr.start * scale, first - lr.start * scale + len(position)))
