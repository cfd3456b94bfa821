"""PSNR and SSIM under named protocols. Figures of different protocols cannot be compared.

Pictures are (..., 3, H, W) floats, nominally in [0, 1], or (..., 1, H, W) if they are luma already.
"""

import math

import numpy as np
import torch
from torch import Tensor

from ipe_sr.imaging.protocols import PROTOCOLS, SSIM_CONVENTIONS, Protocol

# ITU-R BT.601 studio swing, as MATLAB's rgb2ycbcr: Y in [16, 235] / 255 for RGB in [0, 1].
LUMA = (65.481 / 255, 128.553 / 255, 24.966 / 255)


def luma(rgb: Tensor) -> Tensor:
    """Y of ITU-R BT.601: (..., 3, H, W) in [0, 1]  ->  (..., 1, H, W) in [16/255, 235/255]."""
    weights = torch.tensor(LUMA, dtype=rgb.dtype, device=rgb.device).reshape(3, 1, 1)
    return (rgb * weights).sum(-3, keepdim=True) + 16 / 255


def psnr(sr: Tensor, hr: Tensor, protocol: Protocol | str, scale: float) -> float:
    """Peak signal-to-noise ratio in dB, with peak 1, over all pixels; inf for equal pictures.

    sr, hr: (..., 3, H, W), of the same shape.   scale: determines the shave. Raises ValueError if the shapes differ, if the
    shave leaves no pixels, and for an unknown protocol.
    """
    sr, hr = _prepare(sr, hr, protocol, scale)
    error = (sr - hr).double().square().mean().item()
    return math.inf if error == 0 else -10 * math.log10(error)


def ssim(sr: Tensor, hr: Tensor, protocol: Protocol | str, scale: float, convention: str | None = None) -> float:
    """Structural similarity (Wang et al. 2004): 11-tap Gaussian window, sigma 1.5, data range 1.

    convention: "rgb" is the mean over the channels; "luma" is the SSIM of Y; "volume" is MATLAB's `ssim` of the H x W x 3
    array, whose window also extends across the channels. The default is the protocol's space. "rgb" and "luma" use only
    windows inside the picture, "volume" repeats the edge. Figures of different conventions cannot be compared.
    Raises ValueError as `psnr` does, for an unknown convention, and if fewer than 11 x 11 pixels are left.
    """
    protocol = _named(protocol)
    convention = convention or protocol.space
    if convention not in SSIM_CONVENTIONS:
        raise ValueError(f"SSIM convention {convention!r} is unknown: use one of {', '.join(SSIM_CONVENTIONS)}")
    space = "luma" if convention == "luma" else "rgb"
    sr, hr = (x.reshape(-1, *x.shape[-3:]).double() for x in _prepare(sr, hr, protocol, scale, space))   # (B, C, H, W)
    if min(sr.shape[-2:]) < 11:
        raise ValueError(f"SSIM needs 11 x 11 pixels after shaving, {tuple(sr.shape[-2:])} are left")
    if convention == "volume":
        stacks = [[np.pad(x, BORDER, mode="edge") for x in _arrays(p)] for p in (sr, hr)]   # (13, H + 10, W + 10)
    else:
        stacks = [_arrays(p.flatten(0, 1)) for p in (sr, hr)]                           # (H, W)
    return float(np.mean([_mean_of_inner_windows(*pair) for pair in zip(*stacks, strict=True)]))


BORDER = 5   # half the width of the window


def _arrays(tensors: Tensor) -> list[np.ndarray]:
    return list(tensors.cpu().numpy())


def _mean_of_inner_windows(a: np.ndarray, b: np.ndarray) -> float:
    """The mean SSIM of the windows that lie inside two arrays, which may have any number of axes."""
    from skimage.metrics import structural_similarity  # its windows are separable, which is far faster than a convolution

    options = {"sigma": 1.5, "gaussian_weights": True, "use_sample_covariance": False}
    _, every_window = structural_similarity(a, b, data_range=1.0, full=True, **options)
    return every_window[(slice(BORDER, -BORDER),) * a.ndim].mean()


def _named(protocol: Protocol | str) -> Protocol:
    if isinstance(protocol, Protocol):
        return protocol
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is unknown: use one of {', '.join(PROTOCOLS)}")
    return PROTOCOLS[protocol]


def _prepare(
    sr: Tensor, hr: Tensor, protocol: Protocol | str, scale: float, space: str | None = None
) -> tuple[Tensor, Tensor]:
    protocol = _named(protocol)
    if sr.shape != hr.shape:
        raise ValueError(f"pictures differ in shape: {tuple(sr.shape)} against {tuple(hr.shape)}")
    n = protocol.shave(scale)
    if min(sr.shape[-2:]) <= 2 * n:
        raise ValueError(f"a shave of {n} at scale {scale:g} leaves nothing of {tuple(sr.shape[-2:])} pixels")
    sr, hr = (x.clamp(0, 1) for x in (sr, hr))
    in_luma = (space or protocol.space) == "luma"
    if protocol.quantise:
        sr = (sr * 255).round() / 255
    if in_luma and sr.shape[-3] == 3:                        # one channel is luma already
        sr, hr = luma(sr), luma(hr)
    if protocol.quantise_luma and sr.shape[-3] == 1:
        sr, hr = ((x * 255).round() / 255 for x in (sr, hr))
    return tuple(x[..., n : x.shape[-2] - n, n : x.shape[-1] - n] for x in (sr, hr))
