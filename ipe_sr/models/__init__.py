"""Models. Every one answers `model(lr, size)`: (B, 3, h, w) in [0, 1] -> (B, 3, H, W)."""

import functools
import os
from pathlib import Path

from torch import nn

from ipe_sr.errors import InputError
from ipe_sr.models.bicubic import Bicubic, BicubicConfig
from ipe_sr.models.checkpoints import read, save, training_facts
from ipe_sr.models.configs import method, methods
from ipe_sr.models.encoders import EDSR, RDN, EncoderConfig
from ipe_sr.models.fixed_scale import FixedScale, FixedScaleConfig
from ipe_sr.models.implicit import ImplicitModel
from ipe_sr.models.liif import LIIF, LIIFConfig
from ipe_sr.models.lmf import LMF, LMFConfig
from ipe_sr.models.lte import LTE, LTEConfig
from ipe_sr.models.metasr import MetaSR, MetaSRConfig

__all__ = [
    "EDSR", "LIIF", "LMF", "LTE", "RDN", "Bicubic", "BicubicConfig", "EncoderConfig", "FixedScale", "FixedScaleConfig",
    "ImplicitModel", "LIIFConfig", "LMFConfig", "LTEConfig", "MetaSR", "MetaSRConfig",
    "cached", "load", "method", "methods", "read", "released", "save", "training_facts",
]

WEIGHTS = Path(__file__).parents[1] / "weights"   # brought by the package; README.md there says how they were made
DEFAULT = "ipe-liif-cell"


def released() -> list[str]:
    """What can be used by name, without a file: interpolation, and the weights that the package brings."""
    return ["bicubic", *sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))]


def load(model: str | os.PathLike | nn.Module = DEFAULT) -> nn.Module:
    """A model ready for use: a released name, or the path of a checkpoint (`.safetensors`, official LIIF `.pth`).

    A model is handed back as it is. Raises InputError for an unknown name or an unusable file.
    """
    if isinstance(model, nn.Module):
        return model
    return Bicubic().eval() if str(model) == "bicubic" else read(_file(model))


def cached(model: str | os.PathLike | nn.Module = DEFAULT) -> nn.Module:
    """`load` for those who only ask the model and never change it: the last one is kept, until its file changes."""
    if isinstance(model, nn.Module) or str(model) == "bicubic" or not (path := _file(model)).is_file():
        return load(model)
    state = path.stat()
    return _kept(path, state.st_ino, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=1)   # a model on a GPU stays there until the next one comes
def _kept(path: Path, *_state: int) -> nn.Module:
    return read(path)


def _file(model: str | os.PathLike) -> Path:
    if str(model) in released():
        return WEIGHTS / f"{model}.safetensors"
    if Path(model).suffix or os.sep in str(model):
        return Path(model)
    hint = " (that is a method: train it to get weights)" if str(model) in methods() else ""
    raise InputError(f"model {str(model)!r} is unknown{hint}: use {', '.join(released())} or the path of a checkpoint")
