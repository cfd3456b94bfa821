"""Picture files and pixel arrays: 8 or 16 bits, gray or RGB, with or without alpha, upright, with their ICC profile.

Torch is imported only where a tensor is made, so that code which only handles files starts fast.
"""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from ipe_sr.errors import InputError, first_line
from ipe_sr.files import check_writable, replacing
from ipe_sr.imaging import sixteen_bit
from ipe_sr.imaging.sixteen_bit import ORIENTATION, TIFFS

if TYPE_CHECKING:
    from torch import Tensor

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
OPTIONS = {
    "PNG": {},
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95, "exact": True},
    "TIFF": {"compression": "tiff_deflate"},
}
LONGEST_SIDE = {"JPEG": 65535, "WEBP": 16383}


class Picture(NamedTuple):
    """pixels: (H, W, C) uint8 or uint16; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; alpha straight, not premultiplied."""

    pixels: np.ndarray
    icc: bytes | None = None


def read(path: str | os.PathLike) -> Picture:
    """The picture in a file; see `decode`. Raises InputError if the file does not exist or cannot be read, too."""
    path = Path(path)
    check_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return decode(data, str(path))


def check_file(path: Path) -> None:
    """Raises InputError if there is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: " + ("is a folder, not a picture" if path.is_dir() else "no such file"))


def decode(data: bytes, name: str) -> Picture:
    """The first picture in the bytes of a file, turned upright by its EXIF orientation; 16 bits are kept.

    name: what error messages call the file. Raises InputError if the bytes are empty, damaged, or no picture; if the
    picture exceeds PIL's limit for safety; and if its pixels have 32 bits.
    """
    if not data:
        raise InputError(f"{name}: is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if data[:4] in TIFFS and (deep := sixteen_bit.decode_tiff(data)):
                pixels, orientation, icc = deep
                return Picture(_oriented(pixels, orientation), icc)
            with Image.open(io.BytesIO(data)) as image:
                if image.format == "PNG" and sixteen_bit.is_png(data):
                    pixels = _oriented(sixteen_bit.decode_png(data), _orientation(image))
                    return Picture(pixels, image.info.get("icc_profile"))
                return from_pil(image)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Image.DecompressionBombError:
        limit = 2 * Image.MAX_IMAGE_PIXELS // 1_000_000
        raise InputError(f"{name}: has more than {limit} million pixels, the limit for safety; cut it up first") from None
    except Image.UnidentifiedImageError:
        if data[:4] in TIFFS:
            raise InputError(f"{name}: a kind of TIFF that is not read; convert it to 8 or 16 bits per channel first") from None
        raise InputError(f"{name}: not a picture that can be read (PNG, JPEG, WebP, TIFF and others can)") from None
    except Exception as error:   # decoders raise errors of many kinds on damaged data
        raise InputError(f"{name}: damaged or not readable as a picture ({first_line(error)})") from None


def write(path: str | os.PathLike, picture: Picture) -> None:
    """Writes PNG, JPEG, WebP or TIFF by suffix, atomically. 16 bits become 8 in JPEG and WebP.

    Raises InputError for another suffix, for alpha in a JPEG, and for a side longer than the format allows.
    """
    path, pixels = Path(path), picture.pixels
    kind = _check_kind(path, pixels.shape)
    with replacing(path) as temporary:
        if pixels.dtype == np.uint16 and kind == "PNG":
            sixteen_bit.write_png(temporary, pixels, picture.icc)
        elif pixels.dtype == np.uint16 and kind == "TIFF":
            sixteen_bit.write_tiff(temporary, pixels, picture.icc)
        else:
            to_pil(Picture(to_depth(pixels, np.uint8))).save(temporary, kind, icc_profile=picture.icc, **OPTIONS[kind])


def check_target(path: str | os.PathLike, shape: tuple[int, int, int]) -> None:
    """Raises the InputError that `write` would raise for a picture (H, W, C). Call it before the picture is computed."""
    _check_kind(path, shape)
    check_writable(path)


def _check_kind(path: str | os.PathLike, shape: tuple[int, int, int]) -> str:
    kind = check_suffix(path)
    if kind == "JPEG" and shape[2] in (2, 4):
        raise InputError(f"{path}: JPEG has no alpha channel, which the picture has; use .png, .webp or .tif")
    if max(shape[:2]) > LONGEST_SIDE.get(kind, 1 << 31):
        raise InputError(f"{path}: {kind} allows {LONGEST_SIDE[kind]} pixels a side; use .png or .tif")
    return kind


def check_suffix(path: str | os.PathLike) -> str:
    """The format that belongs to a file name's suffix. Raises InputError for a format that `write` does not know."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: cannot write {suffix or 'a file without suffix'}; use one of {', '.join(FORMATS)}")
    return FORMATS[suffix]


def from_pil(image: Image.Image) -> Picture:
    """The pixels of a PIL picture, upright. Raises InputError if it is empty, has 32-bit pixels or cannot be converted.

    Modes L, LA, RGB, RGBA and I;16 (any byte order) are kept. Mode 1 becomes gray; palettes, premultiplied alpha and
    other colour spaces become gray or RGB, with alpha if they have it.
    """
    if 0 in image.size:
        raise InputError(f"the picture is empty: {image.width} x {image.height} pixels")
    if image.mode in ("I", "F"):
        raise InputError(f"holds 32-bit pixels (mode {image.mode!r}); convert it to 8 or 16 bits per channel first")
    icc = image.info.get("icc_profile")
    orientation = _orientation(image) if image.format != "TIFF" else 1   # PIL itself turns TIFFs upright
    if image.mode.startswith("I;16"):
        if image.has_transparency_data:   # one value that means transparent; it would not survive resampling
            raise InputError(f"holds {image.mode!r} pixels with a transparent value; convert it to gray with alpha first")
        pixels = np.array(image).astype(np.uint16)   # in this machine's byte order
    elif image.mode in MODES.values() and "transparency" not in image.info:
        pixels = np.array(image)
    else:
        if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
            icc = None   # it describes the colour space before the conversion
        mode = ("L" if image.mode in ("1", "L", "La") else "RGB") + ("A" if image.has_transparency_data else "")
        try:
            pixels = np.array(image.convert(mode))
        except ValueError as error:
            raise InputError(f"holds {image.mode!r} pixels ({first_line(error)}); convert it to RGB first") from None
    return Picture(_oriented(pixels.reshape(*pixels.shape[:2], -1), orientation), icc)


def to_pil(picture: Picture) -> Image.Image:
    """A PIL picture in mode L, LA, RGB or RGBA; in mode I;16 for 16-bit gray, the only 16-bit mode that PIL has."""
    image = Image.fromarray(_plain(picture.pixels))
    if picture.icc:
        image.info["icc_profile"] = picture.icc
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


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 (upright) if EXIF is damaged: the pixels can be read all the same."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:   # PIL raises errors of many kinds
        return 1


def _oriented(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns (H, W, C) upright.   orientation: EXIF's, 1 to 8; other values leave the pixels as they are."""
    turn = {
        2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1), 8: np.rot90,
    }
    return np.ascontiguousarray(turn.get(orientation, lambda a: a)(pixels))
