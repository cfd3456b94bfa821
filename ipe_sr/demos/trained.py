"""Figures of trainings: a learning curve, and crops by trained networks beside bicubic interpolation and the original."""

from collections.abc import Mapping
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import nn

from ipe_sr import figures, models
from ipe_sr.demos import side_by_side
from ipe_sr.imaging import datasets, images, metrics, resample, samples
from ipe_sr.imaging.datasets import ImageSet

CROP = 96   # HR pixels along each side


def learning_curve(curve: list[dict[str, Any]]) -> Figure:
    """Validation PSNR by step, one colour for each scale. A dotted line shows the PSNR of bicubic interpolation.

    curve: rows of `metrics.csv`, {"step": ..., "name": ..., "value": ...}.
    """
    fig, axes = figures.panels(height=3.0)
    ax = axes[0, 0]
    scales = sorted({row["name"].partition("_x")[2] for row in curve if row["name"].startswith("psnr_x")}, key=float)
    for i, scale in enumerate(scales):
        points = [(row["step"], row["value"]) for row in curve if row["name"] == f"psnr_x{scale}"]
        colour = figures.COLOURS[i % len(figures.COLOURS)]
        style = {"color": colour, "linestyle": figures.DASHES[i % len(figures.DASHES)], "marker": "."}
        ax.plot(*zip(*points, strict=True), label=f"x{scale}", **style)
        for row in curve:
            if row["name"] == f"bicubic_x{scale}":
                ax.axhline(row["value"], color=colour, linestyle=":", linewidth=1)
    ax.set(xlabel="steps", ylabel="PSNR / dB", title="Validation during training (dotted: bicubic)")
    if scales:
        fig.legend(title="scale", fontsize=9, loc="outside right center")   # inside the axes it would hide dotted lines
    return fig


@torch.inference_mode()
def crops(model: nn.Module, dataset: ImageSet, scale: float) -> Figure:
    """The middle of a set's first picture by bicubic interpolation, by the model, and in the original.

    Titles give the PSNR of the whole picture.
    """
    lr, hr, _ = datasets.pair(dataset, dataset.hr[0], scale)
    lr, hr = (images.to_tensor(pixels).expand(3, -1, -1) for pixels in (lr, hr))
    device = next((p.device for p in model.parameters()), lr.device)
    size = tuple(hr.shape[-2:])
    made = {"bicubic": models.load("bicubic")(lr[None], size)[0], "this model": model(lr[None].to(device), size)[0].cpu()}
    titles = {f"{name} x{scale:g}, {metrics.psnr(sr, hr, dataset.protocol, scale):.2f} dB": sr for name, sr in made.items()}
    pixels = {title: images.to_pixels(_middle(sr)) for title, sr in (titles | {"original": hr}).items()}
    return figures.pictures(pixels)


@torch.inference_mode()
def cats_eye(networks: Mapping[str, nn.Module], scale: int = 4) -> Figure:
    """Notebook 09: the crop of notebook 10, by bicubic interpolation, by networks on the CPU, and in the original.

    networks: title -> network.   scale: a divisor of `side_by_side.SIDE`. Titles give the PSNR of the crop.
    """
    name, rows, columns = side_by_side.CROP
    pixels, side = samples.image(name)[rows, columns], side_by_side.SIDE
    lr, hr = images.to_tensor(resample.imresize(pixels, (side // scale, side // scale))), images.to_tensor(pixels)
    made = {title: model(lr[None], (side, side))[0] for title, model in {"bicubic": models.load("bicubic"), **networks}.items()}
    shown = {f"{title}\n{metrics.psnr(sr, hr, 'div2k', scale):.2f} dB": images.to_pixels(sr) for title, sr in made.items()}
    fig = figures.pictures(shown | {"original\n": pixels})
    fig.set_figheight(fig.get_figheight() + 0.25)   # for the second line of the titles
    return fig


def _middle(picture: torch.Tensor) -> torch.Tensor:
    height, width = picture.shape[-2:]
    side = min(CROP, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[:, top : top + side, left : left + side]
