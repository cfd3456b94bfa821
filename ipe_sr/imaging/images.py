"""Picture files and pixel arrays: 8 or 16 bits, gray or RGB, with or without alpha, upright, with their ICC profile.

Torch is imported only where a tensor is made, so that code which handles files alone starts fast.
"""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from ipe_sr.errors import InputError, first_line
from ipe_sr.files import check_writable, replacing

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
TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")   # how such files begin
ORIENTATION, ICC_TAG = 0x0112, 0x8773   # EXIF's and TIFF's tags


class Picture(NamedTuple):
    """pixels: (H, W, C) uint8 or uint16; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA; alpha straight, not premultiplied."""

    pixels: np.ndarray
    icc: bytes | None = None


def read(path: str | os.PathLike) -> Picture:
    """The picture in a file, as `decode` says. Raises InputError where there is no such file, too."""
    path = Path(path)
    check_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return decode(data, str(path))


def check_file(path: Path) -> None:
    """Raises InputError where there is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: " + ("is a folder, not a picture" if path.is_dir() else "no such file"))


def decode(data: bytes, name: str) -> Picture:
    """The first picture in the bytes of a file, upright (its EXIF orientation applied), 16 bits kept.   name: the file's.

    Raises InputError where they are none, damaged, no picture, too large for PIL's safety limit, or hold 32-bit pixels.
    """
    if not data:
        raise InputError(f"{name}: is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            if _is_16bit_tiff(data):
                return _decode_tiff16(data)
            with Image.open(io.BytesIO(data)) as image:
                if image.format == "PNG" and data[24] == 16:   # IHDR; PIL's mode does not tell for colour pictures
                    pixels = _oriented(_decode_png16(data), _orientation(image))
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
    except Exception as error:   # decoders raise nearly anything on damaged data
        raise InputError(f"{name}: damaged or not readable as a picture ({first_line(error)})") from None


def write(path: str | os.PathLike, picture: Picture) -> None:
    """Write PNG, JPEG, WebP or TIFF by suffix, whole or not at all; 16 bits become 8 where the format has no more.

    Raises InputError for another suffix, alpha in a JPEG, or a side longer than the format allows.
    """
    path, pixels = Path(path), picture.pixels
    kind = _check_kind(path, pixels.shape)
    with replacing(path) as temporary:
        if pixels.dtype == np.uint16 and kind in ("PNG", "TIFF"):
            _write16(temporary, picture, kind)
        else:
            to_pil(Picture(to_depth(pixels, np.uint8))).save(temporary, kind, icc_profile=picture.icc, **OPTIONS[kind])


def check_target(path: str | os.PathLike, shape: tuple[int, int, int]) -> None:
    """Raise what `write` would say of a picture (H, W, C), before the work of making it."""
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
    """The format that a file name asks for; raises InputError if it is none that we write."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"{path}: cannot write {suffix or 'a file without suffix'}; use one of {', '.join(FORMATS)}")
    return FORMATS[suffix]


def from_pil(image: Image.Image) -> Picture:
    """An 8-bit PIL picture, upright; palettes, bitmaps and CMYK become RGB or gray. Raises InputError for another or none."""
    if 0 in image.size:
        raise InputError(f"the picture is empty: {image.width} x {image.height} pixels")
    if image.mode in ("I", "F") or image.mode.startswith("I;"):
        raise InputError(f"holds {image.mode!r} pixels; convert it to 8 or 16 bits per channel first")
    icc = image.info.get("icc_profile")
    orientation = _orientation(image) if image.format != "TIFF" else 1   # PIL turns TIFFs itself
    if image.mode not in MODES.values() or "transparency" in image.info:
        if image.mode in ("CMYK", "LAB", "YCbCr", "HSV"):
            icc = None   # it describes the space that we leave
        alpha = "transparency" in image.info or image.mode in ("PA", "La", "RGBa")
        gray = image.mode in ("1", "L", "La")
        image = image.convert(("L" if gray else "RGB") + ("A" if alpha else ""))
    pixels = np.array(image)
    return Picture(_oriented(pixels.reshape(*pixels.shape[:2], -1), orientation), icc)


