"""Pictures as arrays of pixels, beside PIL's pictures and torch's tensors.

Torch is imported only where a tensor is made, so that code which only handles files starts fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from ipe_sr.errors import InputError, first_line
from ipe_sr.imaging import colour, metadata
from ipe_sr.imaging.metadata import ORIENTATION, Metadata

if TYPE_CHECKING:
    from torch import Tensor

UPRIGHT = ("TIFF", "HEIF")   # formats that PIL's readers turn upright themselves
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class Picture(NamedTuple):
    """pixels: (H, W, C) uint8 or uint16; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; alpha straight, not premultiplied.

    icc: colour profile.   metadata: what the file says beside its pixels.   notes: what of the picture was left out, in words.
    """

    pixels: np.ndarray
    icc: bytes | None = None
    metadata: Metadata = Metadata()
    notes: tuple[str, ...] = ()


def from_pil(image: Image.Image) -> Picture:
    """The pixels of a PIL picture, upright. Raises InputError if it is empty, has 32-bit pixels or cannot be converted, and
    PIL's error if its file is damaged.

    Modes L, LA, RGB, RGBA and I;16 (any byte order) are kept. Mode 1 becomes gray; palettes, premultiplied alpha and
    other colour spaces become gray or RGB, with alpha if they have it; inks (CMYK) through their profile.
    """
    if 0 in image.size:
        raise InputError(f"the picture is empty: {image.width} x {image.height} pixels")
    image.load()   # before anything else is asked: PIL reports damaged data once and no more
    if image.mode in ("I", "F"):
        raise InputError(f"holds 32-bit pixels (mode {image.mode!r}); convert it to 8 or 16 bits per channel first")
    icc, about, notes = described(image)
    if image.mode.startswith("I;16"):
        if image.has_transparency_data:   # one value that means transparent; it would not survive resampling
            raise InputError(f"holds {image.mode!r} pixels with a transparent value; convert it to gray with alpha first")
        pixels = np.array(image).astype(np.uint16)   # in this machine's byte order
    elif image.mode in MODES.values() and "transparency" not in image.info:
        pixels = np.array(image)
    elif image.mode == "CMYK" and icc and (converted := colour.to_srgb(image, icc)):
        pixels, icc = np.array(converted), None
    else:
        if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
            if image.mode == "CMYK" and icc:
                notes += ("its profile of inks is damaged, so its colours are approximate",)
            icc = None   # it describes the colour space before the conversion
        mode = ("L" if image.mode in ("1", "L", "La") else "RGB") + ("A" if image.has_transparency_data else "")
        try:
            pixels = np.array(image.convert(mode))
        except ValueError as error:
            raise InputError(f"holds {image.mode!r} pixels ({first_line(error)}); convert it to RGB first") from None
    upright = oriented(pixels.reshape(*pixels.shape[:2], -1), orientation(image))
    return Picture(upright, icc, about, notes)


def described(image: Image.Image) -> tuple[bytes | None, Metadata, tuple[str, ...]]:
    """The ICC profile of a PIL picture, its metadata, and a note if it has several frames or pages."""
    try:
        count = getattr(image, "n_frames", 1) if image.format != "MPO" else 1   # photographs of phones, with a preview within
    except Exception:   # PIL counts by reading the file, which may be damaged behind the first frame
        count = 1
    word = "pages" if image.format == "TIFF" else "frames"
    return (
        image.info.get("icc_profile") or None, metadata.of_pil(image),
        (f"only the first of {count} {word} is read",) if count > 1 else (),
    )


def to_pil(picture: Picture) -> Image.Image:
    """A PIL picture in mode L, LA, RGB or RGBA; in mode I;16 for 16-bit gray, the only 16-bit mode that PIL has.

    Its `info` holds the ICC profile and the metadata, as PIL's readers leave them there.
    """
    image, about = Image.fromarray(_plain(picture.pixels)), picture.metadata
    known = {"icc_profile": picture.icc, "xmp": about.xmp, "comment": about.comment, "dpi": about.resolution}
    image.info |= {key: value for key, value in known.items() if value}
    if about.exif:
        image.info["exif"] = about.tags().tobytes()
    return image


def to_tensor(pixels: np.ndarray) -> Tensor:
    """(H, W, C) integers over their whole range  ->  (C, H, W) float32 in [0, 1]."""
    import torch

    scaled = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    return torch.from_numpy(np.ascontiguousarray(scaled)).movedim(-1, 0).contiguous()


def to_pixels(tensor: Tensor, dtype: np.dtype | type = np.uint8) -> np.ndarray:
    """(C, H, W) floats, clamped to [0, 1]  ->  (H, W, C): integers over their whole range, rounded, or floats."""
    values = tensor.detach().float().clamp(0, 1).movedim(0, -1)
    if np.issubdtype(dtype, np.integer):
        values = (values * np.iinfo(dtype).max).round()
    return values.cpu().numpy().astype(dtype)


def to_depth(pixels: np.ndarray, dtype: type) -> np.ndarray:
    """The same pixels as uint8 or uint16: 255 corresponds to 65535."""
    if pixels.dtype == dtype:
        return pixels
    return (pixels / np.iinfo(pixels.dtype).max * np.iinfo(dtype).max).round().astype(dtype)


def _plain(pixels: np.ndarray) -> np.ndarray:
    """(H, W, C) -> (H, W) for one channel, as image libraries want it; contiguous."""
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) if EXIF is damaged: the pixels can be read all the same."""
    if image.format in UPRIGHT:
        return 1
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:   # PIL raises errors of many kinds
        return 1


def oriented(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns (H, W, C) upright.   orientation: EXIF's, 1 to 8; other values leave the pixels as they are."""
    turn = {
        2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1), 8: np.rot90,
    }
    return np.ascontiguousarray(turn.get(orientation, lambda a: a)(pixels))
