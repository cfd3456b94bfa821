"""From pixels to picture files: formats by suffix, their limits, their options, and the metadata that they can hold."""

import io
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import features

from ipe_sr.errors import InputError
from ipe_sr.files import check_writable, replacing
from ipe_sr.imaging import sixteen_bit
from ipe_sr.imaging.metadata import MAKER_NOTE, Metadata
from ipe_sr.imaging.pixels import Picture, to_depth, to_pil

FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".avif": "AVIF",
}
QUALITIES = {"JPEG": 95, "WEBP": 95, "AVIF": 90}
LONGEST_SIDE = {"JPEG": 65500, "WEBP": 16383, "AVIF": 65536}   # libjpeg's limit is below the format's
MOST_BYTES = {"TIFF": (1 << 32) - (1 << 20)}                   # of pixels: places in a TIFF are numbers of 32 bits
SEGMENT = 65533 - 30                                           # bytes of EXIF or XMP that a JPEG can hold
STREAM = Path("-")                                             # standard output


class Encoding(NamedTuple):
    """How a picture is stored.   kind: "PNG", "JPEG", "WEBP", "TIFF" or "AVIF"; None takes it from the file's suffix.

    quality: 1 to 100, of JPEG, WebP and AVIF; None is nearly lossless.   lossless: of WebP.
    """

    kind: str | None = None
    quality: int | None = None
    lossless: bool = False


DEFAULT = Encoding()


def write(path: str | os.PathLike, picture: Picture, encoding: Encoding = DEFAULT) -> None:
    """Writes a picture atomically; "-" is standard output. 16 bits become 8 in JPEG, WebP and AVIF, and a warning says so.

    Raises InputError as `check_target`.
    """
    path = Path(path)
    kind = _check_kind(path, picture.pixels.shape, picture.pixels.dtype, encoding)
    about, notes = _fitting(picture.metadata, kind)
    if picture.pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        notes.append(f"{kind} has 8 bits per channel, to which 16 are rounded")
    data = _encoded(picture._replace(metadata=about), kind, encoding)
    if path == STREAM:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    elif _is_special(path):
        path.write_bytes(data)
    else:
        with replacing(path) as temporary:
            temporary.write_bytes(data)
    if notes:
        warnings.warn(f"{path}: {'; '.join(notes)}", stacklevel=2)


def check_target(
    path: str | os.PathLike, shape: tuple[int, int, int], dtype: type | np.dtype = np.uint8, encoding: Encoding = DEFAULT
) -> None:
    """Raises the InputError that `write` would raise for a picture (H, W, C). Call it before the picture is computed.

    These are: an unknown suffix, alpha in a JPEG, a side longer than the format allows, and a path that cannot be written.
    """
    _check_kind(path, shape, dtype, encoding)
    if Path(path) != STREAM and not _is_special(Path(path)):
        check_writable(path)


def check_suffix(path: str | os.PathLike, encoding: Encoding = DEFAULT) -> str:
    """The format in which a file is written. Raises InputError for one that `write` does not know, and for a bad option."""
    suffix = Path(path).suffix.lower()
    kind = encoding.kind or FORMATS.get(suffix)
    if kind is None:
        raise InputError(f"{path}: cannot write {suffix or 'a file without suffix'}; use one of {', '.join(FORMATS)}")
    if kind == "AVIF" and not features.check("avif"):
        raise InputError(f"{path}: this version of Pillow cannot write AVIF; use .webp, or pip install 'pillow>=11.3'")
    if encoding.lossless and kind not in ("WEBP", "PNG", "TIFF"):
        raise InputError(f"{path}: {kind} is not lossless; use .png, .webp or .tif")
    if encoding.quality is not None and (kind not in QUALITIES or encoding.lossless):
        raise InputError(f"{path}: a lossless file has no quality; use .jpg, .webp or .avif")
    return kind


def _check_kind(path: str | os.PathLike, shape: tuple[int, int, int], dtype: type | np.dtype, encoding: Encoding) -> str:
    kind = check_suffix(path, encoding)
    if kind == "JPEG" and shape[2] in (2, 4):
        raise InputError(f"{path}: JPEG has no alpha channel, which the picture has; use .png, .webp or .tif")
    if max(shape[:2]) > LONGEST_SIDE.get(kind, (1 << 31) - 1):
        raise InputError(f"{path}: {kind} allows {LONGEST_SIDE.get(kind, (1 << 31) - 1)} pixels a side; use .png or .tif")
    if shape[0] * shape[1] * shape[2] * np.dtype(dtype).itemsize > MOST_BYTES.get(kind, 1 << 62):
        raise InputError(f"{path}: {kind} holds up to 4 GiB of pixels; use .png")
    return kind


def _is_special(path: Path) -> bool:
    """Whether this is a pipe or a device, such as /dev/stdout, which cannot be replaced by a file."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _fitting(about: Metadata, kind: str) -> tuple[Metadata, list[str]]:
    """The metadata that a format can hold, and what is left out, in words."""
    lost = list(about.lost)
    if kind == "JPEG":
        if len(about.exif or b"") > SEGMENT:
            about = about.without(MAKER_NOTE)
            lost.append("the camera maker's notes, which are too long for JPEG")
        if len(about.exif or b"") > SEGMENT:
            about = replace(about, exif=None)
            lost.append("EXIF data, which are too long for JPEG")
        if len(about.xmp or b"") > SEGMENT:
            about = replace(about, xmp=None)
            lost.append("XMP data, which are too long for JPEG")
        if len((about.comment or "").encode()) > SEGMENT:
            about = replace(about, comment=None)
            lost.append("a comment, which is too long for JPEG")
    if kind in ("WEBP", "AVIF") and about.comment:
        lost.append(f"a comment, which {kind} cannot hold")
    return about, [f"left out: {', '.join(lost)}"] if lost else []


def _encoded(picture: Picture, kind: str, encoding: Encoding) -> bytes:
    pixels, icc, about = picture.pixels, picture.icc, picture.metadata
    if pixels.dtype == np.uint16 and kind == "PNG":
        return sixteen_bit.png_bytes(pixels, icc, about)
    if kind == "TIFF":
        return sixteen_bit.tiff_bytes(pixels, icc, about)
    image = to_pil(Picture(to_depth(pixels, np.uint8)))
    file = io.BytesIO()
    image.save(file, kind, icc_profile=icc, **_options(about, kind, encoding))
    return file.getvalue()


def _options(about: Metadata, kind: str, encoding: Encoding) -> dict:
    """The options of PIL's writer."""
    tags = about.tags()
    options: dict = {"exif": tags} if len(tags) else {}
    if about.resolution and kind in ("PNG", "JPEG"):
        options["dpi"] = about.resolution
    if kind == "PNG":
        return options | {"pnginfo": _texts(about)}
    if about.xmp:
        options["xmp"] = about.xmp
    if kind == "JPEG":
        options |= {"subsampling": 0} | ({"comment": about.comment} if about.comment else {})
    if kind == "WEBP":
        options |= {"exact": True, "lossless": encoding.lossless}
    if kind == "AVIF":
        options["subsampling"] = "4:4:4"
    return options if encoding.lossless else options | {"quality": encoding.quality or QUALITIES[kind]}


def _texts(about: Metadata):
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    if about.xmp:
        texts.add_itxt("XML:com.adobe.xmp", about.xmp.decode("utf-8", "replace"))
    if about.comment:
        texts.add_itxt("Comment", about.comment)
    return texts
