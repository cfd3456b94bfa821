"""Measure what models do with pictures unlike those they were trained on: `python -m ipe_sr.benchmarks.limits ipe-liif-cell`.

Low-resolution pictures are made from a test set, then saved as JPEG, given noise, or blurred. Each line shows the PSNR of
bicubic interpolation over the crops (protocol benchmark), and for each MODEL the difference from it: above 0 the model helps,
below 0 it makes the damage worse. With --filter the models also get the same pictures after a light median filter.
"""

import io
import statistics
from collections.abc import Callable, Iterator

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from ipe_sr import models, render
from ipe_sr.benchmarks import command
from ipe_sr.imaging import datasets, images, metrics, resample

Damage = Callable[[np.ndarray], np.ndarray]   # (h, w, 3) uint8 -> the same


def jpeg(quality: int) -> Damage:
    def damage(pixels: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        return np.array(Image.open(file))

    return damage


def noise(sigma: float) -> Damage:
    """Gaussian noise of this standard deviation, of 255."""
    def damage(pixels: np.ndarray) -> np.ndarray:
        made = pixels + np.random.default_rng(0).normal(0, sigma, pixels.shape)
        return made.round().clip(0, 255).astype(np.uint8)

    return damage


def blur(sigma: float) -> Damage:
    """Gaussian blur of this standard deviation, in LR pixels."""
    return lambda pixels: ndimage.gaussian_filter(pixels, (sigma, sigma, 0))


def damages(qualities: list[int], sigmas: list[float], blurs: list[float]) -> Iterator[tuple[str, Damage]]:
    yield "clean", lambda pixels: pixels
    yield from ((f"JPEG {quality}", jpeg(quality)) for quality in qualities)
    yield from ((f"noise {sigma:g}", noise(sigma)) for sigma in sigmas)
    yield from ((f"blur {sigma:g}", blur(sigma)) for sigma in blurs)


def crops(data: str, scale: int, side: int) -> list[np.ndarray]:
    """The middles of a set's pictures: up to (side * scale) pixels high and wide."""
    made = []
    for path in datasets.find(data).hr:
        hr = np.broadcast_to(pixels := datasets.colours(path), (*pixels.shape[:2], 3))
        n = [scale * min(side, length // scale) for length in hr.shape[:2]]
        top, left = ((length - m) // 2 for length, m in zip(hr.shape[:2], n, strict=True))
        made.append(np.ascontiguousarray(hr[top : top + n[0], left : left + n[1]]))
    return made


@torch.inference_mode()
def mean_psnr(network: torch.nn.Module, hr: list[np.ndarray], damage: Damage, scale: int) -> float:
    """Mean PSNR over the pictures in dB."""
    found = []
    for each in hr:
        size = tuple(n // scale for n in each.shape[:2])
        lr = images.to_tensor(damage(resample.imresize(each, size)))
        sr = render.render(network, lr[None], each.shape[:2])[0]
        found.append(metrics.psnr(sr, images.to_tensor(each), "benchmark", scale))
    return statistics.fmean(found)


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a released name, or the path of a checkpoint")
    parser.add_argument("--data", default="set5", metavar="SET", help="a test set")
    parser.add_argument("--scale", type=int, default=2, help="the upscaling factor")
    parser.add_argument("--side", type=int, default=64, help="LR pixels along the side of a crop")
    parser.add_argument("--qualities", type=int, nargs="*", default=[95, 90, 75, 50], help="of JPEG")
    parser.add_argument("--noise", type=float, nargs="*", default=[2, 5, 10], help="standard deviations, of 255")
    parser.add_argument("--blur", type=float, nargs="*", default=[0.5, 1], help="standard deviations, in LR pixels")
    parser.add_argument("--filter", action="store_true", help="also with a 3x3 median filter before the models")
    asked = parser.parse_args()
    networks = {name: models.load(name) for name in asked.models}
    hr, bicubic = crops(asked.data, asked.scale, asked.side), models.load("bicubic")
    print(f"{'':10} {'bicubic':>8}  " + "  ".join(f"{name:>16}" for name in networks))
    for label, damage in damages(asked.qualities, asked.noise, asked.blur):
        base = mean_psnr(bicubic, hr, damage, asked.scale)
        cells = [f"{mean_psnr(network, hr, damage, asked.scale) - base:+16.2f}" for network in networks.values()]
        print(f"{label:10} {base:8.2f}  " + "  ".join(cells), flush=True)
        if asked.filter:
            def filtered(pixels: np.ndarray, damage: Damage = damage) -> np.ndarray:
                return ndimage.median_filter(damage(pixels), (3, 3, 1))

            cells = [f"{mean_psnr(network, hr, filtered, asked.scale) - base:+16.2f}" for network in networks.values()]
            print(f"{'  filtered':10} {'':8}  " + "  ".join(cells), flush=True)


if __name__ == "__main__":
    command.run(main)
