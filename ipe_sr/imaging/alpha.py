"""Colours and transparency apart: what an upscaler needs so that transparent edges have no fringes."""

import numpy as np
from torch import Tensor
from torch.nn import functional as F

from ipe_sr import grids


def bled(colours: Tensor, alpha: Tensor) -> Tensor:
    """Colours (C, h, w) whose invisible pixels, of alpha 0, take the colour of the nearest visible pixel.   alpha: (h, w).

    What is stored in invisible pixels is often black. Interpolation would mix it into the visible edge.
    """
    from scipy import ndimage

    hidden = (alpha == 0).numpy()
    if hidden.all() or not hidden.any():
        return colours
    y, x = ndimage.distance_transform_edt(hidden, return_distances=False, return_indices=True)
    return colours[:, y, x]


def settled(plane: Tensor, made: Tensor, size: tuple[int, int], rows: slice, columns: slice) -> Tensor:
    """Alpha (1, R, C) that is 1 or 0 wherever all of the 3 x 3 LR pixels around are opaque or are invisible.

    plane: LR alpha (h, w).   made: what a model makes of a part of it.   size: (H, W) of the whole picture, whose rows and
    columns the part is.
    """
    index = [
        (grids.centres(n_out, n_in)[part] + 0.5).floor().clamp(0, n_in - 1).long()
        for n_out, n_in, part in zip(size, plane.shape, (rows, columns), strict=True)
    ]
    top, left = (max(0, int(at[0]) - 1) for at in index)
    here = plane[top : int(index[0][-1]) + 2, left : int(index[1][-1]) + 2][None]
    least, most = (each[0, index[0] - top][:, index[1] - left] for each in (
        -F.max_pool2d(-here, 3, 1, 1), F.max_pool2d(here, 3, 1, 1)   # the padding never wins
    ))
    return made.masked_fill(least == 1, 1).masked_fill(most == 0, 0)


def is_neutral(pixels: np.ndarray | Tensor) -> bool:
    """Whether the channels (3, h, w) are equal: a gray picture that is stored as RGB."""
    return bool((pixels[0] == pixels[1]).all() and (pixels[0] == pixels[2]).all())