def to_pil(picture: Picture) -> Image.Image:
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
    """The same picture in 8 or 16 bits."""
    if pixels.dtype == dtype:
        return pixels
    return (pixels / np.iinfo(pixels.dtype).max * np.iinfo(dtype).max).round().astype(dtype)


def _is_16bit_tiff(data: bytes) -> bool:
    import tifffile

    if data[:4] not in TIFFS:
        return False
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return np.max(file.pages[0].bitspersample) == 16


def _decode_png16(data: bytes) -> np.ndarray:
    import imagecodecs

    return _checked16(imagecodecs.png_decode(data))


def _decode_tiff16(data: bytes) -> Picture:
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:   # PIL would cut colours to 8 bits and cannot read gray with alpha
        page = file.pages[0]
        pixels = page.asarray()
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype == np.uint16:
            pixels = np.iinfo(np.uint16).max - pixels
        elif page.photometric not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB):
            raise InputError(f"16-bit TIFF with {page.photometric.name} pixels; convert it to RGB first")
        if page.extrasamples and pixels.ndim == 3:
            pixels = _extra16(pixels, page.extrasamples)
        tags = {code: page.tags[code].value for code in (ORIENTATION, ICC_TAG) if code in page.tags}
    return Picture(_oriented(_checked16(pixels), tags.get(ORIENTATION, 1)), tags.get(ICC_TAG))


def _extra16(pixels: np.ndarray, kinds: tuple[int, ...]) -> np.ndarray:
    """(H, W, colours + extra channels): alpha made straight if it is premultiplied; what is no alpha dropped, as PIL does."""
    import tifffile

    alpha = kinds[0] in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
    pixels = pixels[..., : pixels.shape[2] - len(kinds) + alpha]
    if kinds[0] == tifffile.EXTRASAMPLE.ASSOCALPHA and pixels.dtype == np.uint16:
        most = np.iinfo(np.uint16).max
        straight = pixels[..., :-1] * (most / np.maximum(pixels[..., -1:], 1))
        pixels = np.concatenate([straight.clip(0, most).round().astype(np.uint16), pixels[..., -1:]], -1)
    return pixels


def _checked16(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint16 or pixels.ndim not in (2, 3):
        raise InputError(f"holds {pixels.dtype} pixels of shape {pixels.shape}; convert it to 8 or 16 bits per channel first")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] not in MODES:
        raise InputError(f"has {pixels.shape[2]} channels; 1 to 4 are supported")
    return pixels


def _write16(path: Path, picture: Picture, kind: str) -> None:
    pixels = _plain(picture.pixels)
    if kind == "PNG":
        import imagecodecs

        data = bytes(imagecodecs.png_encode(pixels))
        if picture.icc:   # the iCCP chunk must follow IHDR, which ends at byte 33
            body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(picture.icc)
            chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
            data = data[:33] + chunk + data[33:]
        path.write_bytes(data)
    else:
        import tifffile

        has_alpha = picture.pixels.shape[2] in (2, 4)
        tifffile.imwrite(
            path, pixels, compression="zlib", iccprofile=picture.icc, metadata=None,
            photometric="rgb" if picture.pixels.shape[2] >= 3 else "minisblack",
            planarconfig="contig" if has_alpha or picture.pixels.shape[2] == 3 else None,
            extrasamples=["unassalpha"] if has_alpha else None,
        )


def _plain(pixels: np.ndarray) -> np.ndarray:
    """As image libraries want it: no axis for a single channel."""
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def _orientation(image: Image.Image) -> int:
    """As EXIF says; upright where that is damaged, which is no reason not to read the pixels."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:   # PIL raises nearly anything
        return 1


def _oriented(pixels: np.ndarray, orientation: int) -> np.ndarray:
    turn = {
        2: lambda a: a[:, ::-1], 3: lambda a: a[::-1, ::-1], 4: lambda a: a[::-1], 5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].swapaxes(0, 1), 8: np.rot90,
    }
    return np.ascontiguousarray(turn.get(orientation, lambda a: a)(pixels))
