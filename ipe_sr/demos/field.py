"""Figures of notebook 14, and its demo: a tiny field, fitted to the face of notebook 06, and an LR pixel of it at any scale."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from ipe_sr import figures, grids
from ipe_sr.demos.decoder import ENCODER, SCALES, SIDE, STEPS, FittedModel, fitted
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, COLOURS, ORANGE, RED
from ipe_sr.imaging import images
from ipe_sr.models import FieldConfig
from ipe_sr.models.field import Field, parts

SMALL = FieldConfig(waves=32, width=64, encoder=ENCODER)
REACH = 1.5          # LR pixels that the close views show to each side of the LR pixel's centre
FINE = 32            # points along the edge of an LR pixel in the view of the picture itself
LARGEST_DOT = 80     # points^2: the area of the dot of the strongest wave


@functools.cache
def tiny_field(steps: int = STEPS) -> FittedModel:
    """A field with box pixels, fitted to the face. The first call takes seconds."""
    return fitted(SMALL, SCALES, steps)


@functools.cache
def tiny_field_as(shape: str) -> Field:
    """The tiny field's weights with pixels of another shape.   shape: a name in `models.field.shapes`."""
    return with_shape(tiny_field().model, shape)


def with_shape(model: Field, shape: str) -> Field:
    """A copy of a field whose pixels have another shape. The weights are the same, and need no gradients."""
    other = dataclasses.replace(model.config, shape=shape).build().to(model.frequencies.dtype)
    other.load_state_dict(model.state_dict())
    return other.eval().requires_grad_(False)


def rulers(lr_pixels: int, pixels: int) -> Figure:
    """A row of LR pixels, and below it the pixels of a result, cut into parts of the LR pixels' colours with their shares."""
    fig, axes = figures.panels(height=1.5)
    ax, edge = axes[0, 0], lr_pixels / pixels
    ax.set(xlim=(-1, lr_pixels - 0.45), ylim=(0, 2.2))
    ax.axis("off")

    def cell(middle: float, width: float, bottom: float, colour: str, text: str) -> None:
        box = middle - width / 2, bottom
        ax.add_patch(Rectangle(box, width, 0.9, facecolor=colour, alpha=0.45))
        ax.add_patch(Rectangle(box, width, 0.9, fill=False, edgecolor=BLACK, linewidth=0.8))
        ax.text(middle, bottom + 0.45, text, ha="center", va="center")

    for i in range(lr_pixels):
        cell(i, 1, 1.2, COLOURS[i % 8], f"LR pixel {i}")
    position = grids.centres(pixels, lr_pixels)
    made = parts(position, torch.full_like(position, edge), lr_pixels)
    for i, centre, length, share in zip(*(values.flatten().tolist() for values in made), strict=True):
        if share > 0:
            cell(i + centre / 2, length, 0.1, COLOURS[i % 8], str(Fraction(share).limit_denominator(99)))
    for middle in position.tolist():
        ax.add_patch(Rectangle((middle - edge / 2, 0.1), edge, 0.9, fill=False, edgecolor=BLACK, linewidth=2.2))
    for bottom, text in ((1.2, f"{lr_pixels} LR pixels"), (0.1, f"{pixels} pixels")):
        ax.text(-0.57, bottom + 0.45, text, ha="right", va="center", weight="bold")
    return fig


def told_views(told: Mapping[str, Mapping[tuple[float, float, float], float]]) -> Figure:
    """By zoom: the PSNR of networks above that of "bicubic", and what they lose if they are told the least size.

    told: name -> (zoom, degrees, factor of the size that was told) -> PSNR. Turned views are dashed, with hollow points. A
    network may lack zooms. Zooms below 1 have a panel of their own in the middle, because networks lie far below bicubic
    interpolation there. It has single points, in a column for each network and angle.
    """
    fig, axes = figures.panels(columns=3, height=3.4, width_ratios=[3, 1, 3])
    above, below, lost = axes[0]
    zooms, turns = (sorted({key[i] for key in told["bicubic"]}) for i in (0, 1))
    names = [name for name in told if name != "bicubic"]
    for i, name in enumerate(names):
        least, style = min(factor for *_, factor in told[name]), {"color": COLOURS[i], "marker": "os^v"[i % 4], "markersize": 5}
        for turn in turns:
            made = [zoom for zoom in zooms if (zoom, turn, 1.0) in told[name]]
            ahead = {zoom: told[name][zoom, turn, 1.0] - told["bicubic"][zoom, turn, 1.0] for zoom in made}
            losses = [told[name][zoom, turn, 1.0] - told[name][zoom, turn, least] for zoom in made]
            style |= {"linestyle": "--" if turn else "-", "label": f"{name}, {turn:g} degrees"}
            style |= {"markerfacecolor": "white" if turn else COLOURS[i]}
            for ax, some in ((above, [z for z in made if z >= 1]), (below, [z for z in made if z < 1])):
                place = i * len(turns) + turns.index(turn) - (len(names) * len(turns) - 1) / 2
                beside = 1.04**place if ax is below else 1   # no point hides another
                ax.plot([beside * zoom for zoom in some], [ahead[zoom] for zoom in some], **style)
            lost.plot(made, losses, **style)
    for ax, title in ((above, "dB above bicubic"), (below, "the same below 1"), (lost, "dB lost by the wrong size")):
        ticks = [z for z in zooms if ax is lost or (z >= 1) == (ax is above)]
        ax.set_xscale("log")
        ax.set_xticks(ticks, [f"{zoom:g}" for zoom in ticks])
        ax.minorticks_off()
        ax.set(title=title, xlabel="zoom")
    below.margins(x=0.4)
    below.set_xlabel("zoom (side by side\nto be legible)")
    for ax in (above, lost):
        ax.axhline(0, color=BLACK, linewidth=0.8)
    fig.legend(*lost.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)
    return fig


