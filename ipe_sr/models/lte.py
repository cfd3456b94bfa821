"""LTE and IPE-LTE: the encoder names the waves of which the picture consists around each LR pixel.

LTE (local texture estimator) is arXiv 2111.08918. IPE-LTE is ours, beyond the paper: a pixel's mean of the same waves.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ipe_sr import grids
from ipe_sr.models.decoders import MLP
from ipe_sr.models.encoders import EncoderConfig, conv3
from ipe_sr.models.implicit import ImplicitModel, Reader, gather

ENCODINGS = ("positional", "integrated")


@dataclass(frozen=True)
class LTEConfig:
    """encoding: the waves at the pixel's centre ("positional", LTE) or their mean over its area ("integrated", IPE-LTE).

    width: of each of the decoder's `depth` hidden layers, and the number of amplitudes: even, two to a wave.
    """

    encoding: str = "integrated"
    width: int = 256
    depth: int = 3
    encoder: EncoderConfig = field(default_factory=EncoderConfig)

    def __post_init__(self):
        if self.encoding not in ENCODINGS:
            raise ValueError(f"encoding {self.encoding!r} is unknown: use one of {', '.join(ENCODINGS)}")
        if self.width < 2 or self.width % 2 or self.depth < 1:
            raise ValueError(f"width must be even and depth at least 1, got {self.width} and {self.depth}")

    def build(self) -> "LTE":
        return LTE(self)


class LTE(ImplicitModel):
    """An MLP reads waves with the amplitudes, frequencies and phases that a latent code and the pixel's size give.

    Its four answers are weighted as in Eq. 8. Each is added to the LR colour at its code: with these weights that is the
    bilinear upsampling of the LR picture, which LTE has as a skip connection.
    """

    def __init__(self, config: LTEConfig):
        channels, width = config.encoder.channels, config.width
        super().__init__(config)
        self.amplitude = conv3(channels, width)
        self.frequency = conv3(channels, width)
        self.phase = nn.Linear(2, width // 2, bias=False)
        self.decoder = MLP(width, 3, width, config.depth)

    @property
    def reach(self) -> int:
        return super().reach + 1

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  (B, 2 width + 3, h, w): amplitudes, frequencies, the LR colour."""
        lr = lr * 2 - 1
        features = self.encoder(lr)                                                # (B, C, h, w)
        return torch.cat([self.amplitude(features), self.frequency(features), lr], 1)

    def locate(self, position: Tensor, radius: Tensor, lr_size: tuple[int, int]) -> grids.Corners:
        return grids.corners(position, lr_size)

    def decode(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        return self._decode_damped(self.damp(codes, radius), centre, radius)

    def hoisted(self, features: Tensor, radius: Tensor) -> Reader:
        """Damping depends on the LR pixel and the radius: where a picture's pixels are of one size, it is done beforehand."""
        codes = self.codes(features)
        if radius.shape[1] > 1:
            return gather(codes, self.decode)
        return gather(self.damp(codes, radius[..., None, :].to(codes)), self._decode_damped)

    def damp(self, codes: Tensor, radius: Tensor) -> Tensor:
        """The codes (..., D) with the amplitudes of a pixel's mean.   radius: (..., 2).

        The mean of a wave over the box of half-edges r is the wave times sinc(pi f_y r_y) sinc(pi f_x r_x).
        """
        if self.config.encoding == "positional":
            return codes
        width = self.config.width
        amplitude, frequency, colour = codes.split([width, width, 3], -1)
        damping = torch.sinc(frequency.unflatten(-1, (-1, 2)) * radius[..., None, :]).prod(-1)   # sinc(t): sin(pi t) / (pi t)
        return torch.cat([amplitude * torch.cat([damping, damping], -1).to(amplitude), frequency, colour], -1)

    def _decode_damped(self, codes: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        width = self.config.width
        amplitude, frequency, colour = codes.split([width, width, 3], -1)
        waves = self.waves(frequency.unflatten(-1, (-1, 2)), centre, radius)       # (B, Q, 4, width)
        return self.decoder(amplitude * waves.to(codes.dtype)) + colour

    def waves(self, frequency: Tensor, centre: Tensor, radius: Tensor) -> Tensor:
        """cos, then sin, of pi (f . d + phase) at the pixel's centre d.   The phase is linear in the pixel's size.

        frequency: (..., N, 2), half-waves per local unit and axis.   centre, radius: (..., 2).   Returns (..., 2 N).
        """
        phase = self.phase((2 * radius).to(self.phase.weight.dtype))
        angle = math.pi * ((frequency * centre[..., None, :]).sum(-1) + phase)     # (..., N)
        return torch.cat([angle.cos(), angle.sin()], -1)
