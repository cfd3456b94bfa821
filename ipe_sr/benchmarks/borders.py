"""Compare models at the border of the picture with their inside: `python -m ipe_sr.benchmarks.borders`.

Each line shows one model: the PSNR in dB over RGB in a rim of 4 pixels and in the rest of the picture, and the gain over
bicubic interpolation in both. How hard the rim is depends on the pictures, so the gains tell whether a model is worse at the
border.
"""

import numpy as np
import torch

from ipe_sr import models, render
from ipe_sr.benchmarks import command
from ipe_sr.imaging import datasets, images, resample


def rim_and_inside(network: torch.nn.Module, data: str, scale: int, rim: int) -> tuple[float, float]:
    """PSNR over the pictures' rims, and over the rest: of the mean squared error over all pictures."""
    errors: tuple[list, list] = ([], [])
    for path in datasets.find(data).hr:
        hr, lr_size = datasets.fit(path, datasets.colours(path), scale)
        lr = images.to_tensor(resample.imresize(hr, lr_size)).expand(3, -1, -1)
        with torch.inference_mode():
            sr = render.render(network, lr[None], hr.shape[:2])[0].clamp(0, 1)
        square = (sr - images.to_tensor(hr)).square().mean(0).numpy()              # (H, W)
        inside = np.zeros(square.shape, bool)
        inside[rim:-rim, rim:-rim] = True
        errors[0].append(square[~inside])
        errors[1].append(square[inside])
    return tuple(-10 * np.log10(np.concatenate(some).mean()) for some in errors)


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names or checkpoints; default: all released")
    parser.add_argument("--data", default="set5", metavar="SET", help="a test set")
    parser.add_argument("--scale", type=int, default=4, help="the upscaling factor")
    parser.add_argument("--rim", type=int, default=4, help="the width of the rim in pixels")
    asked = parser.parse_args()
    base = rim_and_inside(models.load("bicubic"), asked.data, asked.scale, asked.rim)
    print(f"{'':20} {'rim':>6} {'inside':>7} {'gain at the rim':>16} {'gain inside':>12}")
    print(f"{'bicubic':20} {base[0]:6.2f} {base[1]:7.2f}", flush=True)
    for name in asked.models or [name for name in models.released() if name != "bicubic"]:
        found = rim_and_inside(models.load(name), asked.data, asked.scale, asked.rim)
        print(f"{name:20} {found[0]:6.2f} {found[1]:7.2f} {found[0] - base[0]:+16.2f} {found[1] - base[1]:+12.2f}", flush=True)


if __name__ == "__main__":
    command.run(main)
