"""The configs of the package's own families and encoders: which options there are, and which values they take.

A config builds the fast form of its model (`models.fast`) where there is one; the textbook form is its base class. Models
do not import this module: a model reads the options that it needs from whatever config it is given.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from ipe_sr.models.registry import EncoderConfig, FamilyConfig, register, register_encoder

HEADS = ("conv", "pointwise", "residual")   # of a field
MOST_LAYERS = 4096   # of RDN; the paper's has 128
FACTORS = {2: (2,), 3: (3,), 4: (2, 2)}   # a fixed scale -> the factors of its upsampling steps


@register_encoder("edsr")
@dataclass(frozen=True)
class EDSRConfig(EncoderConfig):
    """EDSR (arXiv 1707.02921) without its upsampler.   blocks: residual blocks; 16 of 64 channels are EDSR-baseline."""

    blocks: int = 16
    channels: int = 64

    def __post_init__(self):
        if self.blocks < 0 or self.channels < 1:
            raise ValueError(f"an encoder needs blocks >= 0 and channels >= 1, got {self.blocks} and {self.channels}")

    def build(self):
        from ipe_sr.models.encoders import EDSR

        return EDSR(self.blocks, self.channels)

    @property
    def reach(self) -> int:
        return 2 * self.blocks + 2

    @property
    def activations(self) -> int:
        return 6 * self.channels


@register_encoder("rdn")
@dataclass(frozen=True)
class RDNConfig(EncoderConfig):
    """RDN (arXiv 1802.08797) without its upsampler.   blocks, layers, growth, channels: the paper's D, C, G and G0."""

    blocks: int = 16
    channels: int = 64
    layers: int = 8
    growth: int = 64

    def __post_init__(self):
        if min(self.blocks, self.channels, self.layers, self.growth) < 1:
            raise ValueError("the encoder rdn needs at least 1 of blocks, channels, layers and growth")
        if self.blocks * self.layers > MOST_LAYERS:
            raise ValueError(f"blocks x layers must be at most {MOST_LAYERS:,}, got {self.blocks} x {self.layers}")

    def build(self):
        from ipe_sr.models.encoders import RDN

        return RDN(self.blocks, self.channels, self.layers, self.growth)

    @property
    def reach(self) -> int:
        return self.blocks * self.layers + 3

    @property
    def activations(self) -> int:
        dense = self.channels + self.layers * self.growth
        return (self.blocks + 2) * self.channels + max(self.blocks * self.channels, 2 * dense)


@dataclass(frozen=True)
class PixelConfig(FamilyConfig):
    """How a decoder receives a pixel. Base of the families that encode pixels.

    encoding: a name in `encodings.ENCODINGS`: the pixel's centre ("coordinate"), the waves at it ("positional"), or their
    mean over a pixel of some shape ("integrated" is the paper's box).   frequencies: the L of Eqs. 3-6.
    convention: see `encodings.octaves`.   width: of each hidden layer.
    """

    encoding: str = "integrated"
    frequencies: int = 10
    convention: str = "mip-nerf"
    width: int = 256
    encoder: EncoderConfig = field(default_factory=EDSRConfig)

    def __post_init__(self):
        if self.frequencies < 0 or self.width < 1:
            raise ValueError(f"frequencies must be at least 0 and width at least 1, got {self.frequencies} and {self.width}")


@register("liif")
@dataclass(frozen=True)
class LIIFConfig(PixelConfig):
    """Options of the LIIF family, with those of `PixelConfig`; the defaults are IPE-LIIF as the paper describes it.

    cell: append the pixel's size.   skip: see `decoders.MLP`.   unfold: a latent code is a 3x3 neighbourhood of features.
    ensemble: four latent codes answer each query, weighted by area (Eq. 8), else the nearest one alone.
    depth: how many hidden layers the MLP has.
    """

    cell: bool = False
    skip: bool = True
    unfold: bool = True
    ensemble: bool = True
    depth: int = 4

    def __post_init__(self):
        super().__post_init__()
        if self.depth < 1:
            raise ValueError(f"depth must be at least 1, got {self.depth}")

    def build(self):
        from ipe_sr.models.fast.liif import FastLIIF

        return FastLIIF(self)


@register("metasr")
@dataclass(frozen=True)
class MetaSRConfig(PixelConfig):
    """Options of the MetaSR family: those of `PixelConfig`; the defaults are IPE-MetaSR.

    The encoding "coordinate" is plain MetaSR (Eq. 9): the network is given the pixel's top left corner, and 1 / s.
    """

    def build(self):
        from ipe_sr.models.fast.metasr import FastMetaSR

        return FastMetaSR(self)


