import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ipe_sr.imaging import resample

SET5 = ("baby", "bird", "butterfly", "head", "woman")
EDGES = st.integers(1, 40)
BORDERS = st.sampled_from(resample.BORDERS)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("name", SET5)
def test_imresize_is_matlabs_bit_for_bit(data, name, scale):
    folder = data / "benchmark" / "Set5"
    hr = np.array(Image.open(folder / "HR" / f"{name}.png").convert("RGB"))
    lr = np.array(Image.open(folder / "LR_bicubic" / f"X{scale}" / f"{name}x{scale}.png").convert("RGB"))
    got = resample.imresize(hr[: lr.shape[0] * scale, : lr.shape[1] * scale], lr.shape[:2])
    assert got.dtype == np.uint8
    assert np.array_equal(got, lr)


def test_imresize_gray_and_float():
    picture = np.random.default_rng(0).integers(0, 256, (30, 41, 3), dtype=np.uint8)
    small = resample.imresize(picture, (13, 17))
    assert np.array_equal(resample.imresize(picture[..., 1], (13, 17)), small[..., 1])
    plain = resample.imresize(picture.astype(np.float64), (13, 17))
    both = resample.matrix(30, 13).numpy() @ picture[..., 0].astype(float) @ resample.matrix(41, 17).numpy().T
    np.testing.assert_allclose(plain[..., 0], both, atol=1e-10)
    assert np.abs(plain - small).max() <= 1.5   # two roundings


@given(st.tuples(EDGES, EDGES), st.tuples(EDGES, EDGES))
def test_renormalised_border_is_pils(size_in, size_out):
    picture = np.random.default_rng(0).uniform(0, 255, size_in).astype(np.float32)
    pil = np.array(Image.fromarray(picture).resize(size_out[::-1], Image.Resampling.BICUBIC))
    ours = resample.bicubic(torch.from_numpy(picture), size_out, border="renormalise")
    assert ours.shape == size_out
    np.testing.assert_allclose(ours.numpy(), pil, rtol=0, atol=1e-3)


@given(EDGES, EDGES, BORDERS)
def test_taps_stay_inside_and_sum_to_one(n_in, n_out, border):
    index, weight = resample.taps(n_in, n_out, border)
    assert index.shape == weight.shape and len(index) == n_out
    assert index.min() >= 0 and index.max() < n_in
    np.testing.assert_allclose(weight.sum(1), 1, atol=1e-13)
    np.testing.assert_allclose(resample.matrix(n_in, n_out, border).sum(1), 1, atol=1e-13)


@given(EDGES, EDGES, BORDERS)
def test_matrix_is_the_application_of_the_taps(n_in, n_out, border):
    line = torch.rand(n_in, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    index, weight = resample.taps(n_in, n_out, border)
    by_taps = (line.numpy()[index] * weight).sum(1)
    np.testing.assert_allclose(resample.matrix(n_in, n_out, border) @ line, by_taps, atol=1e-13)
    torch.testing.assert_close(resample.bicubic(line[None, None], (1, n_out), border)[0, 0], torch.from_numpy(by_taps))


@given(st.tuples(EDGES, EDGES), st.tuples(EDGES, EDGES), BORDERS)
def test_constants_stay_constant(size_in, size_out, border):
    out = resample.bicubic(torch.full((2, *size_in), 0.3, dtype=torch.float64), size_out, border)
    assert out.shape == (2, *size_out)
    torch.testing.assert_close(out, torch.full_like(out, 0.3), rtol=0, atol=1e-13)


@pytest.mark.parametrize("n_out", [47, 60, 110])
def test_growing_keeps_straight_lines_straight(n_out):
    at = (torch.arange(n_out).double() + 0.5) * 30 / n_out - 0.5
    inside = (at >= 2) & (at <= 27)
    line = resample.matrix(30, n_out) @ torch.arange(30).double()
    torch.testing.assert_close(line[inside], at[inside], rtol=0, atol=1e-12)


@pytest.mark.parametrize("border", resample.BORDERS)
def test_borders_differ_only_near_the_border(border):
    inside, reference = resample.matrix(20, 40, border), resample.matrix(20, 40)
    assert torch.equal(inside[4:-4], reference[4:-4])
    assert torch.equal(inside, reference) == (border == "mirror")


@pytest.mark.parametrize("border", resample.BORDERS)
def test_same_size_returns_the_same(border):
    picture = torch.rand(3, 7, 5)
    assert torch.equal(resample.bicubic(picture, (7, 5), border), picture)
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert np.array_equal(resample.imresize(pixels, (4, 6), border), pixels)


@pytest.mark.parametrize("size", [(3, 9), (8, 4)])
def test_gradients(size):
    picture = torch.rand(1, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resample.bicubic(x, size), picture)


def test_leading_shapes_and_dtype():
    assert resample.bicubic(torch.rand(2, 3, 4, 5), (6, 7)).shape == (2, 3, 6, 7)
    assert resample.bicubic(torch.rand(4, 5, dtype=torch.float64), (6, 7)).dtype == torch.float64


def test_unknown_border():
    with pytest.raises(ValueError, match="mirror, clamp, renormalise"):
        resample.bicubic(torch.rand(4, 4), (8, 8), border="wrap")
