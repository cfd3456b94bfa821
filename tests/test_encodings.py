"""Encodings: the closed forms against quadrature, their limits and gradients, the estimates, and the table of encodings."""

import functools
import itertools
import math

import numpy as np
import pytest
import scipy.integrate
import scipy.interpolate
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipe_sr import encodings
from ipe_sr.errors import InputError
from ipe_sr.imaging import resample

BUILT_IN = ("coordinate", "positional", "integrated", "tent", "gaussian", "bicubic")
BY_SHAPE = {"box": "integrated", "tent": "tent", "gaussian": "gaussian", "bicubic": "bicubic"}   # shape -> encoding
AREAS = tuple(BY_SHAPE.values())
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


# Shape -> its density for radius 1, and the ends of its pieces. The normal distribution ends at 12 standard deviations.
DENSITIES = {
    "box": (lambda x: np.full_like(x, 0.5), [-1, 1]),
    "tent": (lambda x: 1 - np.abs(x), [-1, 0, 1]),
    "gaussian": (lambda x: np.sqrt(1.5 / np.pi) * np.exp(-1.5 * x**2), [-7, -3.5, 0, 3.5, 7]),
    "bicubic": (lambda x: resample.cubic(x / 2) / 2, [-4, -2, 0, 2, 4]),
}


def mean_under(shape, f, centre, radius):
    """The mean of f under a pixel's density, piece by piece."""
    density, ends = DENSITIES[shape]
    return sum(
        (high - low) * composite_mean(lambda x: density(x) * f(centre + radius * x), (low + high) / 2, (high - low) / 2)
        for low, high in itertools.pairwise(ends)
    )


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


@pytest.mark.parametrize("shape", DENSITIES)
@given(centre=CENTRES, radius=RADII, w=FREQUENCIES)
def test_encodings_of_areas_are_means_under_the_density_of_their_shape(shape, centre, radius, w):
    """The closed form is the quadrature of sin(w x) and cos(w x) under each shape."""
    sine, cosine = encodings.ENCODINGS[BY_SHAPE[shape]](f64(centre), f64(radius), f64(w)).tolist()
    assert sine == pytest.approx(mean_under(shape, lambda x: np.sin(w * x), centre, radius), rel=0, abs=1e-12)
    assert cosine == pytest.approx(mean_under(shape, lambda x: np.cos(w * x), centre, radius), rel=0, abs=1e-12)


NEAR_ZERO, ZEROS, LARGE = st.floats(0, 1e-3), st.integers(1, 500).map(lambda n: n * math.pi), st.floats(0, 1608)


@pytest.mark.parametrize("shape", DENSITIES)
@given(t=NEAR_ZERO | ZEROS | LARGE)
def test_dampings_are_the_transforms_of_their_shapes(shape, t):
    """The damping is the quadrature of cos(t x) under the density: near 0, at its zeros and far out."""
    transform = mean_under(shape, lambda x: np.cos(t * x), 0, 1)
    assert encodings.SHAPES[shape](f64(t)).item() == pytest.approx(transform, rel=0, abs=1e-12)


@pytest.mark.parametrize("shape", DENSITIES)
@given(t=st.floats(0, 1e4))
def test_dampings_are_one_at_zero_even_and_at_most_one(shape, t):
    damping = encodings.SHAPES[shape]
    assert damping(f64(0)).item() == 1
    assert torch.equal(damping(f64(t)), damping(f64(-t)))
    assert damping(f64(t)).abs().item() <= 1 + 1e-15
    if shape in ("tent", "gaussian"):
        assert damping(f64(t)).item() >= 0


@given(CENTRES, RADII, FREQUENCIES)
def test_a_tent_is_a_box_convolved_with_itself(centre, radius, w):
    """The mean of boxes of half the radius, over a box of half the radius, is the tent."""
    for i, tent in enumerate(encodings.tent(f64(centre), f64(radius), f64(w)).tolist()):
        def box(x, i=i):
            places = torch.from_numpy(x)[..., None]
            return encodings.integrated(places, f64(radius / 2), f64(w))[..., i].numpy()

        assert tent == pytest.approx(composite_mean(box, centre, radius / 2), rel=0, abs=1e-12)


