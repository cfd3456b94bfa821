"""The field: its colours against quadrature, its identities, and its fast form against its textbook form."""

import dataclasses
import itertools
import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from ipe_sr import InputError, footprints, grids, models, render
from ipe_sr.benchmarks import field as benchmark
from ipe_sr.models import implicit
from ipe_sr.models.fast import field as fast
from ipe_sr.models.field import Field, parts

LR_SIZE = (4, 5)
SHAPES = ("box", "tent", "gaussian", "bicubic", "point")
SIZES = [(8, 10), (12, 15), (4, 5), (12, 25), (11, 13), (7, 6), (9, 40), (3, 4), (2, 3), (1, 1), (50, 7)]   # of a 4 x 5 picture


def build(shape="box", cls=None, dtype=torch.float64, **options):
    """A field with random weights, whose waves count: amplitudes as large as colours."""
    torch.manual_seed(0)
    options = {"waves": 6, "width": 8, "encoder": models.EDSRConfig(blocks=1, channels=4)} | options
    model = (cls or models.FieldConfig.build)(models.FieldConfig(shape=shape, **options)).eval().to(dtype)
    with torch.no_grad():
        model.amplitudes.weight.mul_(3)
    return model


def picture(batch=1, size=LR_SIZE, dtype=torch.float64):
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1), dtype=dtype)


# What the colour of a pixel is: the mean of the picture that the same weights give at points.


def nodes(low, high, borders, count=30):
    """Gauss-Legendre nodes and weights, sum 1, for a function on [low, high] that is smooth between the borders."""
    at, weights = np.polynomial.legendre.leggauss(count)
    edges = [low, *(border for border in borders if low < border < high), high]
    pieces = list(itertools.pairwise(edges))
    x = np.concatenate([(a + b) / 2 + (b - a) / 2 * at for a, b in pieces])
    w = np.concatenate([(b - a) / 2 * weights for a, b in pieces]) / (high - low)
    return torch.from_numpy(x), torch.from_numpy(w)


@pytest.mark.parametrize("overlap", [False, True])
@given(st.tuples(st.floats(0, 1), st.floats(0, 1)), st.tuples(*[st.floats(0.01, 4) | st.sampled_from([1.0, 0.5])] * 2))
@torch.no_grad()
def test_the_colour_is_the_mean_of_the_picture_over_the_pixel(overlap, place, length):
    """By quadrature between borders and centres of LR pixels, for pixels anywhere in the picture, also larger than those."""
    box, point = build(overlap=overlap), build("point", overlap=overlap)
    features, axes, centre = box.encode(picture()), [], []
    for share, extent, n in zip(place, length, LR_SIZE, strict=True):
        extent = min(extent, n)
        low = -0.5 + share * (n - extent)
        axes.append(nodes(low, low + extent, [i / 2 for i in range(2 * n)]))
        centre.append(low + extent / 2)
    radius = torch.tensor([min(extent, n) for extent, n in zip(length, LR_SIZE, strict=True)], dtype=torch.float64)
    colour = box.query(features, torch.tensor([[centre]], dtype=torch.float64), radius)[0, 0]
    (y, wy), (x, wx) = axes
    values = point.query(features, grids.mesh(y, x)[None], radius)[0]
    mean = ((wy[:, None] * wx).flatten()[:, None] * values).sum(0)
    torch.testing.assert_close(colour, mean, rtol=0, atol=1e-10)


def density(shape, count=80):
    """Nodes in units of the radius, and weights with sum 1, of a shape's density, from its definition."""
    if shape == "gaussian":
        at, weights = np.polynomial.hermite_e.hermegauss(count)   # for exp(-x^2 / 2); the variance is 1 / 3
        return torch.from_numpy(at / math.sqrt(3)), torch.from_numpy(weights / weights.sum())
    kernel, borders = {
        "tent": (lambda x: 1 - x.abs(), [-1, 0, 1]),
        "bicubic": (lambda x: keys((x / 2).abs()), [-4, -2, 0, 2, 4]),
    }[shape]
    x, weights = nodes(borders[0], borders[-1], borders[1:-1], count)
    weights = weights * kernel(x)
    return x, weights / weights.sum()


