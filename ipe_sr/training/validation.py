"""Validation during training, always on the same crops at the same scales, so that curves can be compared."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ipe_sr.errors import InputError
from ipe_sr.imaging import metrics, resample
from ipe_sr.training.batches import Store

CROP = 192   # HR pixels a side, at most
MOST = 16    # pictures, at most


@dataclass(frozen=True)
class Crop:
    """One picture at one scale.   lr: (3, h, w), hr: (3, H, W), both in [0, 1]."""

    scale: float
    lr: Tensor
    hr: Tensor


def crops(store: Store, scales: tuple[float, ...]) -> list[Crop]:
    """The middle of each picture at each scale, with its LR version: bicubic, rounded to 8 bits.

    Raises InputError for a picture that is too small.
    """
    made = []
    for scale in scales:
        for i in range(min(len(store), MOST)):
            picture = store.picture(i)
            sides = [int(min(CROP, n) / scale) for n in picture.shape[:2]]
            height, width = (round(n * scale) for n in sides)
            if min(height, width) <= 2 * metrics.PROTOCOLS["div2k"].shave(scale):
                raise InputError(f"{store.index[i][0]}: too small to validate at scale {scale:g}")
            top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
            hr = picture[top : top + height, left : left + width].movedim(-1, 0).float() / 255
            lr = (resample.bicubic(hr, tuple(sides)) * 255).round().clamp(0, 255) / 255
            made.append(Crop(scale, lr, hr))
    return made


@torch.no_grad()
def psnr(model: nn.Module, made: list[Crop], device: torch.device, prefix: str = "psnr") -> dict[str, float]:
    """The mean PSNR of the crops of each scale, in dB, by protocol div2k: {"psnr_x2": 33.1, ...}.   prefix: of the names."""
    training = model.training
    model.eval()
    values: dict[str, list[float]] = {}
    for crop in made:
        sr = model(crop.lr[None].to(device), tuple(crop.hr.shape[-2:]))[0].float().cpu()
        values.setdefault(f"{prefix}_x{crop.scale:g}", []).append(metrics.psnr(sr, crop.hr, "div2k", crop.scale))
    model.train(training)
    return {name: sum(some) / len(some) for name, some in values.items()}