def test_the_bicubic_kernel_consists_of_the_splines_that_its_transform_is_derived_from():
    """k(x) = 3 b_3(x) - b_2(x - 1/2) - b_2(x + 1/2)."""
    def spline(degree, x):
        knots = np.arange(degree + 2) - (degree + 1) / 2
        return np.nan_to_num(scipy.interpolate.BSpline.basis_element(knots, extrapolate=False)(x))

    x = np.linspace(-2.5, 2.5, 2001)
    splines = 3 * spline(3, x) - spline(2, x - 0.5) - spline(2, x + 0.5)
    np.testing.assert_allclose(splines, resample.cubic(x), rtol=0, atol=1e-14)


def test_the_bicubic_kernel_has_mass_one_and_reproduces_lines():
    """Shifted by whole pixels, the kernels sum to 1 and their places average to x; so the transform has the zeros n pi."""
    assert mean_under("bicubic", np.ones_like, 0, 1) == pytest.approx(1, abs=1e-14)
    x, places = np.linspace(-1, 1, 101), np.arange(-4, 5)
    weights = resample.cubic(x[:, None] - places)
    np.testing.assert_allclose(weights.sum(1), 1, rtol=0, atol=1e-14)
    np.testing.assert_allclose(weights @ places, x, rtol=0, atol=1e-14)
    t = (math.pi * torch.arange(1, 50, dtype=torch.float64)).requires_grad_()
    damping = encodings.bicubic_damping(t)
    (slope,) = torch.autograd.grad(damping.sum(), t)
    assert damping.abs().max() < 1e-14 and slope.abs().max() < 1e-14


