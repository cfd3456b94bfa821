"""PSNR and SSIM of a model over sets of pictures and scales."""

import math
import statistics
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ipe_sr import render
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, images, metrics, resample
from ipe_sr.imaging.datasets import ImageSet
from ipe_sr.imaging.metrics import Protocol


@dataclass(frozen=True)
class ImageScore:
    name: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Score:
    """Means over the pictures of one set at one scale. lr: where the LR pictures came from (see `datasets.pair`)."""

    data: str
    scale: float
    protocol: str
    ssim_convention: str
    lr: str
    psnr: float
    ssim: float
    images: tuple[ImageScore, ...]

    def record(self) -> dict:
        """The same as JSON data; the infinite PSNR of equal pictures is null."""
        return _finite(asdict(self)) | {"images": [_finite(asdict(image)) for image in self.images]}


def _finite(record: dict) -> dict:
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in record.items()}


def evaluate(
    model: nn.Module,
    dataset: ImageSet,
    scales: Iterable[float],
    protocol: Protocol | None = None,
    ssim_convention: str | None = None,
    advance: Callable[[], None] = lambda: None,
    renderer: Callable = render.render,
) -> list[Score]:
    """One score for each scale; `advance` is called after each picture.

    protocol: default the set's own.   ssim_convention: default the protocol's space (see `metrics.ssim`).
    renderer: `render.render`, `render.self_ensemble`, or what else turns (model, lr, size) into a picture.
    The model runs where its parameters are. Raises InputError for a picture too small for a scale, and two of one name.
    """
    protocol = protocol or metrics.PROTOCOLS[dataset.protocol]
    convention = ssim_convention or protocol.space
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    if twins := datasets.twins(dataset.hr):
        name = twins[0].stem
        raise InputError(f"{dataset.name}: holds several pictures named {name!r}, which scores would mix up; rename one")
    scores = []
    for scale in scales:
        rows, origins = [], set()
        for path in dataset.hr:
            row, origin = _score(partial(renderer, model), device, dataset, path, scale, protocol, convention)
            rows.append(row)
            origins.add(origin)
            advance()
        scores.append(
            Score(
                dataset.name, scale, protocol.name, convention, "+".join(sorted(origins)),
                statistics.fmean(row.psnr for row in rows), statistics.fmean(row.ssim for row in rows), tuple(rows),
            )
        )
    return scores


@torch.inference_mode()
def _score(
    paint: Callable, device: torch.device, dataset: ImageSet, path: Path, scale: float, protocol: Protocol, convention: str
) -> tuple[ImageScore, str]:
    if protocol.luma_input:
        lr, hr = luma_pair(path, scale)
        origin = "matlab-float"
    else:
        lr, hr, origin = datasets.pair(dataset, path, scale)
        lr, hr = (images.to_tensor(np.broadcast_to(a, (*a.shape[:2], 3))) for a in (lr, hr))
    sr = paint(lr.expand(3, -1, -1)[None].to(device), tuple(hr.shape[-2:]))[0].float().cpu()
    if protocol.luma_input:
        sr = sr.mean(0, keepdim=True)
    try:
        row = ImageScore(
            path.stem, metrics.psnr(sr, hr, protocol, scale), metrics.ssim(sr, hr, protocol, scale, convention)
        )
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return row, origin


def luma_pair(path: Path, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """SRCNN's pairs: (1, h, w) and (1, H, W) floats in [0, 1]. HR is 8-bit luma; LR is resized from it unrounded."""
    pixels, lr_size = datasets.fit(path, datasets.colours(path), scale)
    hr = images.to_tensor(pixels)
    if len(hr) == 3:
        hr = (metrics.luma(hr) * 255).round() / 255
    return resample.bicubic(hr, lr_size, border="mirror"), hr
