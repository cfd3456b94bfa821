"""Picture files and pixel arrays: 8 or 16 bits, gray or RGB, with or without alpha, upright, with profile and metadata.

This module gathers what others need of `pixels`, `decoding` and `writing`.
"""

from ipe_sr.imaging.decoding import check_file, decode, most_pixels, read, set_most_pixels
from ipe_sr.imaging.metadata import ORIENTATION, Metadata
from ipe_sr.imaging.pixels import MODES, Picture, from_pil, to_depth, to_pil, to_pixels, to_tensor
from ipe_sr.imaging.writing import FORMATS, Encoding, check_suffix, check_target, write

__all__ = [
    "FORMATS", "MODES", "ORIENTATION", "Encoding", "Metadata", "Picture", "check_file", "check_suffix", "check_target",
    "decode", "from_pil", "most_pixels", "read", "set_most_pixels", "to_depth", "to_pil", "to_pixels", "to_tensor", "write",
]
