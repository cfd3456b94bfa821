"""What a picture file says beside its pixels: date, place, camera, captions and resolution.

They are copied to the enlarged picture. What describes the old pixels is changed or left out: the orientation (the pixels are
upright), the size, the thumbnail. The resolution is multiplied by the scale, so that a print keeps its size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from PIL import Image

ORIENTATION = 0x0112
WIDTH, HEIGHT, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0100, 0x0101, 0x011A, 0x011B, 0x0128
INCH, CENTIMETRE = 2, 3   # values of the resolution's unit
EXIF_WIDTH, EXIF_HEIGHT = 0xA002, 0xA003
DESCRIPTION, MAKER_NOTE = 0x010E, 0x927C
XMP_TAG, ICC_TAG, EXIF_TAG, GPS_TAG, INTEROP_TAG, IPTC_TAG = 0x02BC, 0x8773, 0x8769, 0x8825, 0xA005, 0x83BB
# Tags of a TIFF that describe how its pixels are stored. PIL lists them as if they were EXIF.
STORAGE = {
    0xFE, 0xFF, WIDTH, HEIGHT, 0x102, 0x103, 0x106, 0x10A, 0x111, ORIENTATION, 0x115, 0x116, 0x117, 0x118, 0x119, X_RESOLUTION,
    Y_RESOLUTION, 0x11C, RESOLUTION_UNIT, 0x12D, 0x13D, 0x140, 0x141, 0x142, 0x143, 0x144, 0x145, 0x14A, 0x14C,
    0x152, 0x153, 0x154, 0x155, 0x15B, *range(0x200, 0x20A), *range(0x211, 0x215), XMP_TAG, 0x80E3, 0x80E4, IPTC_TAG, 0x8649,
    ICC_TAG, 0x935C, 0xC612,
}
XMP_NUMBERS = {"tiff:Orientation": None, "tiff:ImageWidth": 1, "exif:PixelXDimension": 1, "tiff:ImageLength": 0,
               "exif:PixelYDimension": 0}   # name -> which number of the size (H, W); None: 1


@dataclass(frozen=True)
class Metadata:
    """exif: EXIF as the bytes of a TIFF, without orientation, size, resolution and thumbnail.   xmp: an XML packet.

    comment: text.   resolution: pixels per inch along x and y.   lost: what was in the file and is not kept, in words.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    comment: str | None = None
    resolution: tuple[float, float] | None = None
    lost: tuple[str, ...] = ()

    def enlarged(self, old: tuple[int, int], new: tuple[int, int]) -> Metadata:
        """The metadata of the picture made from `old` (H, W) to `new` (H, W) pixels."""
        resolution = self.resolution and (self.resolution[0] * new[1] / old[1], self.resolution[1] * new[0] / old[0])
        return replace(self, resolution=resolution, xmp=self.xmp and _with_size(self.xmp, new), exif=self._exif_of(new))

    def _exif_of(self, size: tuple[int, int]) -> bytes | None:
        if not self.exif:
            return None
        exif = _read(self.exif)
        inner = exif.get_ifd(EXIF_TAG) if EXIF_TAG in exif else {}
        for tag, number in ((EXIF_WIDTH, size[1]), (EXIF_HEIGHT, size[0])):
            if tag in inner:
                inner[tag] = number
        return _bytes(exif)

    def without(self, tag: int) -> Metadata:
        """The same without one of the tags of EXIF's inner directory."""
        exif = _read(self.exif)
        exif.get_ifd(EXIF_TAG).pop(tag, None)
        return replace(self, exif=_bytes(exif))

    def tags(self) -> Image.Exif:
        """EXIF with the resolution, as PIL's writers take it."""
        exif = _read(self.exif) if self.exif else Image.Exif()
        if self.resolution:
            exif[X_RESOLUTION], exif[Y_RESOLUTION] = self.resolution
            exif[RESOLUTION_UNIT] = INCH
        return exif