def keys(x):
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))


@pytest.mark.parametrize("shape", ["tent", "gaussian", "bicubic"])
@torch.no_grad()
def test_the_other_shapes_are_exact_means_of_one_lr_pixels_waves(shape):
    """A picture of one LR pixel has that pixel's waves everywhere."""
    model, point = build(shape), build("point")
    features = model.encode(picture(size=(1, 1)))
    centre, radius = torch.tensor([0.13, -0.21], dtype=torch.float64), torch.tensor([0.7, 0.4], dtype=torch.float64)
    x, weights = density(shape)
    positions = grids.mesh(centre[0] + x * radius[0] / 2, centre[1] + x * radius[1] / 2)   # a local unit is half an LR pixel
    mean = ((weights[:, None] * weights).flatten()[:, None] * point.query(features, positions[None], radius)[0]).sum(0)
    torch.testing.assert_close(model.query(features, centre[None, None], radius)[0, 0], mean, rtol=0, atol=1e-10)


@torch.no_grad()
def test_shapes_differ_and_a_point_does_not_depend_on_the_radius():
    colours = {shape: build(shape)(picture(), (9, 11)) for shape in SHAPES}
    for one, other in itertools.combinations(SHAPES, 2):
        assert (colours[one] - colours[other]).abs().max() > 1e-4
    point = build("point")
    features, position = point.encode(picture()), torch.tensor([[[1.2, 3.4]]], dtype=torch.float64)
    assert torch.equal(*(point.query(features, position, torch.full((2,), r).double()) for r in (0.1, 3.0)))
    at_a_point = build().query(features, position, torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(at_a_point, point.query(features, position, torch.ones(2)), rtol=0, atol=1e-12)


# Identities. They hold for the whole picture, so for pixels across LR pixels and at its edge, too.


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [False, True])
@torch.no_grad()
def test_a_pixel_is_the_mean_of_its_sub_pixels(overlap, size, k, dtype, bound):
    model, lr = build(dtype=dtype, overlap=overlap), picture(2, dtype=dtype)
    finer = model(lr, tuple(k * n for n in size))
    torch.testing.assert_close(F.avg_pool2d(finer, k), model(lr, size), rtol=0, atol=bound)


@pytest.mark.parametrize("overlap", [False, True])
@torch.no_grad()
def test_the_identity_fails_for_points(overlap):
    """The control: without integration a pixel is not the mean of its sub-pixels."""
    model, lr = build("point", overlap=overlap), picture()
    assert (F.avg_pool2d(model(lr, (24, 30)), 3) - model(lr, (8, 10))).abs().max() > 1e-2


@torch.no_grad()
def test_at_scale_one_only_cosines_and_constant_remain():
    """Sines are odd, so their mean over a whole LR pixel is 0; scale 1/2 is the mean of four LR pixels."""
    model, lr = build(), picture()
    codes = model.codes(model.encode(lr))                                          # (1, h, w, 3, 2K + 1)
    cosines = torch.sinc(model.frequencies / math.pi).prod(-1)
    colours = (codes[..., :6] @ cosines + codes[..., -1]) / 2 + 0.5
    same = model(lr, LR_SIZE)
    torch.testing.assert_close(same[0].movedim(0, -1), colours[0], rtol=0, atol=1e-12)
    even = picture(size=(4, 6))
    torch.testing.assert_close(model(even, (2, 3)), F.avg_pool2d(model(even, (4, 6)), 2), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(12, 15), (11, 13), (3, 4)])
