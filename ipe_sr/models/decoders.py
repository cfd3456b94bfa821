"""Decoders: the MLP that turns [features; encoded pixel] into a colour."""

import torch
from torch import Tensor, nn


class MLP(nn.Module):
    """Fully connected, ReLU between layers, linear output.   (..., inputs) -> (..., outputs).

    skip: the input is concatenated to the input of *every* hidden layer, after what the layer before it computed
    (the paper's skip-MLP, Sec. 4.2); without, this is LIIF's plain decoder.
    """

    def __init__(self, inputs: int, outputs: int = 3, width: int = 256, depth: int = 4, skip: bool = False):
        super().__init__()
        self.skip = skip
        again = inputs if skip else 0
        self.hidden = nn.ModuleList(
            nn.Linear(inputs if layer == 0 else width + again, width) for layer in range(depth)
        )
        self.output = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.hidden[0](x).relu()
        for layer in self.hidden[1:]:
            h = layer(torch.cat([h, x], -1) if self.skip else h).relu()
        return self.output(h)