def of_pil(image: Image.Image) -> Metadata:
    """The metadata of a picture that PIL has opened. Damaged parts are left out, and `lost` names them."""
    info, lost = image.info, []
    try:
        found = image.getexif()
        resolution, unit = [found.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION)], found.get(RESOLUTION_UNIT, INCH)
        exif, complete = _described(found)
    except Exception:   # PIL raises errors of many kinds on damaged EXIF
        resolution, unit, exif, complete = [None, None], INCH, None, False
    if not complete:
        lost.append("damaged EXIF data")
    if info.get("photoshop") or IPTC_TAG in getattr(image, "tag_v2", {}):
        lost.append("IPTC captions")
    density = info.get("dpi", ())
    if image.format == "JPEG":   # PIL says 72 where the file says nothing
        density, unit = (), unit if None not in resolution else info.get("jfif_unit", 0) + 1
        resolution = resolution if None not in resolution else info.get("jfif_density", ())
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp")
    comment = info.get("comment") or info.get("Comment")
    return Metadata(
        exif, xmp.encode() if isinstance(xmp, str) else xmp, _text(comment),
        _resolution(resolution, unit) or _resolution(density, INCH), tuple(lost),
    )


def _described(found: Image.Exif) -> tuple[bytes | None, bool]:
    """EXIF without what describes the stored pixels, and whether all else of it is there."""
    kept, complete = Image.Exif(), True
    groups = [(None, {tag: value for tag, value in found.items() if tag not in STORAGE | {EXIF_TAG, GPS_TAG}})]
    groups += [(group, found.get_ifd(group)) for group in (EXIF_TAG, GPS_TAG) if group in found]
    for group, tags in groups:
        for tag, value in tags.items():
            into = kept if group is None else kept.get_ifd(group)
            into[tag] = _writable(found.get_ifd(INTEROP_TAG) if tag == INTEROP_TAG else value)
            try:
                _bytes(kept)
            except Exception:   # values of a wrong kind fail in many ways
                del into[tag]
                complete = False
    return (_bytes(kept) if any(tags for _, tags in groups) else None), complete


def _read(data: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(data if data.startswith(b"Exif\0\0") else b"Exif\0\0" + data)
    for tags in (exif, *(exif.get_ifd(tag) for tag in (EXIF_TAG, GPS_TAG) if tag in exif)):
        tags.update({tag: _writable(value) for tag, value in tags.items()})
    return exif


class Latin1(str):
    """Text of EXIF. PIL reads its bytes as Latin-1, which keeps UTF-8 whole, but would write "?" for each byte beyond ASCII."""

    def encode(self, encoding: str = "latin-1", errors: str = "strict") -> bytes:
        return super().encode("latin-1", errors)


def _writable(value: object) -> object:
    return Latin1(value) if isinstance(value, str) else value


def _bytes(exif: Image.Exif) -> bytes:
    return exif.tobytes().removeprefix(b"Exif\0\0")


def _resolution(pair: object, unit: int) -> tuple[float, float] | None:
    """Pixels per inch; None where there is no resolution, or only the shape of a pixel."""
    try:
        x, y = (float(number) * (2.54 if unit == CENTIMETRE else 1) for number in pair)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if unit in (INCH, CENTIMETRE) and 1 < min(x, y) <= max(x, y) < 1e6 else None


def _text(comment: bytes | str | None) -> str | None:
    if isinstance(comment, bytes):
        try:
            return comment.decode("utf-8")
        except UnicodeDecodeError:
            return comment.decode("latin-1")
    return comment if isinstance(comment, str) and comment else None


def _with_size(xmp: bytes, size: tuple[int, int]) -> bytes:
    """XMP that says upright, and the new size, wherever it says an orientation or a size."""
    for name, axis in XMP_NUMBERS.items():
        number = b"1" if axis is None else str(size[axis]).encode()
        xmp = re.sub(rb"(%s\s*=\s*[\"'])\d+" % name.encode(), rb"\g<1>" + number, xmp)
        xmp = re.sub(rb"(<%s>\s*)\d+" % name.encode(), rb"\g<1>" + number, xmp)
    return xmp


