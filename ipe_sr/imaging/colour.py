"""What the numbers of a picture mean as colours: ICC profiles, and what stands in their place in PNG and AVIF files.

A picture keeps its numbers and its profile. Where a file describes its colours in another way (gamma and chromaticities, or
the codes of ITU-T H.273), a profile of the same meaning is made. Inks (CMYK) are converted to sRGB through their profile.
"""

import io

import numpy as np
from PIL import Image, ImageCms

SRGB_GAMMA = 0.45455          # the nearest that PNG's gAMA chunk can say
D65 = (0.3127, 0.3290)
# Chromaticities x, y of red, green and blue, by H.273's code of the primaries.
PRIMARIES = {
    1: (0.64, 0.33, 0.30, 0.60, 0.15, 0.06), 9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
}
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}            # by H.273's code of the transfer
VIDEO = (1, 6, 14, 15)                       # BT.709 and its kin, which viewers show by sRGB's curve, as they do sRGB itself
UNSAID, SRGB_TRANSFER = 2, 13


def of_codes(primaries: int, transfer: int, gray: bool = False) -> tuple[bytes | None, str | None]:
    """An ICC profile for H.273's codes, None for sRGB; or what cannot be kept, in words."""
    primaries, transfer = (1 if code == UNSAID else code for code in (primaries, transfer))
    if primaries in (1, 5, 6) and transfer in (*VIDEO, SRGB_TRANSFER):
        return None, None
    if primaries not in PRIMARIES or transfer not in (*GAMMAS, *VIDEO, SRGB_TRANSFER):
        return None, f"its colours (H.273 codes {primaries} and {transfer}) are taken as sRGB"
    return profile(PRIMARIES[primaries], D65, GAMMAS.get(transfer), gray), None


def of_png(info: dict, gray: bool) -> tuple[bytes | None, str | None]:
    """The same for what PIL read from the gAMA and cHRM chunks of a PNG, which an sRGB chunk overrules."""
    gamma, points = info.get("gamma"), info.get("chromaticity")
    if "srgb" in info or not (gamma or points):
        return None, None
    points = points or (*D65, *PRIMARIES[1])
    try:
        return profile(points[2:], points[:2], 1 / gamma if gamma else None, gray), None
    except Exception:   # LittleCMS refuses impossible points with errors of its own
        return None, "its gAMA and cHRM chunks make no colour space and are left out"


def profile(primaries: tuple[float, ...], white: tuple[float, float], gamma: float | None, gray: bool = False) -> bytes:
    """An ICC profile from chromaticities x, y.   gamma: exponent from numbers to light; None is the curve of sRGB."""
    import imagecodecs

    curve = {"gamma": gamma}
    if gamma is None:
        numbers = np.linspace(0, 1, 4096)
        light = np.where(numbers <= 0.04045, numbers / 12.92, ((numbers + 0.055) / 1.055) ** 2.4)
        curve = {"transferfunction": light.astype(np.float32)}
    if gray:
        return bytes(imagecodecs.cms_profile("gray", whitepoint=white, **curve))
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, **curve))


def to_srgb(image: Image.Image, icc: bytes) -> Image.Image | None:
    """A CMYK picture as RGB through its profile; None if the profile is damaged or is not one of inks."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
