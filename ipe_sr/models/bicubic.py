"""The baseline without parameters."""

from torch import Tensor, nn

from ipe_sr.imaging import resample


class Bicubic(nn.Module):
    """Cubic convolution (a = -1/2), borders mirrored, as MATLAB's `imresize`; antialiased when an axis shrinks."""

    def __init__(self, config):
        super().__init__()
        self.config = config

    def forward(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, 3, h, w) in [0, 1]  ->  (B, 3, H, W); may overshoot [0, 1]."""
        return resample.bicubic(lr, size, border="mirror")

    def peak_bytes(self, lr_size: tuple[int, int], size: tuple[int, int]) -> int:
        """About how much memory `forward` takes for one float32 picture: the result and two steps of its sum."""
        return 4 * 3 * (lr_size[0] * size[1] + 3 * size[0] * size[1])
