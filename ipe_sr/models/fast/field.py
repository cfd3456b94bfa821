"""The field with less work for the same numbers.

Everything after the head is linear. At a whole-number scale s every LR pixel touches the same s x s pixels (with overlap about
2 s x 2 s), so amplitudes and waves multiply into one matrix from the head's output to their colours: a sub-pixel convolution
whose kernel is an analytic function of s. At other scales the mean of
exp(i w . x) over a rectangle is the product of one number for its rows and one for its columns, which stand in two tables: the
rows are multiplied first, and the columns are one small matrix product each.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ipe_sr import grids
from ipe_sr.models.field import Field, cosines_sines_one
from ipe_sr.models.implicit import Reader, real_dtype

NUMBERS_AT_ONCE = 1 << 19   # of a block of rows: fits the cache of a CPU
EXACT = 1e-9                # how near a scale or a place has to be to a whole number, relative to an output pixel


class FastField(Field):
    """What `FieldConfig.build` makes."""

    def reader(self, features: Tensor, radius: Tensor) -> Reader:
        codes = self.codes(self.bordered(features))                                # (B, h', w', 3, 2K + 1)
        batch, height, width, *_ = codes.shape
        codes = codes.flatten(3).flatten(0, 2)                                     # (B h' w', 3 (2K + 1))

        def read(position: Tensor, radius: Tensor) -> Tensor:
            """The textbook form for the N parts of weight above 0 alone."""
            (row, down), (column, across) = self.axes(position, radius, features.shape[-2:])
            shares = down[..., -1].real[..., :, None] * across[..., -1].real[..., None, :]         # (B, Q, P_y, P_x)
            picture, query, i, j = shares.nonzero(as_tuple=True)                   # (N,) each
            query = picture * position.shape[1] + query                            # into B Q
            i, j = query * row.shape[-1] + i, query * column.shape[-1] + j
            index = (picture * height + row.flatten()[i]) * width + column.flatten()[j]
            waves = down.flatten(0, 2).index_select(0, i) * across.flatten(0, 2).index_select(0, j)
            chosen = F.embedding(index, codes).unflatten(-1, (3, -1))              # (N, 3, 2K + 1)
            colours = (chosen * cosines_sines_one(waves)[:, None]).sum(-1)         # (N, 3)
            sums = colours.new_zeros(batch * position.shape[1], 3).index_add(0, query, colours)
            return sums.view(*position.shape[:2], 3) / 2 + 0.5

        return read

    def paint(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        axes = zip((rows, columns), radius.tolist(), features.shape[-2:], strict=True)
        lattices = [lattice(*axis) for axis in axes]
        if all(lattices):
            return self._paint_lattice(features, *lattices)
        return self._paint_tables(features, rows, columns, radius)

    def _paint_lattice(self, features: Tensor, y: "Lattice", x: "Lattice") -> Tensor:
        """What each LR pixel gives to the pixels that it touches, by one matrix product; then the sums where they overlap."""
        border, scales = int(self.config.overlap), (y.scale, x.scale)
        here = self.bordered(features)[:, :, y.lr.start : y.lr.stop + 2 * border, x.lr.start : x.lr.stop + 2 * border]
        of_axes = [self.stencil(scale, axis) for axis, scale in enumerate(scales)]
        sizes = [len(waves) for waves, _ in of_axes]                               # pixels that an LR pixel touches: m_y, m_x
        kernel, bias, constant = self.kernel(*(waves for waves, _ in of_axes))
        hidden, lr = here[:, :-3].contiguous(), here[:, -3:, None]
        made = F.conv2d(hidden, kernel[..., None, None], bias).unflatten(1, (3, -1))               # (B, 3, m_y m_x, h, w)
        made = made + lr * constant[:, None, None]
        if sizes == list(scales):                                                  # none overlap
            colours = made.unflatten(2, sizes).permute(0, 4, 2, 5, 3, 1).flatten(3, 4).flatten(1, 2)    # (B, H, W, 3)
        else:
            full = [(n - 1) * scale + size for n, scale, size in zip(here.shape[-2:], scales, sizes, strict=True)]
            colours = F.fold(made.flatten(3).flatten(1, 2), full, sizes, stride=scales).movedim(1, -1)
        rows, columns = (
            slice(of.out.start + border * of.scale - first, of.out.stop + border * of.scale - first)
            for of, (_, first) in zip((y, x), of_axes, strict=True)
        )
        return colours[:, rows, columns] / 2 + 0.5

    def stencil(self, scale: int, axis: int) -> tuple[Tensor, int]:
        """The waves (m, K + 1) of the m pixels that an LR pixel touches, and the first of them, from the LR pixel's first."""
        made = self.cut(grids.centres(3 * scale, 3), torch.tensor(1 / scale, dtype=torch.float64), 3)
        pixel, part = ((made.index == 1) & (made.weight > 0)).nonzero(as_tuple=True)               # of the middle of three
        centre, radius, weight = (numbers[pixel, part].to(self.frequencies.device) for numbers in made[1:])
        waves = self.waves(centre, radius, axis)
        return waves * weight[:, None].to(self.frequencies), int(pixel[0]) - scale

    def kernel(self, down: Tensor, across: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The product of `amplitudes` and waves: kernel (3 m_y m_x, width), bias (3 m_y m_x), and the waves of 1 (m_y m_x)."""
        waves = (down[:, None] * across).flatten(0, 1)                             # (m_y m_x, K + 1)
        weight, bias = self.amplitudes.weight, self.amplitudes.bias
        numbers = cosines_sines_one(waves).to(weight.dtype)                        # (m_y m_x, 2K + 1)
        with torch.autocast(weight.device.type, enabled=False):
            kernel = numbers @ weight.unflatten(0, (3, -1))                        # (3, m_y m_x, width)
            return kernel.flatten(0, 1), (bias.view(3, -1) @ numbers.T).flatten(), numbers[:, -1]

    def _paint_tables(self, features: Tensor, rows: Tensor, columns: Tensor, radius: Tensor) -> Tensor:
        """Rows, then columns, then the sums of each pixel's parts over columns and over rows."""
        y, x = (self._table(at, radius, features.shape[-2:], axis) for axis, at in enumerate((rows, columns)))
        lr_rows = y.slot[[0, -1]] // y.waves.shape[1]
        here = slice(int(lr_rows.min()), int(lr_rows.max()) + 1)
        amplitudes = _complex(self.codes(self.bordered(features)[:, :, here]))      # (B, h, w', 3, K + 1)
        batch, _, width, _, waves = amplitudes.shape                               # waves: K + 1
        of_columns = torch.view_as_real(x.waves.conj().resolve_conj()).flatten(-2).mT[:, None]     # (w', 1, 2K + 2, n_x)

        def paint(some: Tensor, of_rows: Tensor) -> Tensor:
            """some: (B, h, w', 3, K + 1), of a few LR rows.   of_rows: (h, n_y, K + 1).   Returns (C, B, h, n_y, 3)."""
            at_rows = some[:, :, None] * of_rows[:, :, None, None]                 # (B, h, n_y, w', 3, K + 1)
            numbers = torch.view_as_real(at_rows).flatten(-2).flatten(0, 2)        # (B h n_y, w', 3, 2K + 2)
            parts = numbers.permute(1, 2, 0, 3) @ of_columns                       # (w', 3, B h n_y, n_x): the real part
            parts = parts.permute(0, 3, 2, 1).flatten(0, 1)                        # (w' n_x, B h n_y, 3)
            return x.sum_parts(parts).unflatten(1, at_rows.shape[:3])

        with torch.autocast(features.device.type, enabled=False):
            step = max(1, NUMBERS_AT_ONCE // (batch * width * 6 * waves * y.waves.shape[1]))
            blocks = zip(amplitudes.split(step, 1), y.waves[here].split(step), strict=True)
            painted = torch.cat([paint(*block) for block in blocks], 2)            # (C, B, h, n_y, 3)
            painted = painted.permute(2, 3, 1, 0, 4).flatten(0, 1)                 # (h n_y, B, C, 3)
            return y.sum_parts(painted, first=here.start).movedim(0, 1) / 2 + 0.5

    def _table(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int], axis: int) -> "Table":
        border, device = int(self.config.overlap), self.frequencies.device
        n, made = lr_size[axis] + 2 * border, self.cut(position, radius[axis], lr_size[axis])
        pixel, part = (made.weight > 0).nonzero(as_tuple=True)                     # (N,): the parts, pixel by pixel
        index, centre, half_edge, weight = (numbers[pixel, part].to(device) for numbers in made)
        order = (index + border).sort(stable=True)                                 # with overlap LR pixels take turns
        index, pixel = order.values, pixel.to(device)[order.indices]
        counts = torch.bincount(index, minlength=n)
        most = int(counts.max())
        slot = torch.arange(len(index), device=device) - (counts.cumsum(0) - counts)[index] + index * most
        waves = (self.waves(centre, half_edge, axis) * weight[:, None].to(self.frequencies))[order.indices]    # (N, K + 1)
        table = waves.new_zeros(n * most, waves.shape[1]).index_copy(0, slot, waves)
        return Table(table.unflatten(0, (n, most)), slot, pixel, len(position))


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


def _complex(codes: Tensor) -> Tensor:
    """(..., 2K + 1) -> (..., K + 1): a cos(t) + b sin(t) is the real part of (a - i b) exp(i t); the last wave is 1."""
    codes = codes.to(real_dtype(codes))                                            # complex numbers need float32
    of_cosines, of_sines, constant = codes.tensor_split((codes.shape[-1] // 2, codes.shape[-1] - 1), -1)
    return torch.complex(torch.cat([of_cosines, constant], -1), F.pad(-of_sines, (0, 1)))


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
