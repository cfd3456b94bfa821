from .bicubic import Bicubic
from .checkpoints import read, save, training_facts
from .configs import method, methods
from .encoders import EDSR, RDN
from .families import (
    BicubicConfig,
    EDSRConfig,
    FieldConfig,
    FixedScaleConfig,
    LIIFConfig,
    LMFConfig,
    LMLIIFConfig,
    LTEConfig,
    MetaSRConfig,
    PixelConfig,
    RDNConfig,
)
from .field import Field
from .fixed_scale import FixedScale
from .implicit import ImplicitModel
from .liif import LIIF
from .lmf import LMF
from .lmliif import LMLIIF
from .lte import LTE
from .metasr import MetaSR
from .registry import EncoderConfig, FamilyConfig, register, register_encoder
from .released import COMPARISON, DEFAULT, PURPOSES, WEIGHTS, cached, load, released
