import math

import numpy as np
import pytest
import scipy.integrate
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipe_sr import encodings

CENTRES = st.floats(-2, 2)
RADII = st.floats(1e-3, 1)
CONVENTIONS = st.sampled_from(sorted(encodings.CONVENTIONS))


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


def octaves(count=10, convention="mip-nerf"):
    return encodings.octaves(count, convention, dtype=torch.float64)


def frequency(k, convention):
    return octaves(k + 1, convention)[k].item()


FREQUENCIES = st.builds(frequency, st.integers(0, 9), CONVENTIONS)


def composite_mean(f, centre, radius, panels=256, nodes=32):
    """The mean of f over the pixel by Gauss-Legendre quadrature on many panels."""
    at, weights = np.polynomial.legendre.leggauss(nodes)
    middles = centre + radius * ((2 * np.arange(panels) + 1) / panels - 1)
    return float(f(middles[:, None] + radius / panels * at) @ weights / 2 @ np.full(panels, 1 / panels))


@pytest.mark.parametrize(("convention", "factor"), [("mip-nerf", 1), ("nerf", math.pi)])
def test_octaves(convention, factor):
    assert octaves(5, convention).tolist() == [factor * 2**k for k in range(5)]
    assert octaves(5, "half-octaves").tolist() == [0.5, 0.5**0.5, 1, 2**0.5, 2]
    assert encodings.octaves(3).dtype == torch.get_default_dtype()
    assert encodings.octaves(0).shape == (0,)


def test_octaves_errors():
    with pytest.raises(ValueError, match="mip-nerf, nerf, half-octaves"):
        encodings.octaves(3, "fourier")
    with pytest.raises(ValueError, match="-1"):
        encodings.octaves(-1)


@given(CENTRES, RADII, FREQUENCIES)
def test_integrated_is_the_mean_over_the_pixel(centre, radius, w):
    sine, cosine = encodings.integrated(f64(centre), f64(radius), f64(w)).tolist()
    assert sine == pytest.approx(composite_mean(lambda x: np.sin(w * x), centre, radius), rel=0, abs=1e-12)
    assert cosine == pytest.approx(composite_mean(lambda x: np.cos(w * x), centre, radius), rel=0, abs=1e-12)


@given(CENTRES, RADII, st.integers(0, 4), CONVENTIONS)
def test_integrated_agrees_with_quadpack(centre, radius, k, convention):
    w = frequency(k, convention)
    for f, mean in zip((math.sin, math.cos), encodings.integrated(f64(centre), f64(radius), f64(w)).tolist(), strict=True):
        integral, _ = scipy.integrate.quad(
            lambda x, f=f: f(w * x), centre - radius, centre + radius, epsabs=1e-13, epsrel=1e-12, limit=200
        )
        assert mean == pytest.approx(integral / (2 * radius), rel=0, abs=1e-12)


@given(CENTRES, CENTRES, CONVENTIONS)
def test_radius_zero_is_the_point(y, x, convention):
    centre, w = f64(y, x), octaves(10, convention)
    point = encodings.positional(centre, w)
    assert torch.equal(encodings.integrated(centre, torch.zeros(2).double(), w), point)
    assert torch.equal(encodings.gaussian(centre, torch.zeros(2).double(), w), point)


@given(CENTRES, st.integers(1, 200), FREQUENCIES)
def test_whole_periods_average_out(centre, n, w):
    assert encodings.integrated(f64(centre), f64(n * math.pi / w), f64(w)).abs().max() < 1e-12


@given(CENTRES, RADII, st.integers(2, 9), CONVENTIONS)
def test_mean_of_sub_pixels_is_the_pixel(centre, radius, k, convention):
    w = octaves(10, convention)
    parts = centre + radius * ((2 * torch.arange(k).double() + 1) / k - 1)
    mean = encodings.integrated(parts[:, None], f64(radius / k), w).mean(0)
    torch.testing.assert_close(mean, encodings.integrated(f64(centre), f64(radius), w), rtol=0, atol=2e-12)


