"""The rules by which a super-resolved picture is scored, by name. Nothing here imports torch, so plans are checked fast."""

import math
from dataclasses import dataclass

SSIM_CONVENTIONS = ("rgb", "luma", "volume")


@dataclass(frozen=True)
class Protocol:
    """The rules by which a super-resolved picture is compared with the original. Both are first clamped to [0, 1].

    space: "rgb" or "luma".   margin: pixels shaved from each border in addition to ceil(scale).
    quantise: whether the colours of the super-resolved picture are rounded to 8 bits, as when it is stored in a file.
    quantise_luma: whether the luma of both pictures is rounded to 8 bits, as MATLAB's rgb2ycbcr does with 8-bit pictures.
    luma_input: whether only the 8-bit luma is degraded and super-resolved, as in SRCNN.
    """

    name: str
    space: str
    margin: int = 0
    quantise: bool = False
    quantise_luma: bool = False
    luma_input: bool = False

    def shave(self, scale: float) -> int:
        """The number of pixels to remove from each border."""
        return math.ceil(scale) + self.margin


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("div2k", "rgb", margin=6),                               # LIIF and EDSR on DIV2K
        Protocol("benchmark", "luma"),                                    # LIIF on Set5, Set14, B100, Urban100
        Protocol("edsr", "luma", quantise=True),                          # EDSR's code on the same: 8-bit output
        Protocol("srcnn", "luma", quantise_luma=True, luma_input=True),   # SRCNN and its bicubic figures
        # What notebook 10 infers for the paper's Table 2. In Set14 the paper also seems to compare the one gray picture as it
        # is, not its luma. This lowers the mean PSNR of all methods alike, by 0.094 dB, and is left out here.
        Protocol("paper-table2", "luma", quantise=True, quantise_luma=True),
    )
}
