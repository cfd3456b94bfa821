"""Models. Every one answers `model(lr, size)`: (B, 3, h, w) in [0, 1] -> (B, 3, H, W).

The names of `__init__.pyi` are imported on first use, so that configs can be read without waiting for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