@given(st.tuples(CENTRES, CENTRES), st.tuples(RADII, RADII), st.tuples(st.integers(1, 5), st.integers(1, 5)))
def test_mean_of_sub_pixels_is_the_pixel_in_two_dimensions(centre, radius, grid):
    centre, radius, grid = f64(*centre), f64(*radius), torch.tensor(grid)
    axes = [c + r * ((2 * torch.arange(k).double() + 1) / k - 1) for c, r, k in zip(centre, radius, grid, strict=True)]
    mean = encodings.integrated(torch.cartesian_prod(*axes), radius / grid, octaves()).mean(0)
    torch.testing.assert_close(mean, encodings.integrated(centre, radius, octaves()), rtol=0, atol=2e-12)


def test_layout_is_all_sines_axis_by_axis_then_all_cosines():
    (y, x), (ry, rx), w = (0.3, -1.1), (0.2, 0.05), [1.0, 2.0, 4.0]
    code = encodings.integrated(f64(y, x), f64(ry, rx), f64(*w)).tolist()
    axes = [(y, ry), (x, rx)]
    expected = [f(k * c) * math.sin(k * r) / (k * r) for f in (math.sin, math.cos) for c, r in axes for k in w]
    assert code == pytest.approx(expected, abs=1e-15)


def three_nodes(centre, radius, w):
    return encodings.gauss_legendre(centre, radius, w, 3)


@pytest.mark.parametrize("code", [encodings.integrated, encodings.gaussian, three_nodes])
def test_leading_shapes_and_broadcasting(code):
    centre, radius, w = torch.rand(4, 1, 5, 2).double(), torch.rand(3, 1, 2).double(), octaves(6)
    whole = code(centre, radius, w)
    assert whole.shape == (4, 3, 5, 24)
    torch.testing.assert_close(whole[2, 1, 3], code(centre[2, 0, 3], radius[1, 0], w))
    assert code(centre[0, 0], radius[0, 0], w).shape == (5, 24)
    assert code(torch.zeros(0, 2).double(), radius[0], w).shape == (0, 24)


@given(CENTRES, RADII, CONVENTIONS)
def test_float32_keeps_its_precision(centre, radius, convention):
    exact = encodings.integrated(f64(centre), f64(radius), octaves(10, convention))
    args = (torch.tensor([a], dtype=torch.float32) for a in (centre, radius))
    single = encodings.integrated(*args, octaves(10, convention).float())
    assert (exact.dtype, single.dtype) == (torch.float64, torch.float32)
    rounding = 512 * math.pi * (2 + 1) * 2**-23   # of the phase w c at the highest frequency, the inputs' own included
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=rounding)


@pytest.mark.parametrize("radius", [(0.0, 0.0), (0.4, 0.0), (1e-9, 0.9)])
@pytest.mark.parametrize("name", ["integrated", "gaussian"])
def test_gradients_of_area_codes(name, radius):
    centre, radius = f64(0.7, -1.3).requires_grad_(), f64(*radius).requires_grad_()
    code = getattr(encodings, name)
    assert torch.autograd.gradcheck(lambda c, r: code(c, r, octaves(6)), (centre, radius))
    grads = torch.autograd.grad(code(centre, radius, octaves(10)).sum(), (centre, radius))
    assert all(grad.isfinite().all() for grad in grads)


def test_gradients_of_points():
    assert torch.autograd.gradcheck(lambda c: encodings.positional(c, octaves(6)), f64(0.7, -1.3).requires_grad_())


