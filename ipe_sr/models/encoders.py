"""Encoders map an LR picture to features of the same height and width."""

import torch
from torch import Tensor, nn


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


def channels_last(x: Tensor) -> Tensor:
    """The same tensor with the channels of a pixel side by side in memory. Convolutions that follow keep this order, and on a
    CPU they take about a fifth less time."""
    return x.contiguous(memory_format=torch.channels_last)


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), no batch normalisation (EDSR, arXiv 1707.02921)."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(conv3(channels, channels), nn.ReLU(inplace=True), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).add_(x)


class EDSR(nn.Module):
    """EDSR without its upsampler; 16 blocks of 64 channels are EDSR-baseline (1,220,416 parameters).

    (B, 3, H, W), normalised to [-1, 1]  ->  (B, channels, H, W).
    """

    def __init__(self, blocks: int = 16, channels: int = 64):
        super().__init__()
        self.channels = channels
        self.head = conv3(3, channels)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(channels_last(x))
        return self.body(x).add_(x)


class ResidualDenseBlock(nn.Module):
    """Each layer reads the block's input and the outputs of all layers before it. A 1x1 convolution fuses them (Sec. 3.2)."""

    def __init__(self, channels: int, layers: int, growth: int):
        super().__init__()
        self.layers = nn.ModuleList(conv3(channels + layer * growth, growth) for layer in range(layers))
        self.fusion = nn.Conv2d(channels + layers * growth, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for layer in self.layers:
            seen = torch.cat([seen, layer(seen).relu()], 1)                        # (B, channels + layer * growth, H, W)
        return x + self.fusion(seen)


class RDN(nn.Module):
    """Residual dense network (arXiv 1802.08797) without its upsampler; the defaults have 21,973,952 parameters.

    blocks, layers, growth, channels: the D, C, G and G0 of the paper.
    (B, 3, H, W), normalised to [-1, 1]  ->  (B, channels, H, W).
    """

    def __init__(self, blocks: int = 16, channels: int = 64, layers: int = 8, growth: int = 64):
        super().__init__()
        self.channels = channels
        self.shallow1, self.shallow2 = conv3(3, channels), conv3(channels, channels)
        self.blocks = nn.ModuleList(ResidualDenseBlock(channels, layers, growth) for _ in range(blocks))
        self.fusion = nn.Sequential(nn.Conv2d(blocks * channels, channels, 1), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.shallow1(channels_last(x))
        outputs = [self.shallow2(shallow)]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        return shallow + self.fusion(torch.cat(outputs[1:], 1))                    # of blocks * channels features
