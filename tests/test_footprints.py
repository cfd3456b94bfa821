"""Parallelograms: the closed form against sampling. Views: against the output of the models, whose pixels are upright."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipe_sr import encodings, footprints, grids, models
from ipe_sr.errors import InputError

NUMBERS = st.floats(-2, 2)
OCTAVES = encodings.octaves(6, dtype=torch.float64)


def f64(values):
    return torch.tensor(values, dtype=torch.float64)


VECTORS = st.tuples(NUMBERS, NUMBERS).map(f64)
EDGES = st.tuples(st.tuples(NUMBERS, NUMBERS), st.tuples(NUMBERS, NUMBERS)).map(f64)   # (2, 2)


@pytest.fixture
def picture():
    return torch.rand(1, 3, 9, 11, generator=torch.Generator().manual_seed(0))


@given(VECTORS, EDGES, st.integers(0, 1000))
def test_parallelogram_is_the_mean_over_its_points(centre, edges, seed):
    st_pairs = 2 * torch.rand(4000, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1
    values = encodings.positional(centre + st_pairs @ edges, OCTAVES)                # (N, 24)
    error = values.std(0) / math.sqrt(len(values))
    encoded = footprints.parallelogram(centre, edges, OCTAVES)
    assert ((values.mean(0) - encoded).abs() < 5.5 * error + 1e-12).all()


@given(VECTORS, st.tuples(st.floats(0, 2), st.floats(0, 2)).map(f64), st.booleans())
def test_edges_along_the_axes_give_the_integrated_encoding_to_the_bit(centre, radius, other_way_round):
    edges = torch.diag(radius)
    edges = edges.flip(0) if other_way_round else edges
    for number in (torch.float64, torch.float32):
        args = centre.to(number), radius.to(number), OCTAVES.to(number)
        assert torch.equal(footprints.parallelogram(args[0], edges.to(number), args[2]), encodings.integrated(*args))


@given(VECTORS)
def test_without_edges_a_parallelogram_is_a_point(centre):
    none = torch.zeros(2, 2, dtype=torch.float64)
    assert torch.equal(footprints.parallelogram(centre, none, OCTAVES), encodings.positional(centre, OCTAVES))


@given(VECTORS, EDGES, st.integers(1, 5), st.integers(1, 5))
def test_a_parallelogram_is_the_mean_of_its_parts(centre, edges, n, m):
    s, t = ((2 * torch.arange(k, dtype=torch.float64) + 1) / k - 1 for k in (n, m))
    parts = centre + torch.cartesian_prod(s, t).reshape(-1, 2) @ edges
    mean = footprints.parallelogram(parts, edges / f64([[n], [m]]), OCTAVES).mean(0)
    torch.testing.assert_close(mean, footprints.parallelogram(centre, edges, OCTAVES), rtol=0, atol=1e-12)


def test_parallelogram_broadcasts_and_has_gradients():
    random = torch.Generator().manual_seed(0)
    centre, edges = (torch.rand(*shape, generator=random, dtype=torch.float64, requires_grad=True)
                     for shape in ((4, 1, 2), (3, 2, 2)))
    assert footprints.parallelogram(centre, edges, OCTAVES).shape == (4, 3, 24)
    assert torch.autograd.gradcheck(lambda c, e: footprints.parallelogram(c, e, OCTAVES[:3]), (centre, edges))
    at_a_point = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
    encoded = footprints.parallelogram(centre[0, 0], at_a_point, OCTAVES)
    assert torch.autograd.grad(encoded.sum(), at_a_point)[0].isfinite().all()


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_the_upright_view_has_the_grid_of_the_output(h, w, scale):
    size = (h * scale, w * scale)
    seen = footprints.view(footprints.turned(size, ((h - 1) / 2, (w - 1) / 2), scale), size)
    rows, columns = (grids.centres(n * scale, n) for n in (h, w))
    torch.testing.assert_close(seen.position.flatten(0, 1), grids.mesh(rows, columns), rtol=0, atol=1e-12)
    torch.testing.assert_close(seen.edges, (torch.eye(2).double() / scale).expand_as(seen.edges), rtol=0, atol=1e-15)
    assert seen.inside((h, w)).all()


PERSPECTIVE = f64([[0.3, 0.1, 2.0], [-0.2, 0.4, 3.0], [0.01, 0.02, 1.0]])


def test_edges_are_how_far_the_centres_move_from_pixel_to_pixel():
    size, step = (8, 9), 1e-5
    here = footprints.view(PERSPECTIVE, size)
    for axis, by in enumerate(((step, 0), (0, step))):
        there = footprints.view(PERSPECTIVE @ footprints._shift(*by), size)
        moved = (there.position - here.position) / step   # LR pixels for a whole pixel: local units for half of one
        torch.testing.assert_close(moved, here.edges[..., axis, :], rtol=0, atol=1e-5)


def test_what_lies_behind_the_viewer_is_outside():
    behind = footprints.view(f64([[1, 0, 0], [0, 1, 0], [-1, 0, 3]]), (6, 4))
    assert behind.inside((100, 100))[:3].all() and not behind.inside((100, 100))[3:].any()


def upright(lr, scale):
    size = tuple(round(n * scale) for n in lr.shape[-2:])
    middle = tuple((n - 1) / 2 for n in lr.shape[-2:])
    return size, footprints.turned(size, middle, scale)


@pytest.mark.parametrize("options", [{}, {"ensemble": False}, {"skip": False}, {"unfold": False}, {"convention": "nerf"}])
@pytest.mark.parametrize("form", [footprints.warp, lambda model, lr, *view: footprints.viewer(model, lr)(*view)])
def test_an_upright_view_is_the_model_itself(tiny, picture, options, form):
    model = tiny(**options)
    size, matrix = upright(picture, 3)
    with torch.no_grad():
        torch.testing.assert_close(form(model, picture, matrix, size), model(picture, size), rtol=0, atol=2e-5)


def test_a_quarter_turn_turns_the_picture(tiny, picture):
    model = tiny()
    (height, width), _ = upright(picture, 3)
    quarter = footprints.turned((width, height), (4, 5), 3, 90)
    with torch.no_grad():
        plain = model(picture, (height, width))
    turned = footprints.warp(model, picture, quarter, (width, height))
    torch.testing.assert_close(turned, plain.rot90(1, (-2, -1)), rtol=0, atol=2e-5)


def test_an_area_of_zero_makes_points_of_the_pixels(tiny, picture):
    points, areas = tiny("liif-pe"), tiny("ipe-liif")
    points.load_state_dict(areas.state_dict())
    size, matrix = upright(picture, 2)
    look = footprints.viewer(areas, picture)
    with torch.no_grad():
        torch.testing.assert_close(look(matrix, size, factor=0.0), points(picture, size), rtol=0, atol=2e-5)
    assert (look(matrix, size) - look(matrix, size, factor=0.0)).abs().max() > 1e-3


def test_what_is_not_in_the_picture_gets_the_colour_of_the_outside(tiny, picture):
    size = (20, 20)
    matrix = footprints.turned(size, (4, 5), 1, 30)
    covered = footprints.view(matrix, size).coverage((9, 11))
    sr = footprints.warp(tiny(), picture, matrix, size, outside=0.25)
    assert 0 < (covered == 1).sum() < (covered > 0).sum() < covered.numel()
    assert (sr[0, :, covered == 0] == 0.25).all() and (sr[0, :, covered == 1] != 0.25).all()
    nothing = footprints.turned(size, (100, 100), 1)
    assert (footprints.warp(tiny(), picture, nothing, size) == 1).all()
    assert (footprints.viewer(tiny(), picture)(nothing, size) == 1).all()


@pytest.mark.parametrize("matrix", [footprints.turned((40, 30), (20, 25), 0.8, 20), PERSPECTIVE])
def test_tiles_make_the_whole_view(tiny, monkeypatch, matrix):
    lr = torch.rand(2, 3, 50, 60, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(footprints, "TILE_SIDE", 8)
    model, encoded = tiny(), []
    model.encoder.register_forward_hook(lambda module, args, out: encoded.append(out.shape[-2] * out.shape[-1]))
    tiled = footprints.warp(model, lr, matrix, (40, 30))
    assert len(encoded) > 1 and max(encoded) <= (8 + 2 * (model.reach + 2) + 2) ** 2
    torch.testing.assert_close(tiled, footprints.viewer(model, lr)(matrix, (40, 30)), rtol=0, atol=2e-5)


@pytest.mark.parametrize("method", ["liif", "liif-pe", "ipe-liif-cell", "metasr", "ipe-metasr", "lte", "ipe-lmf", "field",
                                    "field-overlap"])
@pytest.mark.parametrize("form", [footprints.warp, lambda model, lr, *view: footprints.viewer(model, lr)(*view)])
def test_an_upright_view_is_the_model_itself_for_every_implicit_model(tiny, picture, method, form):
    model = tiny(method)
    size, matrix = upright(picture, 3)
    with torch.no_grad():
        torch.testing.assert_close(form(model, picture, matrix, size), model(picture, size), rtol=0, atol=2e-5)


@pytest.mark.parametrize("matrix", [footprints.turned((12, 10), (20, 25), 0.23, 20), PERSPECTIVE])
def test_tiles_make_the_whole_view_of_a_field_with_large_pixels(tiny, monkeypatch, matrix):
    lr = torch.rand(1, 3, 50, 60, generator=torch.Generator().manual_seed(1))
    monkeypatch.setattr(footprints, "TILE_SIDE", 8)
    tiled = footprints.warp(tiny("field"), lr, matrix, (12, 10))
    torch.testing.assert_close(tiled, footprints.viewer(tiny("field"), lr)(matrix, (12, 10)), rtol=0, atol=2e-5)


def test_the_box_told_has_the_variance_of_the_parallelogram():
    edges = torch.tensor([[0.3, -0.4], [0.5, 0.2]], dtype=torch.float64)
    inner = torch.rand(200_000, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    variance = (inner @ edges).var(0)
    torch.testing.assert_close(footprints.boxes(edges) ** 2 / 3, variance, rtol=0.02, atol=0)


@pytest.mark.parametrize("method", ["bicubic", "edsr-x2"])
def test_models_that_cannot_be_asked_for_any_pixel_are_refused(method, picture):
    with pytest.raises(InputError, match="views need an implicit model"):
        footprints.viewer(models.method(method).build(), picture)


@pytest.mark.parametrize(("middle", "zoom", "degrees"), [((3.5, 3.5), 4.0, 21), ((2.0, 5.0), 2.5, 0), ((3.5, 3.5), 0.7, 40)])
def test_pixels_at_the_border_mix_picture_and_surroundings_by_area(tiny, middle, zoom, degrees):
    """A view of a constant picture is the coverage itself; it has the picture's area, and no steps of a whole pixel."""
    model = tiny()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()   # every colour is then 1/2
    size, lr = (40, 44), torch.rand(1, 3, 8, 8)
    matrix = footprints.turned(size, middle, zoom, degrees)
    covered = footprints.view(matrix, size).coverage((8, 8))
    sr = footprints.warp(model, lr, matrix, size, outside=1.0)[0, 0]
    assert torch.allclose(sr.double(), 1 - covered / 2, atol=1e-5)
    assert torch.equal(footprints.viewer(model, lr)(matrix, size)[0, 0], sr)
    if zoom == 4.0:   # the whole picture is in the view
        assert covered.sum().item() == pytest.approx(64 * zoom**2, rel=0.01)
        assert len(covered.unique()) > 20
    points = footprints.viewer(model, lr)(matrix, size, factor=0.0)[0, 0]
    assert torch.equal(points < 0.75, footprints.view(matrix, size).inside((8, 8)))
