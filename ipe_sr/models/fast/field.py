"""The field with less work for the same numbers.

Everything after the head is linear. At a whole-number scale s every LR pixel is cut into the same s x s pixels, so amplitudes
and waves multiply into one matrix from the head's output to 3 s^2 colours: a sub-pixel convolution whose kernel is an analytic
function of s. At other scales the mean of exp(i w . x) over a rectangle is the product of one number for its rows and one for
its columns, which stand in two tables: the rows are multiplied first, and the columns are one small matrix product each.
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
        hidden, lr = here[:, :-3].contiguous(), here[:, -3:, None, None]           # lr: (B, 3, 1, 1, h, w)
        made = F.conv2d(hidden, kernel[..., None, None], bias).unflatten(1, (3, y.scale, x.scale))
        colours = (made + lr).permute(0, 4, 2, 5, 3, 1) / 2 + 0.5                  # (B, h, s_y, w, s_x, 3)
        return colours.flatten(3, 4).flatten(1, 2)[:, y.out, x.out]

    def _kernel(self, *scales: int) -> tuple[Tensor, Tensor]:
        """The product of `amplitudes` and the waves of all pixels of an LR pixel at whole-number scales."""
        weight, bias, device = self.amplitudes.weight, self.amplitudes.bias, self.frequencies.device
        centres = [(2 * torch.arange(s, device=device, dtype=torch.float64) + 1) / s - 1 for s in scales]
        centre = torch.cartesian_prod(*centres)                                    # (s_y s_x, 2)
        waves = self.waves(centre, 1 / torch.tensor(scales, device=device).to(centre))             # (s_y s_x, 2K + 1)
        with torch.autocast(weight.device.type, enabled=False):
            kernel = waves @ weight.unflatten(0, (3, -1))                          # (3, s_y s_x, width)
            return kernel.flatten(0, 1), (bias.view(3, -1) @ waves.T).flatten()

    def _paint_tables(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        """Rows, then columns, then the sums of each pixel's parts over columns and over rows."""
        y, x = (self._table(at, radius, features.shape[-2:], axis) for axis, at in enumerate((rows, columns)))
        lr_rows = y.slot[[0, -1]] // y.waves.shape[1]
        here = slice(int(lr_rows[0]), int(lr_rows[1]) + 1)
        amplitudes = _complex(self.codes(features[:, :, here]))
        batch, _, width, _, waves = amplitudes.shape                               # waves: K + 1
        of_columns = torch.view_as_real(x.waves.conj()).flatten(-2).mT[:, None]    # (w, 1, 2K + 2, n_x)

        def paint(some: Tensor, of_rows: Tensor) -> Tensor:
            """some: (B, h', w, 3, K + 1), of a few LR rows.   of_rows: (h', n_y, K + 1).   Returns (C, B, h', n_y, 3)."""
            at_rows = some[:, :, None] * of_rows[:, :, None, None]                 # (B, h', n_y, w, 3, K + 1)
            numbers = torch.view_as_real(at_rows).flatten(-2).flatten(0, 2)        # (B h' n_y, w, 3, 2K + 2)
            parts = numbers.permute(1, 2, 0, 3) @ of_columns                       # (w, 3, B h' n_y, n_x): the real part
            parts = parts.permute(0, 3, 2, 1).flatten(0, 1)                        # (w n_x, B h' n_y, 3)
            return x.sum_parts(parts).unflatten(1, at_rows.shape[:3])

        with torch.autocast(features.device.type, enabled=False):
            step = max(1, NUMBERS_AT_ONCE // (batch * width * 6 * waves * y.waves.shape[1]))
            blocks = zip(amplitudes.split(step, 1), y.waves[here].split(step), strict=True)
            painted = torch.cat([paint(*block) for block in blocks], 2)            # (C, B, h, n_y, 3)
            painted = painted.permute(2, 3, 1, 0, 4).flatten(0, 1)                 # (h n_y, B, C, 3)
            return y.sum_parts(painted, first=here.start).movedim(0, 1) / 2 + 0.5

    def _table(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int], axis: int) -> "Table":
        n, device = lr_size[axis], self.frequencies.device
        made = self.cut(position, radius[axis], n)
        pixel, part = made.weight.nonzero(as_tuple=True)                           # (N,): the parts in order
        index, centre, half_edge, weight = (numbers[pixel, part].to(device) for numbers in made)
        counts = torch.bincount(index, minlength=n)
        most = int(counts.max())
        slot = torch.arange(len(index), device=device) - (counts.cumsum(0) - counts)[index] + index * most
        along = (axis, 1 - axis)                                                   # 0 on the other axis
        waves = self.waves(F.pad(centre[:, None], along), F.pad(half_edge[:, None], along))
        waves = _complex(waves * weight[:, None].to(waves))                        # (N, K + 1)
        table = waves.new_zeros(n * most, waves.shape[1]).index_copy(0, slot, waves)
        return Table(table.conj().unflatten(0, (n, most)), slot, pixel.to(device), len(position))


class Table(NamedTuple):
    """The parts of all pixels of an axis, in `most` slots for each of its n LR pixels; the slots left over are 0.

    waves: (n, most, K + 1) complex, the means of exp(i w x) and of 1 over a part, times the part's share of its pixel.
    slot, pixel: (N,), of each part, into n * most and into the pixels.   pixels: how many there are.
    """

    waves: Tensor
    slot: Tensor
    pixel: Tensor
    pixels: int

    def sum_parts(self, parts: Tensor, first: int = 0) -> Tensor:
        """Pixels from their parts: (slots, ...) -> (pixels, ...).   first: the LR pixel to which the first slots belong."""
        chosen = parts.index_select(0, self.slot - first * self.waves.shape[1])
        return parts.new_zeros(self.pixels, *parts.shape[1:]).index_add(0, self.pixel, chosen)


def _complex(numbers: Tensor) -> Tensor:
    """K numbers of cosines, K of sines and a constant, as complex ones: (..., 2K + 1) -> (..., K + 1).

    a cos(t) + b sin(t) is the real part of (a - i b) exp(i t); the constant is a wave of frequency 0.
    """
    of_cosines, of_sines, constant = numbers.tensor_split((numbers.shape[-1] // 2, numbers.shape[-1] - 1), -1)
    real = torch.cat([of_cosines, constant], -1)
    return torch.complex(real, -torch.cat([of_sines, torch.zeros_like(constant)], -1))


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
