"""Sample pictures that need no download: photographs from scikit-image's wheel, and charts drawn here."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ipe_sr import files

# name -> file in scikit-image's wheel, whose data/README.txt states the terms; motorcycle is of the Middlebury 2014 stereo set
PHOTOS = {
    "astronaut": "astronaut.png",
    "brick": "brick.png",
    "coffee": "coffee.png",
    "galaxies": "hubble_deep_field.jpg",
    "gravel": "gravel.png",
    "motorcycle": "motorcycle_left.png",
    "rocket": "rocket.jpg",
    "chelsea": "chelsea.png",
}
SUPERSAMPLING = 8   # charts are averaged over 8 x 8 points a pixel: their pixels are areas


def names() -> list[str]:
    """The names of all samples, sorted."""
    return sorted([*PHOTOS, *CHARTS])


def image(name: str, size: int = 256) -> np.ndarray:
    """A sample by name: (H, W, 3) uint8.   size: edge of a chart in pixels; photographs keep their own size.

    Raises ValueError for an unknown name.
    """
    if name in CHARTS:
        coverage = CHARTS[name](size)
        return np.repeat((coverage * 255).round().astype(np.uint8)[..., None], 3, -1)
    files.note_use(path(name))
    return np.array(Image.open(path(name)).convert("RGB"))


def path(name: str) -> Path:
    """The file of a photograph. Raises ValueError for an unknown name."""
    if name not in PHOTOS:
        raise ValueError(f"sample {name!r} is unknown: use one of {', '.join(names())}")
    return Path(str(resources.files("skimage") / "data" / PHOTOS[name]))


def zone_plate(size: int, at: np.ndarray | None = None) -> np.ndarray:
    """cos(pi r^2 / size): the frequency grows with the radius, to 1/2 cycle per pixel at the middle of each edge.

    Returns (size, size) in [0, 1], where each pixel is the mean over its area. With positions `at` (n,), in pixels, it
    returns point samples (n, n) instead.
    """
    def brightness(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        return 0.5 + 0.5 * np.cos(np.pi * ((x - size / 2) ** 2 + (y - size / 2) ** 2) / size)

    if at is not None:
        return brightness(at[:, None], at[None, :])
    return _area_mean(brightness, size)


def siemens_star(size: int, spokes: int = 36) -> np.ndarray:
    """Black and white spokes that narrow towards the centre; (size, size) in [0, 1]."""
    def brightness(y: np.ndarray, x: np.ndarray) -> np.ndarray:
        y, x = y - size / 2, x - size / 2
        inside = x * x + y * y < (0.48 * size) ** 2
        return np.where(inside, np.sin(spokes * np.arctan2(y, x)) > 0, 1.0)

    return _area_mean(brightness, size)


def fine_text(size: int) -> np.ndarray:
    """Lines of text from large to barely legible, black on white; (size, size) in [0, 1]."""
    from matplotlib import font_manager  # matplotlib has fonts of its own, so the chart is the same everywhere

    font = font_manager.findfont("DejaVu Serif")
    k = SUPERSAMPLING
    page = Image.new("L", (size * k, size * k), 255)
    draw, y, height = ImageDraw.Draw(page), 0.03 * size, size / 9
    while y + height < size:
        draw.text((0.03 * size * k, y * k), "A pixel is an area, not a point. " * 8, 0, ImageFont.truetype(font, height * k))
        y, height = y + 1.35 * height, max(height * 0.8, 5)
    return np.asarray(page, np.float64).reshape(size, k, size, k).mean((1, 3)) / 255


def _area_mean(brightness: Callable[[np.ndarray, np.ndarray], np.ndarray], size: int) -> np.ndarray:
    k = SUPERSAMPLING
    at = (np.arange(size * k) + 0.5) / k
    rows = [brightness(some[:, None], at[None, :]).reshape(k, size, k).mean((0, 2)) for some in at.reshape(size, k)]
    return np.stack(rows)


CHARTS = {"zone-plate": zone_plate, "siemens-star": siemens_star, "fine-text": fine_text}
