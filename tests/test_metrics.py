import math

import numpy as np
import pytest
import scipy.ndimage
import torch
import torchmetrics

from ipe_sr.imaging import metrics

WEIGHTS = np.array([65.738, 129.057, 25.064]) / 256   # of the difference, as LIIF's code has them


@pytest.fixture
def pair():
    """A noisy version, partly outside [0, 1], and its 8-bit original: (3, 40, 46) each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :46]
    hr = np.stack([0.5 + 0.5 * np.sin(0.3 * y + c + 0.2 * x) for c in range(3)])
    hr = (hr * 255).round() / 255
    sr = hr + rng.normal(0, 0.05, hr.shape)
    return torch.from_numpy(sr), torch.from_numpy(hr)


def quantised(x):
    return np.round(x * 255) / 255


def by_hand(sr, hr, protocol, scale):
    sr, hr = sr.numpy().clip(0, 1), hr.numpy().clip(0, 1)
    n = math.ceil(scale) + (6 if protocol == "div2k" else 0)
    if protocol == "div2k":
        difference = sr - hr
    elif protocol == "benchmark":
        difference = np.tensordot(WEIGHTS, sr - hr, 1)
    elif protocol == "edsr":
        difference = np.tensordot(WEIGHTS, quantised(sr) - hr, 1)
    else:
        sr = quantised(sr) if protocol == "paper-table2" else sr
        y_sr, y_hr = (quantised(np.tensordot(WEIGHTS, x, 1) + 16 / 255) for x in (sr, hr))
        difference = y_sr - y_hr
    return -10 * math.log10(np.square(difference[..., n:-n, n:-n]).mean())


@pytest.mark.parametrize("scale", [2, 2.5, 4])
@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
def test_psnr_by_hand(pair, protocol, scale):
    got = metrics.psnr(*pair, protocol, scale)
    assert got == pytest.approx(by_hand(*pair, protocol, scale), abs=1e-3)
    assert metrics.psnr(*pair, metrics.PROTOCOLS[protocol], scale) == got


@pytest.mark.parametrize("protocol", metrics.PROTOCOLS)
def test_equal_pictures(pair, protocol):
    _, hr = pair
    assert metrics.psnr(hr, hr, protocol, 2) == math.inf
    for convention in metrics.SSIM_CONVENTIONS:
        assert metrics.ssim(hr, hr, protocol, 2, convention) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("protocol", "margin"), [
    ("div2k", 9), ("benchmark", 3), ("edsr", 3), ("srcnn", 3), ("paper-table2", 3),
])
def test_the_shaved_border_does_not_count(pair, protocol, margin):
    sr, hr = pair
    framed = sr.clone()
    for edge in (framed[:, :margin], framed[:, -margin:], framed[..., :margin], framed[..., -margin:]):
        edge.fill_(0.77)
    assert metrics.psnr(framed, hr, protocol, 2.7) == metrics.psnr(sr, hr, protocol, 2.7)
    framed[0, margin, margin] = float(hr[0, margin, margin] < 0.5)   # the first pixel that does
    assert metrics.psnr(framed, hr, protocol, 2.7) != metrics.psnr(sr, hr, protocol, 2.7)


def test_both_are_clamped_first(pair):
    sr, hr = pair
    assert (sr > 1).any() and (sr < 0).any()
    assert metrics.psnr(sr, hr, "div2k", 2) == metrics.psnr(sr.clamp(0, 1), hr, "div2k", 2)


def test_luma_of_known_colours():
    colours = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=torch.float64).T.reshape(3, 1, 5)
    expected = [16, 235, 16 + 65.481, 16 + 128.553, 16 + 24.966]
    assert (metrics.luma(colours) * 255).flatten().tolist() == pytest.approx(expected, abs=1e-9)


def test_one_channel_is_taken_as_luma(pair):
    sr, hr = (metrics.luma(x.clamp(0, 1)) for x in pair)
    assert metrics.psnr(sr, hr, "benchmark", 3) == pytest.approx(metrics.psnr(*pair, "benchmark", 3), abs=1e-9)


def test_a_protocol_may_shave_nothing(pair):
    sr, hr = (x.clamp(0, 1) for x in pair)
    whole = metrics.Protocol("whole", "rgb", margin=-2)
    expected = -10 * math.log10((sr - hr).square().mean().item())
    assert metrics.psnr(*pair, whole, 2) == pytest.approx(expected, abs=1e-4)
    assert 0 < metrics.ssim(*pair, whole, 2) < 1


def test_psnr_of_a_batch_is_over_all_its_pixels(pair):
    sr, hr = pair
    batch = metrics.psnr(torch.stack([sr, hr]), torch.stack([hr, hr]), "div2k", 2)
    assert batch == pytest.approx(metrics.psnr(sr, hr, "div2k", 2) + 10 * math.log10(2), abs=1e-9)


def inner_windows(sr, hr):
    """torchmetrics' SSIM of (C, H, W), of the windows inside the picture."""
    _, full = torchmetrics.functional.image.structural_similarity_index_measure(
        sr[None].double(), hr[None].double(), data_range=1.0, return_full_image=True
    )
    return full[..., 5:-5, 5:-5].mean().item()


def test_rgb_ssim_is_torchmetrics(pair):
    sr, hr = (x.clamp(0, 1)[:, 8:-8, 8:-8] for x in pair)
    assert metrics.ssim(*pair, "div2k", 2) == pytest.approx(inner_windows(sr, hr), abs=1e-9)


def test_luma_ssim_is_torchmetrics_of_luma(pair):
    sr, hr = (metrics.luma(x.double().clamp(0, 1))[:, 3:-3, 3:-3] for x in pair)
    assert metrics.ssim(*pair, "benchmark", 3) == pytest.approx(inner_windows(sr, hr), abs=1e-6)


@pytest.mark.parametrize("size", ["small", "photograph"])
def test_volume_ssim_windows_run_across_channels_and_repeat_the_edge(pair, size):
    if size == "photograph":   # must fit in memory
        pair = [x.repeat(1, 8, 8) for x in pair]
    sr, hr = (x.numpy().clip(0, 1)[:, 8:-8, 8:-8] for x in pair)

    def mean(x):
        return scipy.ndimage.gaussian_filter(x, 1.5, truncate=3.5, mode="nearest")

    a, b = mean(sr), mean(hr)
    variances, covariance = mean(sr * sr) - a * a + mean(hr * hr) - b * b, mean(sr * hr) - a * b
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * a * b + c1) * (2 * covariance + c2) / ((a * a + b * b + c1) * (variances + c2))
    assert metrics.ssim(*pair, "div2k", 2, "volume") == pytest.approx(expected.mean(), abs=1e-6)


def test_ssim_conventions_differ(pair):
    values = sorted(metrics.ssim(*pair, "div2k", 2, convention) for convention in metrics.SSIM_CONVENTIONS)
    assert values[1] - values[0] > 1e-3 and values[2] - values[1] > 1e-3


def test_errors(pair):
    sr, hr = pair
    with pytest.raises(ValueError, match="div2k, benchmark, edsr, srcnn"):
        metrics.psnr(sr, hr, "imagenet", 2)
    with pytest.raises(ValueError, match="rgb, luma, volume"):
        metrics.ssim(sr, hr, "div2k", 2, "hsv")
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.psnr(sr[:, :-1], hr, "div2k", 2)
    with pytest.raises(ValueError, match="leaves nothing"):
        metrics.psnr(sr, hr, "benchmark", 20)
    with pytest.raises(ValueError, match="11 x 11"):
        metrics.ssim(sr, hr, "benchmark", 16)