@pytest.mark.parametrize("overlap", [False, True])
@torch.no_grad()
def test_a_quarter_turn_of_amplitudes_and_waves_turns_the_picture(overlap, size):
    model, turned = build(overlap=overlap), build(overlap=overlap)
    features = model.encode(picture())
    y, x = model.frequencies.unbind(-1)
    turned.frequencies.copy_(torch.stack([-x, y], -1))
    rows, columns = (grids.centres(n, m) for n, m in zip(size, LR_SIZE, strict=True))
    radius = grids.radii(size, LR_SIZE)
    upright = model.paint(features, rows, columns, radius)                         # (1, R, C, 3)
    after = turned.paint(features.rot90(1, (-2, -1)), columns, rows, radius.flip(0))
    torch.testing.assert_close(after, upright.rot90(1, (1, 2)), rtol=0, atol=1e-12)


@torch.no_grad()
def test_without_amplitudes_it_is_the_mean_of_the_lr_picture():
    model, lr = build(), picture()
    for parameter in model.amplitudes.parameters():
        parameter.zero_()
    torch.testing.assert_close(model(lr, (8, 15)), lr.repeat_interleave(2, -2).repeat_interleave(3, -1), rtol=0, atol=1e-12)
    torch.testing.assert_close(model(lr, (1, 1))[..., 0, 0], lr.mean((-2, -1)), rtol=0, atol=1e-12)


@given(st.integers(1, 9), st.floats(-0.5, 8.5), st.floats(0.001, 12))
def test_parts_cover_the_pixel_once(n, position, length):
    """Their intervals follow each other from the pixel's lower to its upper edge, and their weights are their shares of it."""
    made = parts(torch.tensor([position], dtype=torch.float64), torch.tensor(length, dtype=torch.float64), n)
    middle, extent = (made.index + made.centre / 2)[0], made.radius[0]             # LR pixels
    there = made.weight[0] > 1e-9
    low, high = (middle - extent / 2)[there], (middle + extent / 2)[there]
    torch.testing.assert_close(low[0].item(), position - length / 2, rtol=0, atol=1e-8)
    torch.testing.assert_close(high[-1].item(), position + length / 2, rtol=0, atol=1e-8)
    torch.testing.assert_close(low[1:], high[:-1], rtol=0, atol=1e-8)
    torch.testing.assert_close(made.weight[0], extent / length, rtol=0, atol=1e-9)
    assert ((made.index >= 0) & (made.index < n)).all()
    inside = (made.index[0] > 0) & (made.index[0] < n - 1) & there
    assert (made.centre.abs()[0] + extent)[inside].le(1 + 1e-9).all()


@given(st.integers(1, 6), st.integers(1, 40))
@torch.no_grad()
def test_windows_add_up_to_one(n_in, n_out):
    """The means of all windows over a pixel have the sum 1, and no window reaches beyond the centres of its neighbours."""
    model, centres = build(overlap=True), grids.centres(n_out, n_in)
    radius = torch.tensor(n_in / n_out, dtype=torch.float64)
    made = model.cut(centres, radius, n_in)
    total = (model.waves(made.centre, made.radius, 0)[..., -1].real * made.weight).sum(-1)
    torch.testing.assert_close(total, torch.ones_like(total), rtol=0, atol=1e-12)
    assert (made.centre.abs() + made.radius)[(made.weight > 1e-9) & (made.index >= 0) & (made.index < n_in)].max() < 2 + 1e-9


def steps(overlap, axis):
    """How much the picture changes across the border of an LR pixel and across the centre of one, from 1e-9 to 1e-9 away."""
    model, found = build("point", overlap=overlap), []
    features = model.encode(picture())
    for place in (1.5, 2.0):
        position = torch.tensor([[place - 1e-9, 1.3], [place + 1e-9, 1.3]], dtype=torch.float64)
        before, after = model.query(features, position.roll(axis, -1)[None], torch.ones(2, dtype=torch.float64))[0]
        found.append((before - after).abs().max().item())
    return found


@pytest.mark.parametrize("axis", [0, 1])
@torch.no_grad()
def test_with_overlap_the_picture_has_no_steps_and_without_it_has(axis):
    assert max(steps(True, axis)) < 1e-6
    at_border, at_centre = steps(False, axis)
    assert at_border > 1e-3 and at_centre < 1e-6


