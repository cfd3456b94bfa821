"""The demo of notebook 05: an HR pixel, its place among the LR pixels, and the feature vector that describes this place."""

import functools

import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from ipe_sr import figures, grids
from ipe_sr.demos.decoder import SIDE, tiny_liif
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import ORANGE, RED
from ipe_sr.imaging import images
from ipe_sr.models.implicit import unfold

SCALE = 4
CELL = {"fill": False, "edgecolor": ORANGE, "linewidth": 2}
SPOT = {"color": RED, "marker": "o", "markersize": 4, "linestyle": "none"}


@functools.cache
@torch.no_grad()
def maps() -> Tensor:
    """The feature maps that notebook 06's tiny LIIF computes, over the 99th percentile of each, clipped: (16, 32, 32)."""
    model, lr, _ = tiny_liif()
    features = model.encoder(lr * 2 - 1)[0]
    large = features.abs().flatten(1).quantile(0.99, 1)   # a few values at the border would leave the rest of a map grey
    return (features / large[:, None, None]).clamp(-1, 1)


def _picture_and_features():
    fig, axes = figures.panels(columns=3, height=3.5, width_ratios=[4, 4, 2])
    picture, features, code = axes[0]
    picture.imshow(images.to_pixels(tiny_liif().lr[0]), interpolation="nearest")
    picture.set_title("LR picture")
    features.set(xlim=(-0.5, SIDE - 0.5), ylim=(SIDE - 0.5, -0.5), aspect="equal", title="one of 16 feature maps")
    code.set(xlim=(-0.5, 8.5), ylim=(15.5, -0.5), xlabel="its 3x3 places", ylabel="16 maps", title="latent code")
    for ax in axes[0]:
        ax.grid(False)
        ax.set(xticks=[], yticks=[])
    return fig, axes


@scene(_picture_and_features)
def pixel_features(axes, row: int, column: int, channel: int) -> None:
    """Notebook 05: HR pixel (row, column) at scale 4, one feature map, and the unfolded latent code around it."""
    picture, features, code = axes[0]
    (y, x), (i, j), _ = _locate(row, column)
    scaled = {"vmin": -1, "vmax": 1, "cmap": "cividis", "interpolation": "nearest"}
    features.imshow(maps()[channel], **scaled)
    code.imshow(unfold(maps()[None])[0, i, j].reshape(-1, 9), aspect="auto", **scaled)
    code.add_patch(Rectangle((3.5, channel - 0.5), 1, 1, **CELL))
    for ax, size in ((picture, 1), (features, 3)):
        ax.add_patch(Rectangle((j - size / 2, i - size / 2), size, size, **CELL))
        ax.plot([x], [y], **SPOT)


def pixel_features_readout(row: int, column: int, channel: int) -> str:
    (y, x), (i, j), (dy, dx) = _locate(row, column)
    return (f"position ({y:.3f}, {x:.3f}) LR pixels   nearest latent code ({i}, {j})   relative ({dy:+.2f}, {dx:+.2f})"
            f"   radius {1 / SCALE:.2f}   feature {channel} there: {maps()[channel, i, j]:+.2f}")


def _locate(row: int, column: int) -> tuple[list[float], tuple[int, int], list[float]]:
    """Position (y, x) in LR pixels, (row, column) of the nearest latent code, and local coordinates (y, x) there."""
    centres = grids.centres(SCALE * SIDE, SIDE)
    position = torch.stack([centres[row], centres[column]])
    around = grids.nearest(position, (SIDE, SIDE))
    return position.tolist(), divmod(int(around.index), SIDE), around.offset[0].tolist()
