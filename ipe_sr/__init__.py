"""Arbitrary-scale image super-resolution with integrated positional encoding (arXiv 2112.05756).

    model = ipe_sr.load("weights.safetensors")
    sr = ipe_sr.upscale(image, scale=2.7, model=model)
"""

import importlib

__version__ = "0.1.0"
_HOMES = {"load": "models", "upscale": "upscaling", "InputError": "errors"}
_MODULES = (
    "encodings", "evaluation", "figures", "footprints", "grids", "images", "metrics", "models", "render", "resample", "samples",
    "widgets",
)
__all__ = [*_HOMES, *_MODULES]


def __getattr__(name: str):   # on first use: the command line must not wait for torch to print its help
    if name in _HOMES:
        return getattr(importlib.import_module(f"ipe_sr.{_HOMES[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"ipe_sr.{name}")
    raise AttributeError(f"module 'ipe_sr' has no attribute {name!r}")