def _lr_pixel_stage():
    fig, axes = figures.panels(columns=4, height=2.5, width_ratios=[1.7, 3.7, 3, 3])
    whole, waves, inside, pixels = axes[0]
    whole.imshow(images.to_pixels(tiny_field().lr[0]), interpolation="nearest")
    whole.set(title="LR picture", xticks=[], yticks=[])
    waves.set_title("its waves: amplitude\n(blue: after damping)", fontsize=9)
    waves.set(xlim=(-2.6, 2.6), ylim=(2.6, -0.4), aspect="equal")
    waves.set(xlabel="cycles per LR pixel, x", ylabel="cycles per LR pixel, y")
    for ax, title in ((inside, "the picture itself"), (pixels, "pixels of this scale")):
        ax.set(title=title, xlim=(-REACH, REACH), ylim=(REACH, -REACH), aspect="equal", xlabel="LR pixels")
    for ax in (whole, inside, pixels):
        ax.grid(False)
    return fig, axes


@scene(_lr_pixel_stage)
def field_pixel(axes, y: int, x: int, scale: float, shape: str) -> None:
    """Notebook 14: the waves of LR pixel (y, x), and the colours that they make at a scale. Crosses mark points.

    shape: of the pixels, a name in `models.field.shapes`.
    """
    whole, waves, inside, pixels = axes[0]
    amplitude, damping = _waves(y, x, scale, shape)
    dots = LARGEST_DOT * amplitude / amplitude.max()
    at = (tiny_field().model.frequencies.detach() / math.pi).numpy()               # cycles per LR pixel
    whole.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))
    whole.text(0.5, -0.12, f"scale {scale:g}\n{shape}", transform=whole.transAxes, ha="center", va="top", weight="bold")
    finest = np.square(at).sum(1).argmax()
    edges = [RED if k == finest else BLACK for k in range(len(at))]
    waves.scatter(at[:, 1], at[:, 0], s=dots, facecolor="none", edgecolor=edges, linewidth=0.8)
    waves.scatter(at[:, 1], at[:, 0], s=dots * np.abs(damping), facecolor=BLUE, edgecolor="none", alpha=0.7)
    waves.text(at[finest, 1], at[finest, 0] - 0.25, "finest", color=RED, fontsize=8, ha="center", va="bottom")
    for ax, (rgb, extent) in ((inside, _colours(y, x, FINE, "point")), (pixels, _colours(y, x, scale, shape))):
        ax.imshow(rgb, extent=extent, interpolation="nearest")
        ax.add_patch(Rectangle((-0.5, -0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))
        if shape == "point":
            rows, columns = ((every - centre).numpy() for every, centre in zip(_near(y, x, scale), (y, x), strict=True))
            ax.plot(*np.meshgrid(columns, rows), "x", color=BLACK, markersize=min(8, 24 / scale), markeredgewidth=1.5)


def field_pixel_readout(y: int, x: int, scale: float, shape: str) -> str:
    amplitude, damping = _waves(y, x, scale, shape)
    left = np.square(amplitude * damping).sum() / np.square(amplitude).sum()
    rgb, _ = _colours(y, x, scale, shape)
    return (f"LR pixel ({y}, {x})   {shape} of {1 / scale:.2f} LR pixels   squared amplitude left {left:.0%}"
            f"   contrast of the pixels shown {rgb.mean(-1).std() / 255:.3f}")


@torch.no_grad()
def _waves(y: int, x: int, scale: float, shape: str) -> tuple[np.ndarray, np.ndarray]:
    """The amplitude of each wave of an LR pixel, over all colours, and its damping in a pixel of this scale: 2 x (K,)."""
    model, held = tiny_field_as(shape), _amplitudes()[y, x]                        # held: (3, 2K + 1)
    amplitude = held[:, :-1].unflatten(-1, (2, -1)).square().sum((0, 1)).sqrt()
    return amplitude.numpy(), model.damping(model.frequencies / scale).prod(-1).numpy()


@functools.cache
@torch.no_grad()
def _amplitudes() -> Tensor:
    model, lr, _ = tiny_field()
    return model.codes(model.encode(lr))[0]                                        # (h, w, 3, 2K + 1)


def _near(y: int, x: int, scale: float) -> list[Tensor]:
    """The rows' and the columns' positions of the pixels of a scale that the close views show."""
    n = round(SIDE * scale)
    every = grids.centres(n, SIDE)
    return [every[(every - centre).abs() < REACH + SIDE / n / 2] for centre in (y, x)]


@torch.no_grad()
def _colours(y: int, x: int, scale: float, shape: str) -> tuple[np.ndarray, tuple[float, ...]]:
    """The pixels of the whole picture at a scale that lie near LR pixel (y, x): (R, C, 3) uint8, and where they are.

    The extent (left, right, bottom, top) counts LR pixels from the centre of the LR pixel.
    """
    model, near, edge = tiny_field_as(shape), _near(y, x, scale), SIDE / round(SIDE * scale)
    radius = torch.full((2,), edge, dtype=torch.float64)
    rgb = model.paint(model.encode(tiny_field().lr), *near, radius)[0].movedim(-1, 0)
    (top, bottom), (left, right) = (
        (some[0].item() - edge / 2 - centre, some[-1].item() + edge / 2 - centre)
        for some, centre in zip(near, (y, x), strict=True)
    )
    return images.to_pixels(rgb), (left, right, bottom, top)
