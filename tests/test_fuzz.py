"""Damaged files by the thousand: an error of one line, or the pixels that Pillow shows. Never a traceback, never other pixels.

Each mutant is a small picture in one of eight formats, with bytes changed, cut off, doubled or moved, by a seeded generator.
"""

import io
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from ipe_sr import InputError
from ipe_sr.imaging import images, quiet
from ipe_sr.imaging.metadata import ORIENTATION

MUTANTS = 250   # of each format
KINDS = {
    "PNG": {}, "JPEG": {}, "WEBP": {}, "TIFF": {"compression": "tiff_deflate"}, "GIF": {}, "JPEG2000": {"irreversible": False},
    "AVIF": {}, "BMP": {},
}


def picture(kind: str, number: int) -> bytes:
    """A small file; its mode and size differ from number to number."""
    rng = np.random.default_rng(number)
    mode = {"JPEG": ("L", "RGB", "CMYK"), "GIF": ("P",), "BMP": ("1", "L", "RGB"), "AVIF": ("RGB",),
            "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")}.get(kind, ("L", "RGB", "RGBA"))
    mode = mode[number % len(mode)]
    base = np.kron(rng.integers(0, 256, (3, 4, 3), np.uint8), np.ones((5, 4, 1), np.uint8))
    image = Image.fromarray(base).convert(mode) if mode != "I;16" else Image.fromarray(base[..., 0].astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F] = 1 + number % 8, "Maker"
    options = KINDS[kind] | ({"exif": exif} if kind in ("PNG", "JPEG", "WEBP") else {})
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def mutant(data: bytes, rng: np.random.Generator) -> bytes:
    made, kind = bytearray(data), rng.integers(5)
    at = int(rng.integers(len(made)))
    if kind == 0:
        return bytes(made[:at])
    if kind == 1:   # a few bits
        for place in rng.integers(0, len(made), rng.integers(1, 5)):
            made[place] ^= 1 << int(rng.integers(8))
    elif kind == 2:   # some bytes
        made[at : at + 8] = rng.bytes(min(8, len(made) - at))
    elif kind == 3:   # a part moves
        part = made[at : at + 40]
        del made[at : at + 40]
        made[int(rng.integers(len(made) + 1)) : 0] = part
    else:   # the header alone, where sizes and depths are
        made[int(rng.integers(min(len(made), 64)))] = int(rng.integers(256))
    return bytes(made)


def repaired(data: bytes) -> bytes:
    """A PNG with the checksums of its chunks right, as far as it has chunks."""
    made, at = bytearray(data), 8
    while at + 12 <= len(made) and at + 12 + (length := int.from_bytes(made[at : at + 4], "big")) <= len(made):
        end = at + 8 + length
        made[end : end + 4] = zlib.crc32(made[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(made)


def shown(data: bytes) -> np.ndarray | None:
    """The pixels that Pillow shows, unturned, as (h, w, C) of 8 bits; None where it raises."""
    try:
        with quiet.libraries(), Image.open(io.BytesIO(data)) as image:
            image.load()
            if image.mode == "CMYK" and "icc_profile" in image.info:
                return None
            if image.mode.startswith("I;16"):
                return (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)[..., None]
            mode = "L" if image.mode in ("1", "L", "La", "LA") else "RGB"
            mode += "A" if image.has_transparency_data else ""
            return np.asarray(image.convert(mode)).reshape(image.height, image.width, -1)
    except Exception:
        return None


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_refused_in_one_line_or_gives_the_pixels_of_pillow(kind):
    read = refused = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for number in range(MUTANTS):
            data = mutant(picture(kind, number), np.random.default_rng([1, number]))
            if kind == "PNG" and number % 4:   # else the checksum gives nearly all away
                data = repaired(data)
            try:
                found = images.decode(data, "picture")
            except InputError as error:
                assert str(error).startswith("picture: ") and "\n" not in str(error)
                refused += 1
                continue
            read += 1
            due = shown(data)
            assert due is not None, f"mutant {number}: Pillow raises"
            found = images.to_depth(found.pixels, np.uint8) if found.pixels.dtype == np.uint8 else found.pixels >> 8
            if found.shape[:2] != due.shape[:2]:
                due = due.swapaxes(0, 1)   # turned upright
            assert found.shape == due.shape, f"mutant {number}"
            order = [np.sort(each.astype(np.int64).reshape(-1, each.shape[2]), axis=0) for each in (found, due)]
            assert np.array_equal(*order), f"mutant {number}: other pixels"   # whatever their order, which EXIF decides
    assert min(read, refused) >= MUTANTS // 50, (read, refused)
