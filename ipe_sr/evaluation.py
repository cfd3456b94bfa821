"""PSNR and SSIM of a model over sets of pictures and scales."""

import math
import statistics
import time
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
    """One picture.   name: of its file, without folder and suffix.   psnr: dB, inf for equal pictures.   ssim: at most 1."""

    name: str
    psnr: float
    ssim: float


@dataclass(frozen=True)
class Score:
    """The scores of one set at one scale.   psnr, ssim: means over its pictures.   lr: the origin of the LR pictures, as
    `datasets.pair` names it; several are joined by "+"."""

    data: str
    scale: float
    protocol: str
    ssim_convention: str
    lr: str
    psnr: float
    ssim: float
    images: tuple[ImageScore, ...]

    def record(self) -> dict:
        """The score as JSON data. An infinite PSNR, of equal pictures, becomes None."""
        return _finite(asdict(self)) | {"images": [_finite(asdict(image)) for image in self.images]}


@dataclass(frozen=True)
class Observation:
    """One picture while it is evaluated: what was read, made and measured.

    origin: of the LR picture (see `datasets.pair`).   lr, sr, hr: (C, h, w) and (C, H, W); C is 1 for the protocol `srcnn`,
    else 3; sr is not clamped.   seconds: of super-resolving it.
    """

    data: str
    scale: float
    protocol: str
    ssim_convention: str
    origin: str
    lr: torch.Tensor
    sr: torch.Tensor
    hr: torch.Tensor
    seconds: float
    score: ImageScore

    def consistency(self) -> float:
        """The LR-PSNR: how near the result, reduced as LR pictures are, is to the LR picture; dB, over all values.

        The result is clamped and rounded to 8 bits first. At a high value the model has kept what the LR picture says.
        Reducing the original itself gives infinity where its reduction is the LR picture.
        """
        small, size = self.lr.shape[-2:], tuple(self.sr.shape[-2:])
        pixels = images.to_pixels(self.sr)
        if self.origin == "pil":
            made = datasets.pil_bicubic(pixels, tuple(small))
        elif self.origin == "matlab-float":
            made = resample.imresize(pixels.astype(float), tuple(small))
        else:
            made = resample.imresize(pixels, tuple(small)) if size != tuple(small) else pixels
        error = (torch.from_numpy(made).movedim(-1, 0).float() / 255 - self.lr).double().square().mean().item()
        return math.inf if error == 0 else -10 * math.log10(error)


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
    observe: Callable[[Observation], None] = lambda seen: None,
) -> list[Score]:
    """Scores a model on a set of pictures: one score for each scale.

    protocol: by default the set's own.   ssim_convention: by default the protocol's space (see `metrics.ssim`).
    advance: is called after each picture.   renderer: a function of (model, lr, size) that makes the picture, such as
    `render.render` or `render.self_ensemble`. The model runs on the device of its parameters.
    observe: is called with each picture.
    Raises InputError if a picture is too small for a scale, and if two pictures have the same name.
    """
    protocol = protocol or metrics.PROTOCOLS[dataset.protocol]
    convention = ssim_convention or protocol.space
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    if twins := datasets.twins(dataset.hr):
        name = twins[0].stem
        raise InputError(f"{dataset.name}: holds several pictures named {name!r}, which scores would confuse; rename one")
    scores = []
    for scale in scales:
        rows, origins = [], set()
        for path in dataset.hr:
            seen = _score(partial(renderer, model), device, dataset, path, scale, protocol, convention)
            rows.append(seen.score)
            origins.add(seen.origin)
            observe(seen)
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
) -> Observation:
    """One picture, made and scored.   paint: (lr, size) -> (1, 3, H, W)."""
    if protocol.luma_input:
        lr, hr = luma_pair(path, scale)
        origin = "matlab-float"
    else:
        lr, hr, origin = datasets.pair(dataset, path, scale)
        lr, hr = (images.to_tensor(np.broadcast_to(a, (*a.shape[:2], 3))) for a in (lr, hr))
    started = time.perf_counter()
    sr = paint(lr.expand(3, -1, -1)[None].to(device), tuple(hr.shape[-2:]))[0].float().cpu()   # (3, H, W)
    seconds = time.perf_counter() - started
    if protocol.luma_input:
        sr = sr.mean(0, keepdim=True)
    try:
        row = ImageScore(
            path.stem, metrics.psnr(sr, hr, protocol, scale), metrics.ssim(sr, hr, protocol, scale, convention)
        )
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    return Observation(dataset.name, scale, protocol.name, convention, origin, lr, sr, hr, seconds, row)


def luma_pair(path: Path, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """The LR and HR pictures of the protocol `srcnn`: (1, h, w) and (1, H, W), float, in [0, 1].

    HR is luma rounded to 8 bits. LR is made from it by bicubic reduction and is not rounded.
    """
    pixels, lr_size = datasets.fit(path, datasets.colours(path), scale)
    hr = images.to_tensor(pixels)
    if len(hr) == 3:
        hr = (metrics.luma(hr) * 255).round() / 255
    return resample.bicubic(hr, lr_size, border="mirror"), hr
