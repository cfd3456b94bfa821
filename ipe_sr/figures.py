"""Figures: a few shapes that every notebook draws, in one style; each is a pure function to a matplotlib Figure.

Okabe-Ito colours with line styles of their own, cividis for magnitudes, no pyplot state. Importing this sets
matplotlib's defaults to the series' style.
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
WIDTH = 7.6     # inches; at 100 dpi what a notebook's column shows
SHARPNESS = 2   # stored pixels per shown pixel
DPI = 100 * SHARPNESS


def panels(rows: int = 1, columns: int = 1, height: float = 2.8, **kwargs) -> tuple[Figure, np.ndarray]:
    """A figure of the series' width and style, and its axes (rows, columns).   height: inches, of one row."""
    fig = Figure(figsize=(WIDTH, height * rows), layout="constrained")
    return fig, fig.subplots(rows, columns, squeeze=False, **kwargs)


def plot_lines(ax: Axes, x: Sequence[float], curves: Mapping[str, Sequence[float]], markers: str = "") -> None:
    """Several named curves over one axis; each has a colour and a dash of its own."""
    for i, (label, y) in enumerate(curves.items()):
        marker = markers[i % len(markers)] if markers else None
        ax.plot(x, y, label=label, color=COLOURS[i % 8], linestyle=DASHES[i % 6], marker=marker, markersize=5)
    if len(curves) > 1:
        ax.legend(fontsize=9)


def lines(
    x: Sequence[float], curves: Mapping[str, Sequence[float]], xlabel: str, ylabel: str, *, title: str = "",
    log: str = "", markers: str = "", height: float = 3.0,
) -> Figure:
    """One panel of named curves.   log: "x", "y" or "xy".   markers: one character for each curve, cycled."""
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
    """Pictures under their titles, every pixel a sharp square.

    (H, W) floats or (H, W, 3) uint8. value_range: what black and white stand for; None scales each picture in cividis.
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
    """A figure, `SHARPNESS` times the size it is shown at, or pixels (H, W, 3) uint8, as PNG."""
    buffer = io.BytesIO()
    if isinstance(picture, Figure):
        picture.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    else:
        Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def shown_width(data: bytes) -> int:
    """The width in shown pixels of what `png` made."""
    return int.from_bytes(data[16:20], "big") // SHARPNESS   # IHDR


def show(picture: Figure | np.ndarray, alt: str) -> None:
    """Display a figure (or pixels) in a notebook with its alternative text, which must say what is to be seen."""
    from IPython.display import display

    data = png(picture)
    bundle = {"image/png": base64.b64encode(data).decode(), "text/plain": f"[picture: {alt}]"}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": shown_width(data)}})