# The fast form.


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("overlap", [False, True])
@torch.no_grad()
def test_fast_is_textbook(monkeypatch, overlap, shape, size):
    """Whole pictures and single queries, in float64, whatever the blocks and bands are."""
    model, lr = build(shape, overlap=overlap), picture(2)
    reference = render.textbook(model, lr, size)
    for numbers, lr_pixels in ((1 << 19, 1 << 14), (1, 1), (3000, 10)):
        monkeypatch.setattr(fast, "NUMBERS_AT_ONCE", numbers)
        monkeypatch.setattr(implicit, "LR_PIXELS_AT_ONCE", lr_pixels)
        torch.testing.assert_close(model(lr, size), reference, rtol=0, atol=1e-12)
    features, radius = model.encode(lr), grids.radii(size, LR_SIZE)
    rows, columns = (grids.centres(n, m) for n, m in zip(size, LR_SIZE, strict=True))
    read = model.reader(features, radius[None, None])(grids.mesh(rows, columns).expand(2, -1, -1), radius[None, None])
    torch.testing.assert_close(read.unflatten(1, size).movedim(-1, 1), reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("head", ["conv", "pointwise", "residual"])
def test_full_size_with_every_head_in_float32(head):
    """Real widths; the encoder of one block keeps it short."""
    torch.manual_seed(0)
    config = dataclasses.replace(models.method("field"), head=head, encoder=models.EDSRConfig(blocks=1))
    model, lr = config.build().eval(), picture(size=(13, 17), dtype=torch.float32)
    for size in ((26, 34), (43, 101), (13, 17)):
        torch.testing.assert_close(render.render(model, lr, size), render.textbook(model, lr, size), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("size", "tables"), [((8, 10), False), ((8, 15), False), ((4, 5), False), ((9, 11), True), ((2, 3), True)]
)
@pytest.mark.parametrize("overlap", [False, True])
@torch.no_grad()
def test_whole_number_scales_are_one_matrix_product(monkeypatch, overlap, size, tables):
    model, called = build(overlap=overlap), []
    original = model._paint_tables
    monkeypatch.setattr(model, "_paint_tables", lambda *a: called.append(1) or original(*a))
    model(picture(), size)
    assert bool(called) is tables


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("size", [(12, 15), (11, 13), (3, 4)])
def test_gradients_of_a_whole_picture_are_those_of_the_textbook(overlap, size):
    gradients = []
    for cls in (Field, models.FieldConfig.build):
        model = build(cls=cls, overlap=overlap)
        gradients.append(torch.autograd.grad((model(picture(2), size) ** 2).sum(), list(model.parameters())))
    for textbook, quick in zip(*gradients, strict=True):
        assert textbook.abs().max() > 0
        torch.testing.assert_close(quick, textbook, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_query(shape, overlap):
    """Against finite differences, for features, amplitudes and frequencies; by the textbook and by the fast reader."""
    model = build(shape, waves=2, width=2, overlap=overlap)
    features = model.encode(picture()).detach().contiguous().requires_grad_()
    position = torch.tensor([[[0.3, 1.2], [-0.4, 2.3], [1.0, 1.0]]], dtype=torch.float64)
    radius = torch.tensor([[[0.3, 0.6]]], dtype=torch.float64)
    weights = {key: value for key, value in model.named_parameters() if key.startswith(("amplitudes.", "frequencies"))}

    class Both(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, features):
            return self.model.textbook(features, position, radius), self.model.reader(features, radius)(position, radius)

    def colours(features, *values):
        return torch.func.functional_call(Both(), {f"model.{k}": v for k, v in zip(weights, values, strict=True)}, (features,))

    assert torch.autograd.gradcheck(colours, (features, *weights.values()))


@pytest.mark.parametrize("head", ["conv", "pointwise", "residual"])
@pytest.mark.parametrize("overlap", [False, True])
@pytest.mark.parametrize("size", [(80, 160), (61, 97), (120, 80), (40, 160), (11, 23)])
def test_tiles_are_the_whole(monkeypatch, overlap, size, head):
    model = build(head=head, dtype=torch.float32, overlap=overlap)
    lr = picture(size=(40, 80), dtype=torch.float32)
    whole = render.render(model, lr, size)
    monkeypatch.setitem(render.WORKING_SET, "cpu", 1)
    monkeypatch.setattr(implicit, "LR_PIXELS_AT_ONCE", 200)
    assert len(list(render.bands(model, lr, size))) > 4
    torch.testing.assert_close(render.render(model, lr, size), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("head", ["conv", "pointwise", "residual"])
def test_reach_is_how_far_an_amplitude_sees(head):
    model = build(head=head, depth=3)
    for weights in model.parameters():   # positive everywhere: no ReLU hides what is seen
        weights.data.abs_()
    lr = torch.rand(1, 3, 1, 61, dtype=torch.float64).add(1).requires_grad_()
    model.encode(lr)[0, :, 0, 30].square().sum().backward()
    seen = lr.grad[0].abs().sum((0, 1)).nonzero()[:, 0]
    assert (30 - seen.min(), seen.max() - 30) == (model.reach, model.reach)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("size", [(16, 18), (23, 31)])
@torch.no_grad()
def test_half_precision_moves_a_picture_little(dtype, size):
    torch.manual_seed(0)
    model = models.FieldConfig(encoder=models.EDSRConfig(blocks=1)).build().eval()
    lr = picture(size=(8, 9), dtype=torch.float32)
    half, full = render.render(model, lr, size, dtype), render.render(model, lr, size)
    assert half.dtype == torch.float32 and not torch.equal(half, full)
    assert -10 * torch.log10((half - full).square().mean()) > 55   # dB


@pytest.mark.parametrize("overlap", [False, True])
@torch.no_grad()
def test_a_batch_is_its_pictures_one_by_one(overlap):
    model, lr = build(overlap=overlap), picture(3)
    for size in ((12, 15), (11, 13)):
        alone = torch.cat([model(one[None], size) for one in lr])
        torch.testing.assert_close(model(lr, size), alone, rtol=0, atol=1e-12)


def test_frequencies_start_in_the_half_disc():
    model = build(waves=4000, cycles=1.5)
    y, x = (model.frequencies / math.pi).unbind(-1)                                # cycles per LR pixel
    length = (y**2 + x**2).sqrt()
    assert (y >= 0).all() and length.max() < 1.5 and x.mean().abs() < 0.05
    assert ((length < 0.75).double().mean() - 0.25).abs() < 0.03                   # a quarter of the area


@pytest.mark.parametrize(("options", "message"), [
    ({"head": "deep"}, "conv, pointwise, residual"), ({"waves": 0}, "at least 1"), ({"width": 0}, "at least 1"),
    ({"depth": 0}, "at least 1"), ({"cycles": 0.0}, "above 0"),
])
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        models.FieldConfig(**options)


def test_other_uses_are_refused_in_one_line():
    with pytest.raises(InputError, match=r"shape 'disc' is unknown: use one of box.*point"):
        models.FieldConfig(shape="disc").build()
    with pytest.raises(InputError, match="integrated encoding"):
        footprints.ParallelogramLIIF(build())


def test_the_benchmark_prints_what_it_promises(monkeypatch, capsys, tmp_path):
    words = ["field", "--side", "8", "--batch", "0", "--rounds", "1", "--threads", "1", "--json", str(tmp_path / "field.json")]
    monkeypatch.setattr("sys.argv", words)
    benchmark.main()
    facts, shown = json.loads((tmp_path / "field.json").read_text(encoding="utf-8")), capsys.readouterr().out
    assert all(row["seconds"] > 0 and row["case"] in shown for row in facts["rows"])
    assert facts["sub_pixel_errors"]["float64"] < 1e-12 and facts["sub_pixel_errors"]["float32"] < 1e-6
