"""Models by name: the weights that the package brings, and checkpoints by their paths."""

import functools
import os
from pathlib import Path

from torch import nn

from ipe_sr.errors import InputError
from ipe_sr.models import hub
from ipe_sr.models.checkpoints import read
from ipe_sr.models.configs import methods
from ipe_sr.models.families import BicubicConfig

WEIGHTS = Path(__file__).parents[1] / "weights"   # its README.md says how they were made
DEFAULT = "ipe-liif-cell"
COMPARISON = "comparison: "   # begins the purpose of a model that is not there to enlarge pictures
TWIN = COMPARISON + "{}, small, one of six with the same training from random weights"
PURPOSES = {   # what each is for; more in weights/README.md
    "bicubic": COMPARISON + "interpolation, without weights",
    "ipe-field": "speed with more quality than ipe-field-light: --fast; views of any size and angle",
    "ipe-field-light": "speed on a CPU, and folders of pictures; less sharp than the others",
    "ipe-liif": "the notebooks; turned and perspective views (ipe_sr.footprints)",
    "ipe-liif-cell": "upscaling: the default, and the sharpest",
    "small-field": TWIN.format("the field"),
    "small-ipe-liif": TWIN.format("IPE-LIIF"),
    "small-ipe-metasr": TWIN.format("IPE-MetaSR"),
    "small-liif": TWIN.format("LIIF"),
    "small-liif-pe": TWIN.format("LIIF w/ PE"),
    "small-metasr": TWIN.format("MetaSR"),
}


def released() -> list[str]:
    """The names that need no file: bicubic interpolation, and the weights that the package brings."""
    return ["bicubic", *sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))]


def load(model: str | os.PathLike | nn.Module = DEFAULT) -> nn.Module:
    """A model ready for use, by a released name, by the path of a checkpoint (`.safetensors`, official `.pth` of LIIF, MetaSR
    or LTE), or by a repository of the Hugging Face Hub ("hf://OWNER/NAME", see `hub`).

    A model is returned as it is. Raises InputError for an unknown name or an unusable file.
    """
    if isinstance(model, nn.Module):
        return model
    return BicubicConfig().build().eval() if str(model).lower() == "bicubic" else read(_file(model))


def cached(model: str | os.PathLike | nn.Module = DEFAULT) -> nn.Module:
    """`load` for use without changes to the model: the last one is kept until its file changes."""
    if isinstance(model, nn.Module) or str(model).lower() == "bicubic" or not (path := _file(model)).is_file():
        return load(model)
    state = path.stat()
    return _kept(path, state.st_ino, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=1)   # a model on a GPU stays there until the next one is loaded
def _kept(path: Path, *_state: int) -> nn.Module:
    return read(path)


def _file(model: str | os.PathLike) -> Path:
    if (name := str(model).lower()) in released():
        return WEIGHTS / f"{name}.safetensors"
    if str(model).startswith(hub.PREFIX):
        return hub.file(str(model).removeprefix(hub.PREFIX))
    if Path(model).suffix or os.sep in str(model):
        return Path(model)
    hint = " (that is a method: train it to get weights)" if str(model) in methods() else ""
    raise InputError(f"model {str(model)!r} is unknown{hint}: use {', '.join(released())} or the path of a checkpoint")
