"""Draw the picture of the README: `python -m ipe_sr.benchmarks.readme_picture [--out notebooks/readme.png]`.

The picture shows one detail of a photograph four times: the low-resolution input, bicubic interpolation, the default weights,
and the original. The number below each is its PSNR in dB over the detail (RGB, 8 bits). The command prints the PSNR of the
detail and of the whole photograph. The detail was chosen because it shows the gain; `ipe-sr evaluate` measures whole sets.
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from skimage.metrics import peak_signal_noise_ratio

from ipe_sr import figures, files, upscaling
from ipe_sr.benchmarks import command
from ipe_sr.imaging import resample, samples

PHOTO = "astronaut"                                  # NASA, public domain
DETAIL = (slice(380, 508), slice(208, 336))          # rows and columns: straps and a buckle
SCALE = 4
INPUT, BICUBIC, OURS, ORIGINAL = VERSIONS = ("input, enlarged", "bicubic", "ipe-liif-cell", "original")


def versions() -> dict[str, np.ndarray]:
    """The whole photograph in each of `VERSIONS`: (H, W, 3) uint8."""
    original = samples.image(PHOTO)
    lr = resample.imresize(original, tuple(n // SCALE for n in original.shape[:2]))
    size = original.shape[:2]
    return {
        INPUT: lr.repeat(SCALE, 0).repeat(SCALE, 1),
        BICUBIC: upscaling.upscale(lr, size=size, model="bicubic"),
        OURS: upscaling.upscale(lr, size=size, model="ipe-liif-cell"),
        ORIGINAL: original,
    }


def quality(pictures: dict[str, np.ndarray]) -> dict[str, float]:
    """PSNR in dB of each version but the original, over all values of all pixels."""
    return {
        name: peak_signal_noise_ratio(pictures[ORIGINAL], pictures[name]) for name in VERSIONS if name != ORIGINAL
    }


def draw(details: dict[str, np.ndarray]) -> Figure:
    """The four versions side by side, each with its name above it and its PSNR below it."""
    decibels = quality(details)
    fig, axes = figures.panels(columns=len(details), height=2.35)
    for ax, (name, detail) in zip(axes[0], details.items(), strict=True):
        ax.imshow(detail, interpolation="nearest")
        ax.set(xticks=[], yticks=[], title=name, xlabel=f"{decibels[name]:.1f} dB" if name in decibels else "")
        ax.grid(False)
        ax.spines[:].set_visible(False)
    return fig


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--out", type=Path, default=Path("notebooks/readme.png"), help="the PNG file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with files.replacing(options.out) as temporary:   # a path that cannot be written is refused before the work
        whole = versions()
        details = {name: picture[DETAIL] for name, picture in whole.items()}
        temporary.write_bytes(figures.png(draw(details)))
    for part, pictures in (("detail", details), ("whole photograph", whole)):
        print(f"{part}: " + ", ".join(f"{name} {psnr:.2f} dB" for name, psnr in quality(pictures).items()))


if __name__ == "__main__":
    command.run(main)
