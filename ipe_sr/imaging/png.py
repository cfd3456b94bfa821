"""What PIL does not read of a PNG file: codes of its colours, and profiles of more than 1 MB."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_PROFILE = 64 << 20   # bytes; real ones have up to 10 MB
TEXTS = (b"iCCP", b"zTXt", b"iTXt", b"tEXt")


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(kind, body, the whole chunk) of each chunk, up to the end or to where the file is damaged."""
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + length > len(data):
            return
        yield kind, data[at + 8 : at + 8 + length], data[at : at + 12 + length]
        at += 12 + length


def colour_codes(data: bytes) -> tuple[int, int] | None:
    """(primaries, transfer) of H.273 in a cICP chunk, which comes before the pixels."""
    for kind, body, _ in chunks(data):
        if kind == b"cICP" and len(body) == 4:
            return body[0], body[1]
        if kind == b"IDAT":
            break
    return None


def profile(data: bytes) -> bytes | None:
    """The ICC profile, of up to `LARGEST_PROFILE` bytes; None if there is none or it is damaged."""
    body = next((body for kind, body, _ in chunks(data) if kind == b"iCCP"), b"")
    packed = body[body.find(b"\0") + 2 :]
    unpack = zlib.decompressobj()
    try:
        made = unpack.decompress(packed, LARGEST_PROFILE)
    except zlib.error:
        return None
    return made if unpack.eof and made else None


def without_texts(data: bytes) -> bytes:
    """The file without its texts and its profile, of which PIL reads 1 MB and no more."""
    return SIGNATURE + b"".join(whole for kind, _, whole in chunks(data) if kind not in TEXTS)


def with_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """The file with one more chunk, behind its header."""
    head = len(SIGNATURE) + 25   # IHDR has 13 bytes, and 12 around them
    whole = kind + body
    return data[:head] + struct.pack(">I", len(body)) + whole + struct.pack(">I", zlib.crc32(whole)) + data[head:]
