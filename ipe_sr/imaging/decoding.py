"""From the bytes of a picture file to pixels, whatever the format. All limits hold before anything is allocated."""

import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from ipe_sr import memory
from ipe_sr.errors import InputError, first_line
from ipe_sr.imaging import boxes, colour, jpeg_xl, metadata, pixels, png, quiet, sixteen_bit
from ipe_sr.imaging.pixels import Picture
from ipe_sr.imaging.sixteen_bit import TIFFS

STREAM = Path("-")           # standard input
BYTES_PER_PIXEL = 4 * 2 * 2  # of a decoded picture at most: four channels of 16 bits, and a copy of them
COPIES_OF_FILE = 2           # while it is decoded


def read(path: str | os.PathLike) -> Picture:
    """The picture in a file; "-" is standard input. See `decode`. Raises InputError if the file cannot be read, too."""
    path = Path(path)
    if path == STREAM:
        return decode(sys.stdin.buffer.read(), "standard input")
    check_file(path)
    try:
        memory.check(COPIES_OF_FILE * os.path.getsize(path), f"{path}: reading it", "it is hardly a picture")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return decode(data, str(path))


def check_file(path: Path) -> None:
    """Raises InputError if there is no such file. Pipes and devices are files, too."""
    if path.is_dir() or not path.exists():
        raise InputError(f"{path}: " + ("is a folder, not a picture" if path.is_dir() else "no such file"))


def decode(data: bytes, name: str) -> Picture:
    """The first picture in the bytes of a file, turned upright by its EXIF orientation; 16 bits are kept.

    name: what messages call the file. One warning says what of the picture is left out. Raises InputError if the bytes are
    empty, damaged, or no picture; if the picture exceeds PIL's limit for safety or the free memory; and if its pixels have 32
    bits.
    """
    if not data:
        raise InputError(f"{name}: is empty")
    try:
        with quiet.libraries(), quiet.pil_warnings():
            picture = _decode(data)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Image.DecompressionBombError:
        raise InputError(
            f"{name}: has more than {most_pixels() // 1_000_000} million pixels, the limit for safety; cut it up first, or "
            "raise the limit with --max-pixels"
        ) from None
    except Image.UnidentifiedImageError:
        raise InputError(f"{name}: {_unknown(data)}") from None
    except MemoryError:
        raise InputError(f"{name}: decoding it takes more memory than is free") from None
    except Exception as error:   # decoders raise errors of many kinds on damaged data
        raise InputError(f"{name}: damaged or not readable as a picture ({first_line(error)})") from None
    if picture.notes:
        warnings.warn(f"{name}: {'; '.join(picture.notes)}", stacklevel=2)
    return picture


def most_pixels() -> float:
    """How many pixels a picture may have that is read."""
    return float("inf") if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS   # PIL warns at half of its limit


def set_most_pixels(count: int) -> None:
    """Changes `most_pixels` for the whole process."""
    Image.MAX_IMAGE_PIXELS = -(-count // 2)


def _decode(data: bytes) -> Picture:
    if jpeg_xl.is_one(data):
        whole, image, notes = jpeg_xl.decode(data)
        about = metadata.of_pil(image) if image else metadata.Metadata()
        return Picture(whole, image.info.get("icc_profile") if image else None, about, notes)
    if data[:4] in TIFFS and (deep := sixteen_bit.decode_tiff(data)):
        return _deep_tiff(data, *deep)
    if boxes.is_heic(data):
        _read_heic()
    with _opened(data) as image:
        memory.check(BYTES_PER_PIXEL * image.width * image.height, "decoding it", "free some memory or cut it up")
        image.load()   # before anything else is asked: PIL reports damaged data once and no more
        if image.format == "PNG":
            return _png(data, image)
        if image.format == "JPEG2000":
            return _jpeg_2000(data, image)
        picture = pixels.from_pil(image)
        if image.format in ("AVIF", "HEIF"):
            return _of_video_format(data, picture)
        return picture


def _opened(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data))
    except ValueError as error:
        if "text chunks" not in str(error) and "MAX_TEXT_CHUNK" not in str(error):
            raise
        image = Image.open(io.BytesIO(png.without_texts(data)))
        image.info["icc_profile"] = png.profile(data)
        return image


def _deep_tiff(data: bytes, whole: np.ndarray, orientation: int, icc: bytes | None, count: int) -> Picture:
    notes = (f"only the first of {count} pages is read",) if count > 1 else ()
    try:
        with Image.open(io.BytesIO(data)) as image:   # PIL reads the tags of most kinds of TIFF whose pixels it does not read
            about = metadata.of_pil(image)
    except (Image.UnidentifiedImageError, OSError, SyntaxError, ValueError):
        about = metadata.Metadata(lost=("the metadata of this kind of TIFF",))
    return Picture(pixels.oriented(whole, orientation), icc, about, notes)


def _png(data: bytes, image: Image.Image) -> Picture:
    picture = pixels.from_pil(image)
    if sixteen_bit.is_png(data):
        plain = png.without_texts(data)
        picture = picture._replace(pixels=pixels.oriented(sixteen_bit.decode_png(plain), pixels.orientation(image)))
    gray = picture.pixels.shape[2] < 3
    codes, icc, note = png.colour_codes(data), picture.icc, None
    if codes:   # it overrules the other chunks
        icc, note = colour.of_codes(*codes, gray)
    elif not icc:
        icc, note = colour.of_png(image.info, gray)
    return picture._replace(icc=icc, notes=picture.notes + ((note,) if note else ()))


def _jpeg_2000(data: bytes, image: Image.Image) -> Picture:
    picture, parts = pixels.from_pil(image), boxes.jpeg_2000_components(data)
    icc = boxes.jpeg_2000_profile(data)
    if all((part.bits, part.signed) == (8, False) for part in parts):
        return picture._replace(icc=icc)
    return picture._replace(pixels=sixteen_bit.decode_jpeg_2000(data, parts), icc=icc)


def _of_video_format(data: bytes, picture: Picture) -> Picture:
    """With the profile that H.273's codes mean, and a note of the depth that PIL cuts."""
    notes, bits, icc = picture.notes, boxes.bits_per_channel(data), picture.icc
    if not icc and (codes := boxes.colour_codes(data)):
        icc, note = colour.of_codes(*codes, picture.pixels.shape[2] < 3)
        notes += (note,) if note else ()
    if bits > 8:
        notes += (f"its {bits} bits per channel are read as 8",)
    return picture._replace(icc=icc, notes=notes)


def _read_heic() -> None:
    """Makes PIL read HEIC. Raises InputError without the package that can."""
    try:
        import pillow_heif
    except ImportError:
        raise InputError(
            "a HEIC picture, which needs the package pillow-heif: pip install 'ipe_sr[formats]', or convert it to JPEG or PNG"
        ) from None
    pillow_heif.register_heif_opener()


def _unknown(data: bytes) -> str:
    if data[:4] in TIFFS:
        return "a kind of TIFF that is not read; convert it to 8 or 16 bits per channel first"
    return "not a picture that can be read (PNG, JPEG, WebP, TIFF and others can)"
