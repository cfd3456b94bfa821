"""The demo of notebook 13: a network's picture of a crop when it is told another size of the pixels than the right one."""

import functools

import torch

from ipe_sr import areas, models
from ipe_sr.demos.scenes import picture_panels, scene
from ipe_sr.demos.side_by_side import CROP, SIDE
from ipe_sr.imaging import images, metrics, resample, samples

# What the slider calls a network -> its released name. All three had the same training, from random weights.
NETWORKS = {"IPE-LIIF": "small-ipe-liif", "LIIF": "small-liif", "field": "small-field"}
SCALES = ("1.5", "2", "3", "4", "6", "8")
WORST = 0.05   # mean absolute difference over the channels; the brightest shade


@functools.cache
def _network(name: str) -> torch.nn.Module:
    return models.load(NETWORKS[name])


@functools.cache
def _reduced(scale: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The original crop (3, 96, 96) and its reduction (1, 3, h, w), in [0, 1]."""
    name, rows, columns = CROP
    pixels = samples.image(name)[rows, columns]
    lr = resample.imresize(pixels, (round(SIDE / float(scale)),) * 2)
    return images.to_tensor(pixels), images.to_tensor(lr)[None]


@functools.cache
def _told(network: str, scale: str, factor: float) -> torch.Tensor:
    """(3, 96, 96) in [0, 1]."""
    return areas.render_told(_network(network), _reduced(scale)[1], (SIDE, SIDE), factor)[0].clamp(0, 1)


@scene(picture_panels(("told the right size", "told this size", f"difference x {1 / WORST:g}"), (SIDE, SIDE), height=3.1))
def told_size(axes, network: str, scale: str, factor: float) -> None:
    """Notebook 13: a crop by a network that is told pixels of `factor` times their size.

    network: a key of `NETWORKS`.   scale: one of `SCALES`.   factor: from 0 (points) up.
    """
    right, wrong = _told(network, scale, 1.0), _told(network, scale, factor)
    whole = {"extent": (0, SIDE, SIDE, 0), "interpolation": "nearest"}
    axes[0, 0].imshow(images.to_pixels(right), **whole)
    axes[0, 1].imshow(images.to_pixels(wrong), **whole)
    axes[0, 2].imshow((right - wrong).abs().mean(0), vmin=0, vmax=WORST, **whole)


def told_size_readout(network: str, scale: str, factor: float) -> str:
    hr, _ = _reduced(scale)
    right, wrong = (metrics.psnr(_told(network, scale, each), hr, "div2k", float(scale)) for each in (1.0, factor))
    return (f"{network}, x{scale}   told the right size {right:.2f} dB   told {factor:g} times it {wrong:.2f} dB "
            f"({wrong - right:+.2f})")
