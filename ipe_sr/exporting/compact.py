"""A field at a whole-number scale as an SRVGGNetCompact (arXiv 2107.10833, Real-ESRGAN's small network), with equal numbers.

spandrel, and with it chaiNNer and other tools, recognise that network by the names of its tensors. It is a chain: 3x3
convolution, PReLU, ..., 3x3 convolution, pixel shuffle; then the LR picture is added, each pixel repeated. A field ends in the
same way: its sum of waves, averaged over the pixels of a whole-number scale, is a convolution with a pixel shuffle, and it
adds the LR colour.

The residual connections of EDSR have to pass through the chain. So its channels are three groups: the state of the residual
blocks, what the long connection keeps, and the inside of a block. A PReLU of slope 1 passes a channel on unchanged, one of
slope 0 is a ReLU. That makes the network three times as wide, and about nine times as slow where the encoder is the largest
part; an .onnx file has no such cost.
"""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ipe_sr.errors import InputError
from ipe_sr.exporting.graphs import SubPixel
from ipe_sr.models.encoders import EDSR, ResidualBlock
from ipe_sr.models.field import Field

PASS, RELU = 1.0, 0.0   # slopes


def write(model: nn.Module, graph: nn.Module, scale: Fraction | None, path: Path) -> Callable:
    """Write the tensors of `tensors_of` and return the network as a function. Raises InputError for another model."""
    tensors = tensors_of(model, graph)
    safetensors.torch.save_file(tensors, path)
    return lambda lr: compact(safetensors.torch.load_file(path), lr)


def compact(tensors: dict[str, Tensor], lr: Tensor) -> Tensor:
    """What SRVGGNetCompact computes with these tensors: (B, 3, h, w) in [0, 1]  ->  (B, 3, s h, s w)."""
    x, last = lr, max(int(name.split(".")[1]) for name in tensors)
    for layer in range(0, last + 1, 2):
        x = F.conv2d(x, tensors[f"body.{layer}.weight"], tensors[f"body.{layer}.bias"], padding=1)
        x = x if layer == last else F.prelu(x, tensors[f"body.{layer + 1}.weight"])
    scale = round((x.shape[1] / 3) ** 0.5)
    return F.pixel_shuffle(x, scale) + F.interpolate(lr, scale_factor=scale, mode="nearest")


def tensors_of(model: nn.Module, graph: nn.Module) -> dict[str, Tensor]:
    """The tensors of the network by spandrel's names.

    Raises InputError unless the model is a field without overlap on the encoder EDSR.
    """
    if not isinstance(model, Field):
        raise InputError("a .safetensors file for other tools can hold a field only; export other models as .onnx")
    if model.config.overlap or not isinstance(model.encoder, EDSR):
        raise InputError("this network can hold only a field without overlap and with the encoder EDSR; export others as .onnx")
    chain = Chain(max(3 * model.encoder.channels, 2 * model.config.width))
    chain.encode(model.encoder)
    chain.head(model.head)
    chain.finish(graph)
    return chain.tensors


class Chain:
    """Builds the tensors layer by layer. `width`: channels of each layer."""

    def __init__(self, width: int):
        self.width, self.tensors = width, {}

    def add(
        self, convolutions: list[tuple[int, int, nn.Conv2d]], kept: list[tuple[int, int]], relu: range, inputs: int
    ) -> None:
        """A layer.   convolutions: (first output channel, first input channel, weights); what they write adds up.
        kept: ranges of channels that are passed on.   relu: the channels with a ReLU.   inputs: channels of the layer before.
        """
        weight, bias, slope = torch.zeros(self.width, inputs, 3, 3), torch.zeros(self.width), torch.ones(self.width)
        for start, stop in kept:
            for channel in range(start, stop):
                weight[channel, channel, 1, 1] += 1
        for out, given, conv in convolutions:
            rows, columns = slice(out, out + conv.out_channels), slice(given, given + conv.in_channels)
            weight[rows, columns] += F.pad(conv.weight, (0,) * 4 if conv.kernel_size == (3, 3) else (1,) * 4)
            bias[rows] += conv.bias
        slope[relu.start : relu.stop] = RELU
        self._append(weight, bias, slope)

    def encode(self, encoder: EDSR) -> None:
        """The state is in the first channels, in the end the features."""
        c = encoder.channels
        normalise = nn.Conv2d(3, 3, 1)   # a layer of its own: the zeros around the picture come after it
        normalise.weight.copy_(2 * torch.eye(3)[..., None, None])
        normalise.bias.fill_(-1)
        self.add([(0, 0, normalise)], [], range(0), 3)
        self.add([(0, 0, encoder.head), (c, 0, encoder.head)], [], range(0), self.width)
        *blocks, tail = encoder.body
        for block in blocks:
            self.block(block, c, 2 * c, [(0, c), (c, 2 * c)])
        join = nn.Conv2d(c, c, 1)
        join.weight.copy_(torch.eye(c)[..., None, None])
        join.bias.zero_()
        self.add([(0, 0, tail), (0, c, join)], [], range(0), self.width)

    def block(self, block: ResidualBlock, channels: int, inside: int, kept: list[tuple[int, int]]) -> None:
        """x + conv(relu(conv(x))) on the first channels.   inside: the first channel for what is inside the block."""
        first, _, second = block.body
        self.add([(inside, 0, first)], kept, range(inside, inside + channels), self.width)
        self.add([(0, inside, second)], kept, range(0), self.width)

    def head(self, head: nn.Sequential) -> None:
        width = head[0].out_channels
        for layer, following in zip(head, [*head[1:], None], strict=True):
            if isinstance(layer, nn.Conv2d):
                self.add([(0, 0, layer)], [], range(width if isinstance(following, nn.ReLU) else 0), self.width)
            elif isinstance(layer, ResidualBlock):
                self.block(layer, width, width, [(0, width)])
                if isinstance(following, nn.ReLU):
                    self.add([], [(0, width)], range(width), self.width)

    def finish(self, graph: SubPixel) -> None:
        """Without the LR colour's part of the convolution, which the network adds itself."""
        hidden = graph.weight[:, :-3]                                              # (3 s s, width of the head, 1, 1)
        weight = F.pad(hidden, (1, 1, 1, 1, 0, self.width - hidden.shape[1]))
        self._append(weight, graph.bias - 0.5, None)

    def _append(self, weight: Tensor, bias: Tensor, slope: Tensor | None) -> None:
        layer = len({name.split(".")[1] for name in self.tensors})
        self.tensors |= {f"body.{layer}.weight": weight.contiguous(), f"body.{layer}.bias": bias}
        if slope is not None:
            self.tensors[f"body.{layer + 1}.weight"] = slope
