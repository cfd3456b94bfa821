"""Arbitrary-scale image super-resolution with integrated positional encoding (arXiv 2112.05756).

    model = ipe_sr.load("weights.safetensors")
    sr = ipe_sr.upscale(image, scale=2.7, model=model)
"""

import importlib

__version__ = "0.1.0"
_FUNCTIONS = {"load": "models", "upscale": "upscaling", "export": "exporting", "InputError": "errors"}   # name -> its module
_MODULES = {   # name -> its package; "" for this one
    **dict.fromkeys(("encodings", "evaluation", "figures", "footprints", "grids", "models", "render", "widgets"), ""),
    **dict.fromkeys(("datasets", "images", "metrics", "resample", "samples"), ".imaging"),
}
__all__ = [*_FUNCTIONS, *_MODULES]


def __getattr__(name: str):
    """Import a public name on its first use, so that `ipe-sr --help` does not wait for torch."""
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(f"ipe_sr.{_FUNCTIONS[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"ipe_sr{_MODULES[name]}.{name}")
    raise AttributeError(f"module 'ipe_sr' has no attribute {name!r}")
