"""Figures of one training run for the experiment notebook: its learning curve, and a crop beside bicubic interpolation."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import nn

from ipe_sr import figures, models
from ipe_sr.imaging import datasets, images, metrics
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


def _middle(picture: torch.Tensor) -> torch.Tensor:
    height, width = picture.shape[-2:]
    side = min(CROP, height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[:, top : top + side, left : left + side]