@given(st.floats(0.05, 3.5), st.floats(0, 6))
def test_the_bicubic_encoding_is_what_bicubic_reduction_makes_of_a_wave(w, shift):
    """A finely sampled wave, made smaller by `resample.matrix`, has the values of the encoding at the middle pixel."""
    n, finer = 17, 64
    fine = 2 * ((torch.arange(n * finer, dtype=torch.float64) + 0.5) / finer - 0.5) - (n - 1) + shift   # middle pixel at shift
    small = resample.matrix(n * finer, n) @ torch.stack([(w * fine).sin(), (w * fine).cos()], -1)       # (n, 2)
    torch.testing.assert_close(small[n // 2], encodings.bicubic(f64(shift), f64(1), f64(w)), rtol=0, atol=1e-5)


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
    for name in AREAS:
        assert torch.equal(encodings.ENCODINGS[name](centre, torch.zeros(2).double(), w), point)


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
    encoded = encodings.integrated(f64(y, x), f64(ry, rx), f64(*w)).tolist()
    axes = [(y, ry), (x, rx)]
    expected = [f(k * c) * math.sin(k * r) / (k * r) for f in (math.sin, math.cos) for c, r in axes for k in w]
    assert encoded == pytest.approx(expected, abs=1e-15)


def three_nodes(centre, radius, w):
    return encodings.gauss_legendre(centre, radius, w, 3)


@pytest.mark.parametrize("encoding", [encodings.integrated, encodings.tent, encodings.gaussian, encodings.bicubic, three_nodes])
def test_leading_shapes_and_broadcasting(encoding):
    centre, radius, w = torch.rand(4, 1, 5, 2).double(), torch.rand(3, 1, 2).double(), octaves(6)
    whole = encoding(centre, radius, w)
    assert whole.shape == (4, 3, 5, 24)
    torch.testing.assert_close(whole[2, 1, 3], encoding(centre[2, 0, 3], radius[1, 0], w))
    assert encoding(centre[0, 0], radius[0, 0], w).shape == (5, 24)
    assert encoding(torch.zeros(0, 2).double(), radius[0], w).shape == (0, 24)


@pytest.mark.parametrize("name", AREAS)
@given(centre=CENTRES, radius=RADII, convention=CONVENTIONS)
def test_float32_keeps_its_precision(name, centre, radius, convention):
    encoding = encodings.ENCODINGS[name]
    exact = encoding(f64(centre), f64(radius), octaves(10, convention))
    args = (torch.tensor([a], dtype=torch.float32) for a in (centre, radius))
    single = encoding(*args, octaves(10, convention).float())
    assert (exact.dtype, single.dtype) == (torch.float64, torch.float32)
    rounding = 512 * math.pi * (2 + 1) * 2**-23   # of the phase w c at the highest frequency, the inputs' own included
    torch.testing.assert_close(single.double(), exact, rtol=0, atol=rounding)


@pytest.mark.parametrize("shape", DENSITIES)
def test_dampings_and_their_gradients_are_right_in_float32_for_small_arguments(shape):
    """Values keep the digits of float32, gradients about half of them: no cancellation, division by zero or underflow."""
    t = torch.cat([torch.zeros(1), torch.logspace(-44, 0, 2000)]).requires_grad_()
    damping = encodings.SHAPES[shape](t)
    (slope,) = torch.autograd.grad(damping.sum(), t)
    fine = t.detach().double().requires_grad_()
    (exact_slope,) = torch.autograd.grad(encodings.SHAPES[shape](fine).sum(), fine)
    torch.testing.assert_close(damping.detach().double(), encodings.SHAPES[shape](fine.detach()), rtol=0, atol=1e-6)
    torch.testing.assert_close(slope.double(), exact_slope, rtol=0, atol=5e-3)


@pytest.mark.parametrize("radius", [(0.0, 0.0), (0.4, 0.0), (1e-9, 0.9)])
@pytest.mark.parametrize("name", AREAS)
def test_gradients_of_encodings_of_areas(name, radius):
    """Gradients with respect to centre, radius and frequencies agree with finite differences, at points too."""
    centre, radius = f64(0.7, -1.3).requires_grad_(), f64(*radius).requires_grad_()
    encoding = encodings.ENCODINGS[name]
    assert torch.autograd.gradcheck(encoding, (centre, radius, octaves(6).requires_grad_()))
    grads = torch.autograd.grad(encoding(centre, radius, octaves(10)).sum(), (centre, radius))
    assert all(grad.isfinite().all() for grad in grads)


def test_gradients_of_points():
    assert torch.autograd.gradcheck(lambda c: encodings.positional(c, octaves(6)), f64(0.7, -1.3).requires_grad_())


@given(CENTRES, RADII, st.integers(0, 4))
def test_gaussian_is_the_mean_under_a_normal_distribution_with_variance_a_third_of_r_squared(centre, radius, k):
    at, weights = np.polynomial.hermite_e.hermegauss(100)
    points = 2.0**k * (centre + radius / math.sqrt(3) * at)
    weights = weights / math.sqrt(2 * math.pi)
    encoded = encodings.gaussian(f64(centre), f64(radius), f64(2.0**k))
    assert encoded.tolist() == pytest.approx([np.sin(points) @ weights, np.cos(points) @ weights], abs=1e-12)


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


def test_the_table_holds_the_built_in_encodings():
    assert tuple(encodings.ENCODINGS)[: len(BUILT_IN)] == BUILT_IN
    centre, radius, w = torch.rand(3, 2), torch.rand(2), encodings.octaves(4)
    assert encodings.ENCODINGS["coordinate"](centre, radius, w) is centre
    assert torch.equal(encodings.ENCODINGS["positional"](centre, radius, w), encodings.positional(centre, w))


@pytest.mark.parametrize("name", encodings.ENCODINGS)
def test_every_encoding_keeps_the_contract(name):
    """Shape, dtype, separate axes and finite gradients, for every entry of the table."""
    encoding = encodings.ENCODINGS[name]
    centre, radius = torch.rand(5, 4, 2).double() - 0.5, torch.rand(2).double()
    w, nothing = octaves(6), torch.zeros_like(centre[0, 0])
    whole = encoding(centre, radius, w)
    assert whole.shape == (5, 4, *encoding(nothing, nothing, w).shape)
    assert encoding(centre, radius, octaves(0)).shape[:-1] == (5, 4)
    for dtype in (torch.float32, torch.float64):
        assert encoding(centre.to(dtype), radius.to(dtype), w.to(dtype)).dtype == dtype
    y, x = (centre * torch.eye(2).double()[axis] for axis in (0, 1))
    sum_of_axes = encoding(y, radius, w) + encoding(x, radius, w) - encoding(nothing, radius, w)
    torch.testing.assert_close(whole, sum_of_axes, rtol=0, atol=1e-13)
    at_a_point = centre.clone().requires_grad_(), torch.zeros(2).double().requires_grad_()
    grads = torch.autograd.grad(encoding(*at_a_point, w).sum(), at_a_point, allow_unused=True)
    assert all(grad is None or grad.isfinite().all() for grad in grads)


@pytest.mark.parametrize("shape", BY_SHAPE)
def test_every_shape_makes_its_encoding(shape):
    centre, radius, w = torch.rand(3, 2), torch.rand(2), encodings.octaves(4)
    by_shape = encodings.damped(encodings.SHAPES[shape], centre, radius, w)
    assert torch.equal(by_shape, encodings.ENCODINGS[BY_SHAPE[shape]](centre, radius, w))


@pytest.fixture
def tables(monkeypatch):
    """Copies of the tables, which a test may change."""
    monkeypatch.setattr(encodings, "ENCODINGS", dict(encodings.ENCODINGS))
    monkeypatch.setattr(encodings, "SHAPES", dict(encodings.SHAPES))


def test_a_plugin_registers_an_encoding(tables):
    @encodings.register("distance")
    def distance(centre, radius, frequencies):
        return torch.cat([centre.abs(), radius.expand_as(centre)], -1)

    assert encodings.ENCODINGS["distance"] is distance


def test_a_plugin_registers_a_shape_of_pixel(tables):
    """The encoding of two point samples at the pixel's edges: their transform is cos(t)."""
    @encodings.register_shape("edges")
    def edges_damping(t):
        return t.cos()

    assert encodings.SHAPES["edges"] is edges_damping
    centre, radius, w = f64(0.3, -0.7), f64(0.2, 0.5), octaves(5)
    points = (encodings.positional(centre - radius, w) + encodings.positional(centre + radius, w)) / 2
    torch.testing.assert_close(encodings.ENCODINGS["edges"](centre, radius, w), points, rtol=0, atol=1e-14)


@pytest.mark.parametrize("register", [encodings.register, encodings.register_shape])
@pytest.mark.parametrize("name", [*BUILT_IN, "box"])
def test_a_name_that_is_taken_is_refused(tables, register, name):
    before = dict(encodings.ENCODINGS), dict(encodings.SHAPES)
    with pytest.raises(InputError, match=f"{name}.* registered already, by ipe_sr.encodings: choose another name"):
        register(name)(lambda *args: args[0])
    assert before == (encodings.ENCODINGS, encodings.SHAPES)


def test_a_module_that_is_loaded_again_may_register_its_encodings_again(tables):
    def load():
        @encodings.register_shape("edges")
        def edges_damping(t):
            return t.cos()

        @encodings.register("both")
        def both(centre, radius, frequencies):
            return centre

        return edges_damping, both

    load()
    edges_damping, both = load()
    assert encodings.SHAPES["edges"] is edges_damping and encodings.ENCODINGS["both"] is both
    with pytest.raises(InputError, match="'both' is registered already"):
        encodings.register("both")(functools.partial(torch.add))
