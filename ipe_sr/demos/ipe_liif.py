"""The demo of notebook 08: how much of each wave a pixel keeps at a scale, and the encodings of a row of such pixels."""

import numpy as np
import torch
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from ipe_sr import encodings, figures
from ipe_sr.demos.scenes import bars, scene
from ipe_sr.figures import BLACK, BLUE, ORANGE, RED

L = 10                                              # the paper's number of frequencies
WAVES = {"2^k": "mip-nerf", "2^k pi": "nerf"}
REACH = 2                                           # local units: pixels farther away do not use a latent code
START = np.arange(L) - 0.3                          # of the bars, 0.6 wide around 0, 1, 2, ...
POINT = {"edgecolor": ORANGE, "linewidth": 1.2}
KEPT = {"fill": True, "color": BLUE}
NEGATIVE = {"fill": True, "color": RED, "hatch": "//", "edgecolor": "white"}
WHOLE_PERIOD = {"color": BLACK, "linestyle": "--", "linewidth": 1.2}


def _damping_and_sines():
    fig, axes = figures.panels(columns=2, height=3.7, width_ratios=[2, 3])
    kept, sines = axes[0]
    kept.set(xlim=(-0.32, 1.06), ylim=(L - 0.5, -2.4), yticks=range(L), ylabel="k", xlabel="damping sinc(w r)",
             title="what the pixel keeps")
    bars(kept, START, 0.6, np.ones(L), horizontal=True, **POINT)
    kept.fill([], [], facecolor="none", **POINT, label="point (PE): all")   # a box, as the bars are
    kept.stairs([0], [0, 1], **KEPT, label="pixel (IPE)")
    kept.stairs([0], [0, 1], **NEGATIVE, label="turned round (sinc < 0)")
    kept.plot([], [], **WHOLE_PERIOD, label="one period wide")
    kept.legend(loc="upper center", ncols=2, fontsize=8, columnspacing=1)
    sines.set(xlim=(-REACH, REACH), ylim=(L - 0.5, -2.4), yticks=range(L), xlabel="x from the latent code, local units",
             title="the sines of each pixel in reach of a latent code")
    for ax in axes[0]:
        ax.grid(False)
    fig.colorbar(ScalarMappable(Normalize(-1, 1), "PuOr"), ax=sines, ticks=(-1, 0, 1))
    return fig, axes


@scene(_damping_and_sines)
def surviving_waves(axes, scale: float, waves: str) -> None:
    """Notebook 08: the damping of each wave at a scale, and the sines in the encodings of pixels of this scale.

    scale: a multiple of 1/4.   waves: see `WAVES`.
    """
    kept, sines = axes[0]
    damping, values = _spectrum(scale, waves)
    bars(kept, START, 0.6, np.where(damping < 0, np.nan, damping), horizontal=True, **KEPT)
    bars(kept, START, 0.6, np.where(damping < 0, damping, np.nan), horizontal=True, **NEGATIVE)
    extent = (-3, 2 * len(values) / scale - 3, L - 0.5, -0.5)
    sines.imshow(values.T, extent=extent, vmin=-1, vmax=1, cmap="PuOr", interpolation="nearest", aspect="auto")
    for ax in axes[0]:
        ax.axhline(_whole_period(scale, waves), **WHOLE_PERIOD)


def surviving_waves_readout(scale: float, waves: str) -> str:
    damping, _ = _spectrum(scale, waves)
    return (f"radius 1 / s = {1 / scale:.3f}   kept to more than half: {(damping > 0.5).sum()} of {L} waves"
            f"   to less than a tenth: {(np.abs(damping) < 0.1).sum()}")


def _spectrum(scale: float, waves: str) -> tuple[np.ndarray, np.ndarray]:
    """The damping of each wave (L,), and the sines of all pixels that lie in three LR pixels (pixels, L).

    The latent code sits in the middle LR pixel.
    """
    w = encodings.octaves(L, WAVES[waves], dtype=torch.float64)
    centre = (2 * torch.arange(np.ceil(3 * scale), dtype=torch.float64)[:, None] + 1) / scale - 3
    encoded = encodings.integrated(centre, torch.full_like(centre, 1 / scale), w)
    return torch.sinc(w / scale / torch.pi).numpy(), encoded[:, :L].numpy()


def _whole_period(scale: float, waves: str) -> float:
    """The k of the wave with exactly one period in a pixel, w r = pi. It need not be a whole number."""
    lowest = encodings.octaves(1, WAVES[waves], dtype=torch.float64).item()
    return np.log2(np.pi * scale / lowest)
