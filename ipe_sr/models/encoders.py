"""Encoders: an LR picture to a feature map of the same height and width."""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class EncoderConfig:
    name: str = "edsr"
    blocks: int = 16
    channels: int = 64

    def __post_init__(self):
        if self.name != "edsr":
            raise ValueError(f"encoder {self.name!r} is unknown: use edsr")
        if self.blocks < 0 or self.channels < 1:
            raise ValueError(f"an encoder needs blocks >= 0 and channels >= 1, got {self.blocks} and {self.channels}")

    def build(self) -> EDSR:
        return EDSR(self.blocks, self.channels)
