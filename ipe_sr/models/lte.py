"""LTE and IPE-LTE: the encoder gives the waves of which the picture consists around each LR pixel.

LTE (local texture estimator) is arXiv 2111.08918. IPE-LTE is ours, beyond the paper: it takes the mean of the same waves over
the pixel. `models.fast.lte` has the fast form.
"""

import math

import torch
from torch import Tensor, nn

from ipe_sr import encodings, grids, plugins
from ipe_sr.errors import InputError
from ipe_sr.models.decoders import MLP
from ipe_sr.models.encoders import conv3
from ipe_sr.models.implicit import ImplicitModel, blend, gather, real_dtype


def damping_of(encoding: str) -> encodings.Damping | None:
    """The damping of the pixel's shape that an encoding stands for; None for waves at the centre.

    Raises InputError for an encoding that does not consist of waves.
    """
    plugins.load()
    if encoding == "positional":
        return None
    shapes = {"integrated" if shape == "box" else shape: damping for shape, damping in encodings.SHAPES.items()}
    if encoding not in shapes:
        raise InputError(f"encoding {encoding!r} is unknown to LTE: use one of positional, {', '.join(shapes)}")
    return shapes[encoding]


class LTE(ImplicitModel):
    """An MLP reads waves with the amplitudes, frequencies and phases that a latent code and the pixel's size give.

    Its four answers are weighted as in Eq. 8. Each is added to the LR colour at its latent code: with these weights that is
    the bilinear upsampling of the LR picture, which LTE has as a skip connection.
    """

    codes_per_query = 4

    def __init__(self, config):
        channels, width = config.encoder.channels, config.width
        super().__init__(config)
        self.damping = damping_of(config.encoding)
        self.amplitude = conv3(channels, width)
        self.frequency = conv3(channels, width)
        self.phase = nn.Linear(2, width // 2, bias=False)
        self.decoder = MLP(width, 3, width, config.depth)

    @property
    def reach(self) -> int | None:
        return None if super().reach is None else super().reach + 1

    def encode(self, lr: Tensor) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  (B, 2 width + 3, h, w): amplitudes, frequencies, the LR colour."""
        lr = lr * 2 - 1
        features = self.encoder(lr)                                                # (B, C, h, w)
        return torch.cat([self.amplitude(features), self.frequency(features), lr], 1)

    def textbook(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        around = grids.corners(position, features.shape[-2:])                      # K = 4 latent codes
        codes = gather(features.movedim(1, -1), around.index)                      # (B, Q, 4, D)
        offset, radius = (x.to(real_dtype(codes)) for x in (around.offset, radius[..., None, :]))
        rgb = self.decode(self.damp(codes, radius), offset, radius)                # (B, Q, 4, 3)
        return blend(rgb, around.weight)                                           # (B, Q, 3)

    def damp(self, codes: Tensor, radius: Tensor) -> Tensor:
        """The codes (..., D) with the amplitudes of a pixel's mean.   radius: (..., 2).

        The mean of a wave over a pixel is the wave at its centre times the damping of each axis, such as sinc(w r) for a box.
        """
        if self.damping is None:
            return codes
        width = self.config.width
        amplitude, frequency, colour = codes.split([width, width, 3], -1)
        angle = math.pi * frequency.unflatten(-1, (-1, 2)) * radius[..., None, :]  # w r of each wave and axis
        damping = self.damping(angle).prod(-1)                                     # (..., width / 2)
        return torch.cat([amplitude * torch.cat([damping, damping], -1).to(amplitude), frequency, colour], -1)

    def decode(self, codes: Tensor, offset: Tensor, radius: Tensor) -> Tensor:
        """Damped codes (B, Q, 4, D), offsets (B, Q, 4, 2), radius (..., 2)  ->  colours (B, Q, 4, 3), in [-1, 1]."""
        width = self.config.width
        amplitude, frequency, colour = codes.split([width, width, 3], -1)
        waves = self.waves(frequency.unflatten(-1, (-1, 2)), offset, radius)       # (B, Q, 4, width)
        return self.decoder(amplitude * waves.to(codes.dtype)) + colour

    def waves(self, frequency: Tensor, offset: Tensor, radius: Tensor) -> Tensor:
        """cos, then sin, of pi (f . d + phase) at the pixel's offset d.   The phase is linear in the pixel's size.

        frequency: (..., N, 2), half-waves per local unit and axis.   offset, radius: (..., 2).   Returns (..., 2 N).
        """
        phase = self.phase((2 * radius).to(self.phase.weight.dtype))
        angle = math.pi * ((frequency * offset[..., None, :]).sum(-1) + phase)     # (..., N)
        return torch.cat([angle.cos(), angle.sin()], -1)
