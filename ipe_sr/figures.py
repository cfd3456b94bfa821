"""Figures in the style of the series: a few kinds of plots that the notebooks share. Each is a pure function.

Lines have the colours of Okabe and Ito, each with its own dashes; magnitudes use cividis. No function uses pyplot's state.
Importing this module sets matplotlib's defaults to this style.
"""

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, BLACK = COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000",
)
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 2)))
STYLE = {
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10.5, "axes.titleweight": "bold",
    "axes.grid": True, "grid.color": "#E3E3E3", "grid.linewidth": 0.6, "legend.frameon": False, "lines.linewidth": 1.8,
    "image.cmap": "cividis", "figure.dpi": 100,
}
rcParams.update(STYLE)
WIDTH = 7.6     # inches; at 100 dpi the width of a notebook's column
SHARPNESS = 2   # stored pixels for each shown pixel, along each axis
DPI = 100 * SHARPNESS


def panels(rows: int = 1, columns: int = 1, height: float = 2.8, **kwargs) -> tuple[Figure, np.ndarray]:
    """A figure of the width `WIDTH` and its axes, an array (rows, columns).   height: of one row, in inches."""
    fig = Figure(figsize=(WIDTH, height * rows), layout="constrained")
    return fig, fig.subplots(rows, columns, squeeze=False, **kwargs)


def plot_lines(ax: Axes, x: Sequence[float], curves: Mapping[str, Sequence[float]], markers: str = "") -> None:
    """Draw named curves into a panel. Each has its own colour and dashes.   markers: one character for each curve, cycled."""
    for i, (label, y) in enumerate(curves.items()):
        marker = markers[i % len(markers)] if markers else None
        ax.plot(x, y, label=label, color=COLOURS[i % 8], linestyle=DASHES[i % 6], marker=marker, markersize=5)
    if len(curves) > 1:
        ax.legend(fontsize=9)


def lines(
    x: Sequence[float], curves: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, *, title: str = "",
    log: str = "", markers: str = "", height: float = 3.0,
) -> Figure:
    """A figure with one panel of named curves.

    log: the logarithmic axes, "x", "y" or "xy".   markers: one character for each curve, cycled.   height: in inches.
    """
    fig, axes = panels(height=height)
    ax = axes[0, 0]
    plot_lines(ax, x, curves, markers)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if "x" in log:
        ax.set_xscale("log", base=2)
    if "y" in log:
        ax.set_yscale("log")
    return fig


def pictures(
    images: Mapping[str, np.ndarray], columns: int | None = None, *, value_range: tuple[float, float] | None = (0, 1)
) -> Figure:
    """A figure of pictures below their titles. Every pixel is a sharp square.

    images: title -> (H, W) float, or (H, W, 3) uint8.
    value_range: the values that black and white stand for; None shows each (H, W) picture over its own range in cividis.
    """
    columns = columns or len(images)
    rows = -(-len(images) // columns)
    shape = max(np.shape(image)[0] / np.shape(image)[1] for image in images.values())
    fig, axes = panels(rows, columns, height=WIDTH / columns * shape + 0.35)
    for ax in axes.flat:
        ax.axis("off")
    for ax, (title, image) in zip(axes.flat, images.items(), strict=False):
        gray = {"cmap": "gray", "vmin": value_range[0], "vmax": value_range[1]} if value_range else {"cmap": "cividis"}
        ax.imshow(image, interpolation="nearest", **(gray if np.ndim(image) == 2 else {}))
        ax.set_title(title)
    return fig


def png(picture: Figure | np.ndarray) -> bytes:
    """A PNG file's bytes. picture: a figure, which is stored `SHARPNESS` times as large as it is shown; or (H, W, 3) uint8."""
    buffer = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    else:
        Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def pdf(picture: Figure) -> bytes:
    """A PDF file's bytes, in which lines and letters have no resolution. Equal figures give equal bytes."""
    buffer = io.BytesIO()
    picture.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    return buffer.getvalue()


def shown_width(data: bytes) -> int:
    """The width in shown pixels of a PNG that `png` made."""
    return int.from_bytes(data[16:20], "big") // SHARPNESS   # the width in the chunk IHDR


def show(picture: Figure | np.ndarray, alt: str) -> None:
    """Display a figure or pixels (H, W, 3) uint8 in a notebook.

    alt: the alternative text. It must say what one can see.
    """
    from IPython.display import display

    data = png(picture)
    bundle = {"image/png": base64.b64encode(data).decode(), "text/plain": f"[picture: {alt}]"}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": shown_width(data)}})
