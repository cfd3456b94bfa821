"""The encoders as they were published: one model for each scale, with a pixel-shuffle head (EDSR, arXiv 1707.02921)."""

from torch import Tensor, nn

from ipe_sr.errors import InputError
from ipe_sr.models.encoders import conv3


class FixedScale(nn.Module):
    """Encoder, then for each factor of the scale a convolution to its square times the channels, shuffled into place."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.encoder = config.encoder.build()
        channels = config.encoder.channels
        steps = [layer for f in config.factors for layer in (conv3(channels, channels * f * f), nn.PixelShuffle(f))]
        self.decoder = nn.Sequential(*steps, conv3(channels, 3))

    def forward(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  (B, 3, H, W), about [0, 1], not clamped.

        Raises InputError unless `size` is the scale times the LR size.
        """
        scale, (h, w) = self.config.scale, lr.shape[-2:]
        if tuple(size) != (scale * h, scale * w):
            raise InputError(
                f"this model makes scale {scale} only: {scale * h}x{scale * w} from a {h}x{w} picture, not {size[0]}x{size[1]}"
            )
        return self.decoder(self.encoder(lr * 2 - 1)) / 2 + 0.5

    def peak_bytes(self, lr_size: tuple[int, int], size: tuple[int, int]) -> int:
        """About how much memory `forward` takes for one float32 picture without gradients, weights left out."""
        encoder = self.config.encoder
        # features before and after the last shuffle, and the picture twice
        return 4 * (lr_size[0] * lr_size[1] * encoder.activations + size[0] * size[1] * (2 * encoder.channels + 6))