@register("lmf")
@dataclass(frozen=True)
class LMFConfig(PixelConfig):
    """width, depth: of the network at LR resolution.   render_width, render_depth: of the network evaluated for each pixel."""

    depth: int = 2
    render_width: int = 16
    render_depth: int = 6

    def __post_init__(self):
        super().__post_init__()
        if min(self.depth, self.render_width, self.render_depth) < 1:
            raise ValueError(
                f"depth, render_width and render_depth must be at least 1, got {self.depth}, {self.render_width} and "
                f"{self.render_depth}"
            )

    def build(self):
        from ipe_sr.models.fast.lmf import FastLMF

        return FastLMF(self)


@register("lmliif")
@dataclass(frozen=True)
class LMLIIFConfig(LMFConfig):
    """Options of LM-LIIF; the defaults are IPE-LM-LIIF.   cell: both networks also read the pixel's size.

    width, depth: of the latent MLP.   render_width, render_depth: of the MLP that is evaluated for each pixel.
    """

    cell: bool = False
    width: int = 208
    depth: int = 1

    def build(self):
        from ipe_sr.models.lmliif import LMLIIF

        return LMLIIF(self)


@register("lte")
@dataclass(frozen=True)
class LTEConfig(FamilyConfig):
    """encoding: "positional" takes the waves at the pixel's centre (LTE). "integrated" takes their mean over the pixel
    (IPE-LTE); "tent", "gaussian" and "bicubic" take it over pixels of these shapes.

    width: of each of the decoder's `depth` hidden layers, and the number of amplitudes, two for each wave, hence even.
    """

    encoding: str = "integrated"
    width: int = 256
    depth: int = 3
    encoder: EncoderConfig = field(default_factory=EDSRConfig)

    def __post_init__(self):
        if self.width < 2 or self.width % 2 or self.depth < 1:
            raise ValueError(f"width must be even and depth at least 1, got {self.width} and {self.depth}")

    def build(self):
        from ipe_sr.models.fast.lte import FastLTE

        return FastLTE(self)


@register("field")
@dataclass(frozen=True)
class FieldConfig(FamilyConfig):
    """Options of the field (see `models.field`); the defaults have 246,659 parameters beside the encoder.

    shape: of a pixel. "box" is the method; the other names in `encodings.SHAPES`, and "point", are for comparison.
    overlap: whether LR pixels give colours under windows that overlap, without steps at their borders; False: within them.
    waves: their number K.
    cycles: the highest frequency at the start of training, in cycles per LR pixel; 2 is the Nyquist frequency of scale 4.
    head: the network at LR resolution. "conv" has `depth` 3x3 convolutions; "pointwise" has one, and depth - 1 of 1x1;
    "residual" has one, and `depth` residual blocks.   width: of each of the head's layers.
    """

    shape: str = "box"
    overlap: bool = False
    waves: int = 32
    cycles: float = 2.0
    head: str = "conv"
    width: int = 128
    depth: int = 2
    encoder: EncoderConfig = field(default_factory=EDSRConfig)

    def __post_init__(self):
        if self.head not in HEADS:
            raise ValueError(f"head {self.head!r} is unknown: use one of {', '.join(HEADS)}")
        if min(self.waves, self.width, self.depth) < 1 or not self.cycles > 0:
            raise ValueError(
                f"waves, width and depth must be at least 1 and cycles above 0, got {self.waves}, {self.width}, {self.depth} "
                f"and {self.cycles}"
            )

    @property
    def head_reach(self) -> int:
        """How many LR pixels away, along an axis, the head still depends on the encoder's features."""
        return {"conv": self.depth, "pointwise": 1, "residual": 1 + 2 * self.depth}[self.head]

    def build(self):
        from ipe_sr.models.fast.field import FastField

        return FastField(self)


@register("fixed-scale")
@dataclass(frozen=True)
class FixedScaleConfig(FamilyConfig):
    """scale: the single scale of the model, 2, 3 or 4."""

    scale: int = 2
    encoder: EncoderConfig = field(default_factory=EDSRConfig)

    def __post_init__(self):
        if self.scale not in FACTORS:
            raise ValueError(f"a fixed scale is one of {', '.join(map(str, FACTORS))}, got {self.scale}")

    @property
    def factors(self) -> tuple[int, ...]:
        """The factors of the upsampling steps."""
        return FACTORS[self.scale]

    def build(self):
        from ipe_sr.models.fixed_scale import FixedScale

        return FixedScale(self)


@register("bicubic")
@dataclass(frozen=True)
class BicubicConfig(FamilyConfig):
    """Bicubic interpolation has no options."""

    trainable: ClassVar[bool] = False

    def build(self):
        from ipe_sr.models.bicubic import Bicubic

        return Bicubic(self)
