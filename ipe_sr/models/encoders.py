"""Encoders: an LR picture to a feature map of the same height and width."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), no batch normalisation (EDSR, arXiv 1707.02921)."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(conv3(channels, channels), nn.ReLU(), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


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
        x = self.head(x)
        return x + self.body(x)


class ResidualDenseBlock(nn.Module):
    """Each layer sees the block's input and all layers before it; 1x1 fusion of everything, plus the input (Sec. 3.2)."""

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
        shallow = self.shallow1(x)
        outputs = [self.shallow2(shallow)]
        for block in self.blocks:
            outputs.append(block(outputs[-1]))
        return shallow + self.fusion(torch.cat(outputs[1:], 1))                    # of blocks * channels features


@dataclass(frozen=True)
class EncoderConfig:
    """name: "edsr" or "rdn".   blocks, channels: of both.   layers, growth: in each block of "rdn", refused with "edsr"."""

    name: str = "edsr"
    blocks: int = 16
    channels: int = 64
    layers: int = 8
    growth: int = 64

    def __post_init__(self):
        if self.name not in ("edsr", "rdn"):
            raise ValueError(f"encoder {self.name!r} is unknown: use edsr or rdn")
        if self.blocks < 0 or self.channels < 1:
            raise ValueError(f"an encoder needs blocks >= 0 and channels >= 1, got {self.blocks} and {self.channels}")
        if self.name == "edsr" and (self.layers, self.growth) != (8, 64):
            raise ValueError("layers and growth are options of the encoder rdn; edsr has none")
        if self.name == "rdn" and min(self.blocks, self.layers, self.growth) < 1:
            raise ValueError("the encoder rdn needs at least 1 of blocks, layers and growth")

    def build(self) -> EDSR | RDN:
        if self.name == "edsr":
            return EDSR(self.blocks, self.channels)
        return RDN(self.blocks, self.channels, self.layers, self.growth)

    @property
    def reach(self) -> int:
        """How many pixels away, along an axis, a feature still sees the picture."""
        return 2 * self.blocks + 2 if self.name == "edsr" else self.blocks * self.layers + 3

    @property
    def activations(self) -> int:
        """About how many numbers it holds at once for each LR pixel, without gradients."""
        if self.name == "edsr":
            return 6 * self.channels
        dense = self.channels + self.layers * self.growth
        return (self.blocks + 2) * self.channels + max(self.blocks * self.channels, 2 * dense)
