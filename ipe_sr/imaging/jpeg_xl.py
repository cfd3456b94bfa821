"""JPEG XL files: pixels by imagecodecs, in full depth; profile and metadata where pillow-jxl-plugin is installed."""

import io
from contextlib import suppress

import numpy as np
from PIL import Image

from ipe_sr.errors import InputError
from ipe_sr.imaging.sixteen_bit import check_size

CODESTREAM, CONTAINER = b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))   # width : height, from 1 on
BITS = (9, 13, 18, 30)                                                 # in which a side may be written


def is_one(data: bytes) -> bool:
    return data.startswith((CODESTREAM, CONTAINER))


def decode(data: bytes) -> tuple[np.ndarray, Image.Image | None, tuple[str, ...]]:
    """(pixels (H, W, C) uint8 or uint16, upright; PIL's picture for its metadata, or None; what was left out, in words).

    Raises PIL's DecompressionBombError for a picture that is too large, before it is decoded, and InputError for other pixels.
    """
    import imagecodecs

    check_size(*size(data))
    pixels, notes = np.asarray(imagecodecs.jpegxl_decode(data)), ()
    if pixels.ndim == 4:
        pixels, notes = pixels[0], (f"only the first of {len(pixels)} frames is read",)
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InputError(f"holds {pixels.dtype} pixels; convert it to 8 or 16 bits per channel first")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] > 4:
        raise InputError(f"has {pixels.shape[2]} channels; 1 to 4 are supported")
    with suppress(ImportError):
        import pillow_jxl  # noqa: F401 (it makes PIL read JPEG XL)

        image = Image.open(io.BytesIO(data), formats=("JXL",))
        return pixels, image, notes
    missing = "its colours are taken as sRGB and its metadata are not read; pip install pillow-jxl-plugin to read both"
    return pixels, None, (*notes, missing)


def size(data: bytes) -> tuple[int, int]:
    """(width, height) in the header of a file. Raises ValueError if there is none."""
    bits = int.from_bytes(_codestream(data)[2:16], "little")

    def take(count: int) -> int:
        nonlocal bits
        value = bits & ((1 << count) - 1)
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    return (height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1] if ratio else side()), height


def _codestream(data: bytes) -> bytes:
    at = 0
    while not data.startswith(CODESTREAM, at):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        head = 16 if length == 1 else 8
        if kind in (b"jxlc", b"jxlp"):
            at += head + 4 * (kind == b"jxlp")
            break
        length = int.from_bytes(data[at + 8 : at + 16], "big") if length == 1 else length
        if length < head or at + length >= len(data):
            raise ValueError("no picture in this JPEG XL file")
        at += length
    if not data.startswith(CODESTREAM, at):
        raise ValueError("no picture in this JPEG XL file")
    return data[at:]
