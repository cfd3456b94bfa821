"""16-bit PNG and TIFF files, which PIL cuts to 8 bits or does not read. All arrays are (H, W, C) uint16, C = 1 to 4."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from ipe_sr.errors import InputError

TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")   # the first bytes of a TIFF
ORIENTATION, ICC_TAG = 0x0112, 0x8773              # tags of EXIF and TIFF
MOST_SAMPLES = 6                                   # channels in a TIFF; PIL has the same limit


def check_size(width: int, height: int) -> None:
    """Raises PIL's DecompressionBombError above PIL's limit. Each decoder other than PIL needs this before it allocates."""
    if Image.MAX_IMAGE_PIXELS is not None and width * height > 2 * Image.MAX_IMAGE_PIXELS:
        raise Image.DecompressionBombError


def is_png(data: bytes) -> bool:
    """Whether a PNG has 16 bits per channel. PIL's mode does not tell for colours, but the IHDR chunk comes first."""
    return data[24] == 16


def decode_png(data: bytes) -> np.ndarray:
    """The pixels of a 16-bit PNG. Raises InputError for other than 1 to 4 channels."""
    import imagecodecs

    check_size(*struct.unpack(">II", data[16:24]))
    return _checked(imagecodecs.png_decode(data))


def decode_tiff(data: bytes) -> tuple[np.ndarray, int, bytes | None] | None:
    """(pixels, orientation, ICC profile) of the first page of a TIFF, or None if it does not have 16 bits per channel.

    Alpha is made straight if it is premultiplied; other extra channels are dropped, as PIL does. Raises
    DecompressionBombError if the page or a tile of it is too large, at any depth: PIL does not look at tiles. Raises
    InputError for pixels that are not unsigned integers, gray or RGB.
    """
    import imagecodecs
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        check_size(page.imagewidth, page.imagelength * page.imagedepth)
        check_size(page.tilewidth, page.tilelength * page.tiledepth)   # 0 without tiles
        if page.samplesperpixel > MOST_SAMPLES:
            raise InputError(f"has {page.samplesperpixel} channels; 1 to 4 are supported")
        if np.max(page.bitspersample) != 16:
            return None
        if page.dtype != np.uint16:
            raise InputError(f"holds {page.dtype} pixels; convert it to 8 or 16 bits per channel first")
        kinds = tifffile.PHOTOMETRIC
        if page.photometric not in (kinds.MINISWHITE, kinds.MINISBLACK, kinds.RGB):
            raise InputError(f"16-bit TIFF with {page.photometric.name} pixels; convert it to RGB first")
        if page.compression in tifffile.TIFF.IMAGE_COMPRESSIONS:   # such a segment is a picture of a size of its own
            raise InputError(f"16-bit TIFF with {page.compression.name} compression; convert it to LZW or deflate first")
        pixels = imagecodecs.tiff_decode(data, index=0)   # libtiff decodes no more than a segment should hold
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        if page.photometric == kinds.MINISWHITE:
            pixels = np.iinfo(np.uint16).max - pixels
        if page.extrasamples and pixels.ndim == 3:
            pixels = _straight(pixels, page.extrasamples)
        tags = {code: page.tags[code].value for code in (ORIENTATION, ICC_TAG) if code in page.tags}
    return _checked(pixels), tags.get(ORIENTATION, 1), tags.get(ICC_TAG)


def _straight(pixels: np.ndarray, kinds: tuple[int, ...]) -> np.ndarray:
    """(H, W, colours + extra channels) -> (H, W, colours [+ straight alpha]).   kinds: TIFF's kind of each extra channel."""
    import tifffile

    alpha = kinds[0] in (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
    pixels = pixels[..., : pixels.shape[2] - len(kinds) + alpha]
    if kinds[0] == tifffile.EXTRASAMPLE.ASSOCALPHA:
        most = np.iinfo(np.uint16).max
        straight = pixels[..., :-1] * (most / np.maximum(pixels[..., -1:], 1))
        pixels = np.concatenate([straight.clip(0, most).round().astype(np.uint16), pixels[..., -1:]], -1)
    return pixels


def _checked(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint16 or pixels.ndim not in (2, 3):
        raise InputError(f"holds {pixels.dtype} pixels of shape {pixels.shape}; convert it to 8 or 16 bits per channel first")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if not 1 <= pixels.shape[2] <= 4:
        raise InputError(f"has {pixels.shape[2]} channels; 1 to 4 are supported")
    return pixels


def write_png(path: Path, pixels: np.ndarray, icc: bytes | None) -> None:
    """Writes a 16-bit PNG."""
    import imagecodecs

    data = bytes(imagecodecs.png_encode(pixels))
    if icc:   # the iCCP chunk must follow IHDR, which ends at byte 33
        body = b"iCCP" + b"ICC profile\0\0" + zlib.compress(icc)
        chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
        data = data[:33] + chunk + data[33:]
    path.write_bytes(data)


def write_tiff(path: Path, pixels: np.ndarray, icc: bytes | None) -> None:
    """Writes a 16-bit TIFF with deflate compression."""
    import tifffile

    channels = pixels.shape[2]
    tifffile.imwrite(
        path, pixels.squeeze(-1) if channels == 1 else pixels, compression="zlib", iccprofile=icc, metadata=None,
        photometric="rgb" if channels >= 3 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
    )
