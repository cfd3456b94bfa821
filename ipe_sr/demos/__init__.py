"""What the series' sliders draw: pure functions state -> pixels, and the line of numbers to be read beside each."""

from ipe_sr.demos.encodings import (
    aliasing,
    aliasing_readout,
    footprint,
    footprint_readout,
    pixel_code,
    pixel_code_readout,
    sampling,
    sampling_readout,
)

__all__ = [
    "aliasing", "aliasing_readout", "footprint", "footprint_readout", "pixel_code", "pixel_code_readout", "sampling",
    "sampling_readout",
]
