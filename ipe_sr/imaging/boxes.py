"""The few facts that are read from the boxes of JPEG 2000, AVIF and HEIC files, which PIL does not tell."""

import struct
from typing import NamedTuple

SIZE_MARKER = b"\xff\x4f\xff\x51"          # the first two markers of a JPEG 2000 code stream
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")


class Component(NamedTuple):
    """bits, signed: of a number.   step: distance between samples, x and y."""

    bits: int
    signed: bool
    step: tuple[int, int]


def jpeg_2000_components(data: bytes) -> list[Component]:
    """The channels that a JPEG 2000 file states. Raises ValueError if it states none."""
    at = data.index(SIZE_MARKER)
    try:
        count = struct.unpack_from(">H", data, at + 40)[0]
        stated = [struct.unpack_from(">BBB", data, at + 42 + 3 * i) for i in range(min(count, 5))]
    except struct.error:
        raise ValueError("its header is cut off") from None
    return [Component((kind & 127) + 1, kind > 127, (x, y)) for kind, x, y in stated]


def jpeg_2000_profile(data: bytes) -> bytes | None:
    """The ICC profile of a JPEG 2000 file."""
    for method in (b"colr\2", b"colr\3"):
        at = data.find(method, 0, data.find(SIZE_MARKER))
        if at >= 4:
            profile = data[at + 7 : at - 4 + struct.unpack_from(">I", data, at - 4)[0]]
            if len(profile) > 128 and struct.unpack_from(">I", profile)[0] == len(profile):
                return profile
    return None


def colour_codes(data: bytes) -> tuple[int, int] | None:
    """(primaries, transfer) of H.273 in an AVIF or HEIC file."""
    at = data.find(b"colrnclx")
    return struct.unpack_from(">HH", data, at + 8) if 0 <= at <= len(data) - 12 else None


def bits_per_channel(data: bytes) -> int:
    """Of an AVIF file, where it says so; else 8."""
    at = data.find(b"pixi\0\0\0\0")
    return data[at + 9] if 0 <= at < len(data) - 9 else 8


def is_heic(data: bytes) -> bool:
    return data[4:8] == b"ftyp" and data[8:12] in HEIC_BRANDS