@given(CENTRES, RADII, st.integers(0, 4))
def test_gaussian_is_the_mean_under_a_normal_distribution_with_variance_a_third_of_r_squared(centre, radius, k):
    at, weights = np.polynomial.hermite_e.hermegauss(100)
    points = 2.0**k * (centre + radius / math.sqrt(3) * at)
    weights = weights / math.sqrt(2 * math.pi)
    code = encodings.gaussian(f64(centre), f64(radius), f64(2.0**k))
    assert code.tolist() == pytest.approx([np.sin(points) @ weights, np.cos(points) @ weights], abs=1e-12)


@pytest.mark.parametrize("wr", [0.05, 0.1, 0.2, 0.4])
def test_gaussian_agrees_with_the_pixel_to_fourth_order(wr):
    args = f64(0.0), f64(wr), f64(1.0)
    excess = (encodings.gaussian(*args) - encodings.integrated(*args))[1].item()
    assert 0.95 < excess / (wr**4 / 180) < 1


@given(CENTRES, RADII, st.integers(0, 6))
def test_gauss_legendre_converges_to_the_pixel(centre, radius, k):
    args = f64(centre), f64(radius), f64(2.0**k)
    exact = encodings.integrated(*args)
    torch.testing.assert_close(encodings.gauss_legendre(*args, nodes=int(2**k * radius / 2) + 20), exact, rtol=0, atol=1e-12)
    torch.testing.assert_close(encodings.gauss_legendre(*args, nodes=1), encodings.positional(args[0], args[2]))


@pytest.mark.parametrize("sampler", encodings.SAMPLERS)
@pytest.mark.parametrize("samples", [16, 256])
def test_monte_carlo_is_unbiased_and_its_standard_error_calibrated(sampler, samples):
    generator = torch.Generator().manual_seed(7)
    centre, radius, w = f64(0.3, -1.2), f64(0.9, 0.35), octaves(5)
    args = {"samples": samples, "sampler": sampler, "generator": generator, "replicates": 8 if samples == 16 else 16}
    repeats = [encodings.monte_carlo(centre, radius, w, **args) for _ in range(250)]
    exact = encodings.integrated(centre, radius, w)
    means, errors = (torch.stack(column) for column in zip(*repeats, strict=True))
    grand_error = means.std(0) / len(means) ** 0.5
    assert ((means.mean(0) - exact).abs() < 5 * grand_error + 1e-9).all()
    # root mean square of the claimed errors against the spread that is there
    ratio = errors.square().mean(0).sqrt() / means.std(0)
    assert ((ratio > 0.8) & (ratio < 1.2)).all(), ratio
    if samples == 256:   # with few groups the z-scores have a t distribution's wider spread
        z = (means - exact) / errors
        assert 0.8 < z.std().item() < 1.2


@pytest.mark.parametrize("sampler", encodings.SAMPLERS)
def test_monte_carlo_shapes_and_reproducibility(sampler):
    def draw(seed):
        args = torch.zeros(3, 1, 2), torch.full((4, 2), 0.5), encodings.octaves(6)
        return encodings.monte_carlo(*args, 64, sampler, generator=torch.Generator().manual_seed(seed))

    first, again, other = draw(1), draw(1), draw(2)
    assert first.mean.shape == first.standard_error.shape == (3, 4, 24)
    assert first.mean.dtype == torch.float32
    assert torch.equal(first.mean, again.mean) and torch.equal(first.standard_error, again.standard_error)
    assert not torch.equal(first.mean, other.mean)


@pytest.mark.parametrize(("sampler", "samples"), [
    ("plain", 0), ("plain", 1), ("stratified", 7), ("stratified", 0), ("quasi-random", 24),
])
def test_monte_carlo_refuses_samples_that_it_cannot_divide(sampler, samples):
    with pytest.raises(ValueError, match=f"{sampler}.*{samples}"):
        encodings.monte_carlo(f64(0.0), f64(1.0), octaves(2), samples, sampler)


def test_monte_carlo_unknown_sampler():
    with pytest.raises(ValueError, match="plain, stratified, quasi-random"):
        encodings.monte_carlo(f64(0.0), f64(1.0), octaves(2), 16, "halton")
