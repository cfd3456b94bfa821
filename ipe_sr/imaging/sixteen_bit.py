"""16-bit PNG, TIFF and JPEG 2000 files, which PIL cuts to 8 bits or does not read. All arrays are (H, W, C), C = 1 to 4.

TIFFs of 8 bits are written here, too, since PIL's writer loses EXIF's inner directories where it compresses.
"""

import io
import logging
import struct
import zlib

import numpy as np
from PIL import Image

from ipe_sr import memory
from ipe_sr.errors import InputError
from ipe_sr.imaging import png
from ipe_sr.imaging.boxes import Component
from ipe_sr.imaging.metadata import DESCRIPTION, EXIF_TAG, GPS_TAG, ICC_TAG, ORIENTATION, XMP_TAG, Metadata

TIFFS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")   # the first bytes of a TIFF
MOST_SAMPLES = 6                                   # channels in a TIFF; PIL has the same limit
MOST_BYTES = 8                                     # of a pixel of four channels
logging.getLogger("tifffile").addHandler(logging.NullHandler())   # else it prints lines about damaged files


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


def decode_tiff(data: bytes) -> tuple[np.ndarray, int, bytes | None, int] | None:
    """(pixels, orientation, ICC profile, number of pages) of a TIFF, or None if its first page does not have 16 bits per
    channel.

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
        memory.check(2 * MOST_BYTES * page.imagewidth * page.imagelength, "decoding it", "free some memory or cut it up")
        pixels = imagecodecs.tiff_decode(data, index=0)   # libtiff decodes no more than a segment should hold
        if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and pixels.ndim == 3:
            pixels = np.moveaxis(pixels, 0, -1)
        if page.photometric == kinds.MINISWHITE:
            pixels = np.iinfo(np.uint16).max - pixels
        if page.extrasamples and pixels.ndim == 3:
            pixels = _straight(pixels, page.extrasamples)
        tags = {code: page.tags[code].value for code in (ORIENTATION, ICC_TAG) if code in page.tags}
        count = len(file.pages)
    return _checked(pixels), tags.get(ORIENTATION, 1), tags.get(ICC_TAG), count


def decode_jpeg_2000(data: bytes, parts: list[Component]) -> np.ndarray:
    """The pixels of a JPEG 2000 file of other than 8 bits, over the whole range of uint8 or uint16.

    parts: what the file says of its channels. Raises InputError for numbers with a sign, and for channels that differ.
    """
    import imagecodecs

    if len(set(parts)) > 1 or parts[0].signed or parts[0].bits > 16 or parts[0].step != (1, 1):
        raise InputError("a JPEG 2000 picture whose channels differ or have a sign; convert it to PNG or TIFF first")
    pixels = np.asarray(imagecodecs.jpeg2k_decode(data))
    most = np.iinfo(np.uint8 if parts[0].bits <= 8 else np.uint16)
    whole = pixels.astype(np.float64) * (most.max / (2 ** parts[0].bits - 1))
    whole = whole.round().clip(0, most.max).astype(most.dtype)
    return _checked(whole, most.dtype)


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


def _checked(pixels: np.ndarray, dtype: type | np.dtype = np.uint16) -> np.ndarray:
    if pixels.dtype != dtype or pixels.ndim not in (2, 3):
        raise InputError(f"holds {pixels.dtype} pixels of shape {pixels.shape}; convert it to 8 or 16 bits per channel first")
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if not 1 <= pixels.shape[2] <= 4:
        raise InputError(f"has {pixels.shape[2]} channels; 1 to 4 are supported")
    return pixels


def png_bytes(pixels: np.ndarray, icc: bytes | None, about: Metadata) -> bytes:
    """A 16-bit PNG file."""
    import imagecodecs

    data = bytes(imagecodecs.png_encode(pixels))
    if about.comment:
        data = png.with_chunk(data, b"iTXt", b"Comment\0\0\0\0\0" + about.comment.encode())
    if about.xmp:
        data = png.with_chunk(data, b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + about.xmp)
    if about.exif:
        data = png.with_chunk(data, b"eXIf", about.exif)
    if about.resolution:
        per_metre = [round(number / 0.0254) for number in about.resolution]
        data = png.with_chunk(data, b"pHYs", struct.pack(">IIB", *per_metre, 1))
    if icc:
        data = png.with_chunk(data, b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    return data


def tiff_bytes(pixels: np.ndarray, icc: bytes | None, about: Metadata) -> bytes:
    """A TIFF file of 8 or 16 bits with deflate compression."""
    import tifffile

    channels, exif, file = pixels.shape[2], about.tags(), io.BytesIO()
    inner = {tag: exif.get_ifd(tag) for tag in (EXIF_TAG, GPS_TAG) if tag in exif}
    outer = {DESCRIPTION: about.comment} if about.comment else {}
    outer |= {tag: value for tag, value in exif.items() if tag not in inner}
    extra = [(XMP_TAG, "B", len(about.xmp), about.xmp, True)] if about.xmp else []
    tifffile.imwrite(
        file, pixels.squeeze(-1) if channels == 1 else pixels, compression="zlib", iccprofile=icc, metadata=None,
        photometric="rgb" if channels >= 3 else "minisblack", software=False, byteorder="<",
        planarconfig="contig" if channels > 1 else None, extratags=extra,
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        resolution=about.resolution, resolutionunit="INCH" if about.resolution else None,
    )
    return _with_tags(file.getvalue(), outer, inner)


def _with_tags(data: bytes, outer: dict, inner: dict[int, dict]) -> bytes:
    """A little-endian TIFF with more tags, and with directories of tags, which tifffile does not write.

    They go to the end, and so does a new copy of the first directory, whose entries say where they are.
    outer: tag -> value, for the first directory; what tifffile has written there stays.   inner: tag -> a directory.
    """
    begin = struct.unpack_from("<I", data, 4)[0]
    entries, following = _entries(data[begin:])
    present = {tag for tag, _ in entries}
    data += bytes(len(data) % 2)   # a directory begins at an even place
    block = _directory({tag: value for tag, value in outer.items() if tag not in present}).tobytes(len(data))
    entries += _entries(block)[0]
    data += block
    for tag, values in inner.items():
        data += bytes(len(data) % 2)
        entries.append((tag, struct.pack("<HHII", tag, 4, 1, len(data))))
        data += _directory(values, tag).tobytes(len(data))
    data += bytes(len(data) % 2)
    whole = struct.pack("<H", len(entries)) + b"".join(entry for _, entry in sorted(entries)) + following
    return data[:4] + struct.pack("<I", len(data)) + data[8:] + whole


def _directory(values: dict, group: int | None = None):
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    directory = ImageFileDirectory_v2(b"II*\0\0\0\0\0", group=group)
    for tag, value in values.items():
        if not isinstance(value, dict):
            directory[tag] = value
    return directory


def _entries(directory: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The entries of a directory with their tags, and the place of the directory that follows, as bytes."""
    count = struct.unpack_from("<H", directory)[0]
    entries = [directory[2 + 12 * i : 14 + 12 * i] for i in range(count)]
    return [(struct.unpack("<H", entry[:2])[0], entry) for entry in entries], directory[2 + 12 * count : 6 + 12 * count]
