"""The pictures of an evaluation as files, and one row of figures for each of them.

    FOLDER/SET/x2/NAME.png          the super-resolved picture, 8 bits
    FOLDER/SET/x2/NAME-error.png    its absolute error, the mean over the colours: black is 0, yellow is 0.1 or more
    FOLDER/pictures.csv             the figures
"""

import csv
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from torch import Tensor

from ipe_sr import files
from ipe_sr.evaluation import Observation
from ipe_sr.imaging import images

FULL_ERROR = 0.1   # an error this large, and any larger one, has the brightest colour


@dataclass(frozen=True)
class Row:
    """The figures of one picture.   lr_psnr: dB, see `evaluation.consistency`.   seconds: of super-resolving it."""

    data: str
    scale: float
    picture: str
    lr: str
    height: int
    width: int
    protocol: str
    psnr: float
    ssim_convention: str
    ssim: float
    lr_psnr: float
    seconds: float


def row(seen: Observation) -> Row:
    height, width = seen.sr.shape[-2:]
    return Row(
        seen.data, seen.scale, seen.score.name, seen.origin, height, width, seen.protocol, round(seen.score.psnr, 4),
        seen.ssim_convention, round(seen.score.ssim, 6), round(seen.consistency(), 4), round(seen.seconds, 4),
    )


def write_csv(rows: list[Row], path: Path) -> None:
    """Write a table with a header to a file, atomically."""
    names = [field.name for field in fields(Row)]
    with files.replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *([getattr(r, name) for name in names] for r in rows)])


def save(seen: Observation, folder: Path) -> None:
    """Write a picture and its error map below the folder."""
    place = folder / Path(seen.data).name / f"x{seen.scale:g}"
    files.make_folder(place)
    for suffix, pixels in (("", images.to_pixels(seen.sr)), ("-error", error_map(seen.sr, seen.hr))):
        with files.replacing(place / f"{seen.score.name}{suffix}.png") as temporary:
            images.write(temporary, images.Picture(pixels))


def error_map(sr: Tensor, hr: Tensor) -> np.ndarray:
    """(C, H, W) twice, in [0, 1]  ->  (H, W, 3) uint8, in the colours of cividis."""
    from matplotlib import colormaps

    error = (sr.clamp(0, 1) - hr).abs().mean(0).numpy() / FULL_ERROR
    return (colormaps["cividis"](error.clip(0, 1))[..., :3] * 255).round().astype(np.uint8)
