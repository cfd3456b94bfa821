"""Grids: positions, radii, and the latent codes around a position."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipe_sr import grids

SIZES = st.integers(1, 300)


@given(SIZES, SIZES)
def test_centres_are_the_nearest_floats_to_the_exact_ones(n_out, n_in):
    exact = [Fraction(n_in * (2 * i + 1), 2 * n_out) - Fraction(1, 2) for i in range(n_out)]
    got = grids.centres(n_out, n_in)
    assert got.dtype == torch.float64
    assert got.tolist() == [float(c) for c in exact]


@given(SIZES, SIZES)
def test_centres_are_symmetric_and_equally_spaced(n_out, n_in):
    got = grids.centres(n_out, n_in)
    torch.testing.assert_close(got + got.flip(0), torch.full_like(got, n_in - 1), rtol=0, atol=1e-15 * n_in)
    torch.testing.assert_close(got.diff(), torch.full_like(got[1:], n_in / n_out), rtol=0, atol=1e-15 * n_in)


@given(st.integers(1, 50), st.integers(0, 12))
def test_odd_scales_meet_every_lr_centre_exactly(n_in, half):
    scale = 2 * half + 1
    assert grids.centres(n_in * scale, n_in)[half::scale].tolist() == list(range(n_in))


@given(SIZES, SIZES)
def test_first_pixel_starts_at_the_edge(n_out, n_in):
    radius = grids.radii((n_out, 1), (n_in, 1))[0] / 2   # in LR pixels
    assert (grids.centres(n_out, n_in)[0] - radius).item() == pytest.approx(-0.5, abs=1e-12 * n_in)


def test_radii_are_one_over_the_scale_of_each_axis():
    radius = grids.radii((61, 97), (24, 30))
    assert radius.dtype == torch.float64
    assert radius.tolist() == [24 / 61, 30 / 97]


def test_mesh_goes_row_by_row():
    mesh = grids.mesh(torch.tensor([0.0, 1]), torch.tensor([5.0, 6, 7]))
    assert mesh.tolist() == [[0, 5], [0, 6], [0, 7], [1, 5], [1, 6], [1, 7]]


@st.composite
def queries(draw):
    """An LR size, and a position in a picture of that size, borders included."""
    size = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    at = [draw(st.floats(-0.5, n - 0.5) | st.integers(0, n - 1).map(float)) for n in size]
    return size, torch.tensor(at, dtype=torch.float64)


def coordinates(index, size):
    return torch.stack([index // size[1], index % size[1]], -1).double()


@given(queries())
def test_corners_are_codes_of_the_map_with_their_offsets_and_unit_weight(query):
    size, position = query
    around = grids.corners(position, size)
    assert around.index.shape == around.weight.shape == (4,) and around.offset.shape == (4, 2)
    assert around.index.dtype == torch.int64
    assert ((around.index >= 0) & (around.index < size[0] * size[1])).all()
    assert torch.equal(around.offset, 2 * (position - coordinates(around.index, size)))
    assert (around.offset.abs() <= 2).all()
    assert (around.weight >= 0).all()
    assert around.weight.sum().item() == pytest.approx(1, abs=1e-15)


@given(st.floats(0, 3), st.floats(0, 5))
def test_weights_are_the_areas_of_the_opposite_rectangles(y, x):
    size, position = (5, 7), torch.tensor([y, x], dtype=torch.float64)
    top, left = int(y), int(x)
    codes = [(top, left), (top, left + 1), (top + 1, left), (top + 1, left + 1)]
    around = grids.corners(position, size)
    assert around.index.tolist() == [i * 7 + j for i, j in codes]
    areas = [abs(y - i) * abs(x - j) for i, j in reversed(codes)]   # the order of the four, reversed, is their opposites
    assert around.weight.tolist() == pytest.approx([area / sum(areas) for area in areas], abs=1e-14)


def test_beyond_the_last_centres_all_four_codes_are_the_one_at_the_border():
    around = grids.corners(torch.tensor([-0.25, 2.4], dtype=torch.float64), (3, 3))
    assert around.index.tolist() == [2, 2, 2, 2]
    assert around.weight.tolist() == [0.25] * 4
    torch.testing.assert_close(around.offset, torch.tensor([[-0.5, 0.8]] * 4, dtype=torch.float64))


@pytest.mark.parametrize("size", [(1, 6), (6, 1), (1, 1)])
def test_pictures_of_one_row_or_column(size):
    position = grids.mesh(grids.centres(size[0] * 4, size[0]), grids.centres(size[1] * 4, size[1]))
    around = grids.corners(position, size)
    assert (around.index >= 0).all() and (around.index < size[0] * size[1]).all()
    torch.testing.assert_close(around.weight.sum(-1), torch.ones(len(position)).double())
    for axis in (0, 1):   # without a neighbour along an axis the weights along it are equal
        if size[axis] == 1:
            pairs = around.weight.unflatten(-1, (2, 2)).movedim(1 + axis, 0)
            assert torch.equal(pairs[0], pairs[1])


@given(st.integers(0, 4), st.integers(0, 1), st.floats(-0.5, 4.4), st.integers(0, 100))
def test_weighted_sums_are_continuous_across_centres(border, axis, along, seed):
    """A weighted sum of any function of (code, offset) is continuous where the set of four codes changes."""
    generator = torch.Generator().manual_seed(seed)
    slope, value = torch.rand(25, 2, generator=generator).double(), torch.rand(25, generator=generator).double()

    def answer(step):
        position = torch.tensor([border + step, along] if axis == 0 else [along, border + step], dtype=torch.float64)
        around = grids.corners(position, (5, 5))
        return ((value[around.index] + (slope[around.index] * around.offset).sum(-1)) * around.weight).sum().item()

    assert answer(-1e-9) == pytest.approx(answer(1e-9), abs=1e-7)
    assert answer(0) == pytest.approx(answer(1e-9), abs=1e-7)


@given(queries())
def test_nearest_is_the_pixel_that_contains_the_position(query):
    size, position = query
    around = grids.nearest(position, size)
    code = coordinates(around.index, size)
    assert around.index.dtype == torch.int64 and around.index.shape == (1,)
    assert torch.equal(around.offset, 2 * (position - code))
    assert (around.offset.abs() <= 1).all()
    assert around.weight.tolist() == [1]


def test_nearest_keeps_leading_shapes():
    around = grids.nearest(torch.zeros(2, 5, 2).double(), (3, 3))
    assert (around.index.shape, around.offset.shape, around.weight.shape) == ((2, 5, 1), (2, 5, 1, 2), (2, 5, 1))
