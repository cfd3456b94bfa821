"""An MLP over [features; encoded pixel], with everything that is linear before a ReLU computed where it is cheapest.

Each layer multiplies its input by weights and adds up. The features' contribution to that sum is the same for all queries that
read one LR pixel: one convolution at LR resolution computes it. The encoding's contribution is a sum over the two axes: a table
for rows and one for columns. Only `relu(h @ W + ...)` is left to do for each query. The numbers are those of `decoders.MLP`, in
another order of summation.
"""

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ipe_sr.grids import Neighbours
from ipe_sr.models.decoders import MLP
from ipe_sr.models.fast import workers
from ipe_sr.models.implicit import real_dtype

LONGEST_RUN = 32   # a block has at most so many rows; with more it would have too few columns

Maps = list[Tensor | None]   # a contribution to each layer; None for a layer that has none


@dataclass(frozen=True)
class Layer:
    """A hidden layer's weights, split by what they multiply; None for what the layer does not read.

    inner: (width, width), for the output of the layer before.   kernel: (width, C, k, k), for the k x k features around an
    LR pixel.   encoding: (width, P), for the encoded pixel.   bias: (width,).
    """

    inner: Tensor | None
    kernel: Tensor | None
    encoding: Tensor | None
    bias: Tensor


class HoistedMLP:
    """decoder: an MLP over k * k * `channels` features (ordered as in `implicit.unfold`) and the encoding.

    dtype: of all results.
    """

    def __init__(self, decoder: MLP, channels: int, k: int, dtype: torch.dtype):
        self.output, self.dtype, self.layers = decoder.output, dtype, []
        features = channels * k * k
        for number, linear in enumerate(decoder.hidden):
            weight, bias = linear.weight.to(dtype), linear.bias.to(dtype)
            inner, given = (None, weight) if number == 0 else weight.tensor_split((len(weight),), 1)
            if given.shape[1] == 0:   # without skip, only the first layer takes the input
                self.layers.append(Layer(inner, None, None, bias))
            else:
                kernel = given[:, :features].unflatten(1, (channels, k, k))
                self.layers.append(Layer(inner, kernel, given[:, features:], bias))

    def maps(self, features: Tensor) -> Maps:
        """The features' contribution to each layer, bias included: (B, C, h, w) -> (B, h, w, width) each."""
        last = features.to(self.dtype, memory_format=torch.channels_last)          # the channels of a pixel lie together

        def convolve(layer: Layer) -> Tensor:
            kernel = layer.kernel.contiguous(memory_format=torch.channels_last)
            return F.conv2d(last, kernel, layer.bias, padding=kernel.shape[-1] // 2).movedim(1, -1).contiguous()

        return [None if layer.kernel is None else convolve(layer) for layer in self.layers]

    def tables(self, encoded: Tensor) -> Maps:
        """Encoded pixels' contribution to each layer: (..., P) -> (..., width) each, computed in the encoding's precision."""
        with torch.autocast(encoded.device.type, enabled=False):
            return [
                None if layer.encoding is None else F.linear(encoded, layer.encoding.to(encoded.dtype)).to(self.dtype)
                for layer in self.layers
            ]

    def run(self, given: Callable[[int], Tensor]) -> Tensor:
        """given(i): (N, width), the contribution of features and encoding to layer i; overwritten.   Returns (N, 3)."""
        h = None
        for i, layer in enumerate(self.layers):
            if layer.inner is None:
                h = given(i).relu_()
            elif layer.kernel is None:
                h = torch.addmm(layer.bias, h, layer.inner.T).relu_()
            else:
                h = given(i).addmm_(h, layer.inner.T).relu_()                      # (N, width)
        return F.linear(h, self.output.weight.to(self.dtype), self.output.bias.to(self.dtype))

    def paint(self, maps: Maps, y: Neighbours, x: Neighbours, down: Maps, across: Maps, queries: int) -> Tensor:
        """The weighted answers at all pairs of R rows and C columns: (B, R, C, 3).

        maps: from `maps`.   y, x: the K latent codes of each row and each column.   down, across: (R, K, width) and
        (C, K, width), the encoding's contributions from `tables`.   queries: pixels in a block.
        """
        (batch, h, w, _), device, real = maps[0].shape, maps[0].device, real_dtype(maps[0])
        flat = [None if m is None else m.flatten(0, 2) for m in maps]              # (B h w, width)
        pictures = torch.arange(batch, device=device)[:, None, None] * h
        x_index, x_weight, y_weight = x.index.to(device), x.weight.to(device, real), y.weight.to(device, real)
        painted = y_weight.new_empty(batch, len(y.index), len(x.index), 3)
        corners = list(itertools.product(range(y.index.shape[1]), range(x.index.shape[1])))

        def paint_blocks(some: list[tuple[slice, slice]]) -> None:
            scratch: dict[tuple, Tensor] = {}   # without gradients the same memory serves all blocks, and stays in the cache

            @functools.lru_cache(maxsize=2 * x.index.shape[1])   # the lower LR row of one block is the upper LR row of the next
            def row_sums(first: int, last: int, left: int, right: int, j: int) -> Maps:
                """The contributions of features and columns for LR rows first..last: (B, LR rows, C, width) for each layer."""
                lr_rows = pictures + torch.arange(first, last + 1, device=device)[:, None]
                index = lr_rows * w + x_index[left:right, j]
                layers = zip(flat, across, strict=True)
                return [None if m is None else F.embedding(index, m).add_(a[left:right, j]) for m, a in layers]

            def answers(rows: slice, columns: slice, i: int, j: int) -> Tensor:
                """Of the i-th latent code in y and the j-th in x: (B, R, C, 3)."""
                lr_rows = y.index[rows, i]
                first, last = int(lr_rows[0]), int(lr_rows[-1])
                of_rows = row_sums(first, last, columns.start, columns.stop, j)

                def given(layer: int) -> Tensor:
                    sums = spread(of_rows[layer], lr_rows)
                    shape = (layer % 2, batch, len(lr_rows), *sums.shape[2:])
                    if not torch.is_grad_enabled() and shape not in scratch:
                        scratch[shape] = sums.new_empty(shape[1:])
                    return torch.add(sums, down[layer][rows, i, None], out=scratch.get(shape)).flatten(0, 2)

                rgb = self.run(given).unflatten(0, (batch, len(lr_rows), columns.stop - columns.start))
                return rgb * (y_weight[rows, i, None, None] * x_weight[columns, j, None])

            for rows, columns in some:
                painted[:, rows, columns] = sum(answers(rows, columns, i, j) for i, j in corners)

        workers.share(paint_blocks, list(blocks(y.index, len(x.index), queries)), device)
        return painted


def separate(
    describe: Callable[[Tensor, Tensor], Tensor], y: Tensor, x: Tensor, radius: Tensor, features: Tensor
) -> tuple[Tensor, Tensor]:
    """The encoded pixels at all pairs of y (R, K) and x (C, K), as two terms of a sum: (R, K, P) and (C, K, P).

    Every number of the encoding depends on one axis or on none: f(y, x) = f(y, 0) + f(0, x) - f(0, 0).
    """
    real = real_dtype(features)

    def encoded(*offset: Tensor) -> Tensor:
        at = torch.stack(offset, -1).to(features.device, real)
        return describe(at, radius.to(at))

    return encoded(y, torch.zeros_like(y)), encoded(torch.zeros_like(x), x) - encoded(*torch.zeros(2, 1, 1))


def spread(of_rows: Tensor, lr_rows: Tensor) -> Tensor:
    """Repeats the values of LR rows for the rows that read them: (B, LR rows, C, D) -> (B, R, C, D).

    lr_rows: (R,), the LR row that each row reads, ascending; `of_rows` begins with the first of them. A single LR row is
    returned as it is, since it broadcasts.
    """
    return of_rows if of_rows.shape[1] == 1 else of_rows.index_select(1, (lr_rows - lr_rows[0]).to(of_rows.device))


def blocks(lr_rows: Tensor, columns: int, queries: int) -> Iterator[tuple[slice, slice]]:
    """Blocks of about `queries` pixels. Rows that read the same LR rows stay in one block where possible, and share sums.

    lr_rows: (R, K), the K LR rows that each row reads, ascending.
    """
    runs = torch.unique_consecutive(lr_rows, return_counts=True, dim=0)[1].tolist()
    height = min(max(runs), LONGEST_RUN)
    left_over = [min(height, run - start) for run in runs for start in range(0, run, height)]
    parts = -(-columns * height // queries)
    width = -(-columns // parts)
    height, top = max(height, queries // width), 0
    stretches = []
    while left_over:
        bottom = top
        while left_over and bottom - top + left_over[0] <= height:
            bottom += left_over.pop(0)
        stretches.append(slice(top, bottom))
        top = bottom
    for left in range(0, columns, width):
        yield from ((rows, slice(left, min(columns, left + width))) for rows in stretches)


def rows_of(index: Tensor, features: Tensor) -> Tensor:
    """Places (B, Q, K) in h w as rows of a map flattened over pictures, too: (B, Q, K), into B h w."""
    batch, _, height, width = features.shape
    return index + torch.arange(batch, device=features.device)[:, None, None] * height * width


def working_dtype(features: Tensor) -> torch.dtype:
    """The dtype to decode in: what autocast asks for, else the features' own."""
    kind = features.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else features.dtype
