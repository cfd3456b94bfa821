"""Rendering: the fast form equals the textbook form for every option, tiles leave no seams, and memory is bounded."""

import dataclasses
import functools
import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ipe_sr import encodings, grids, models, render
from ipe_sr.imaging import datasets, images, metrics
from ipe_sr.models import implicit
from ipe_sr.models.fast import hoisting

OTHERS = ["metasr", "metasr-pe", "ipe-metasr", "ipe-metasr-nerf", "lte", "ipe-lte", "ipe-lmf"]
IMPLICIT = [name for name in models.methods() if hasattr(models.method(name), "encoding")]
SMALL = models.EDSRConfig(blocks=1, channels=4)


def build(config, seed=0):
    torch.manual_seed(seed)
    return config.build().eval()


@st.composite
def liif(draw):
    return models.LIIFConfig(
        encoding=draw(st.sampled_from(sorted(encodings.ENCODINGS))), frequencies=draw(st.integers(0, 12)),
        convention=draw(st.sampled_from(["mip-nerf", "nerf"])), width=16, encoder=SMALL, cell=draw(st.booleans()),
        skip=draw(st.booleans()), unfold=draw(st.booleans()), ensemble=draw(st.booleans()), depth=draw(st.integers(1, 4)),
    )


SIDES = st.integers(1, 9)
SCALES = st.floats(1, 4) | st.floats(0.4, 1) | st.floats(4, 40) | st.integers(1, 8).map(float)


@st.composite
def pictures(draw):
    """(batch, LR size, output size): small pictures, odd sizes, another scale for each axis."""
    lr_size = draw(st.tuples(SIDES, SIDES))
    return draw(st.integers(1, 3)), lr_size, tuple(min(80, max(1, round(n * draw(SCALES)))) for n in lr_size)


@settings(max_examples=60, deadline=None)
@given(liif(), pictures(), st.integers(30, 3000), st.integers(1, 400))
def test_fast_form_equals_textbook_for_every_option_of_liif(config, picture, queries, lr_pixels):
    """The number of queries and LR pixels at once, and so the bands, are drawn at random too."""
    batch, lr_size, size = picture
    model, lr = build(config), torch.rand(batch, 3, *lr_size)
    reference = render.textbook(model, lr, size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(implicit.QUERIES_AT_ONCE, "cpu", queries)
        patch.setattr(implicit, "LR_PIXELS_AT_ONCE", lr_pixels)
        torch.testing.assert_close(render.render(model, lr, size), reference, rtol=0, atol=5e-6)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(OTHERS), pictures(), st.integers(30, 3000))
def test_fast_form_equals_textbook_for_the_other_families(name, picture, queries):
    batch, lr_size, size = picture
    model, lr = build(dataclasses.replace(models.method(name), width=16, encoder=SMALL)), torch.rand(batch, 3, *lr_size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(implicit.QUERIES_AT_ONCE, "cpu", queries)
        torch.testing.assert_close(render.render(model, lr, size), render.textbook(model, lr, size), rtol=0, atol=5e-6)


@pytest.mark.parametrize("name", IMPLICIT)
def test_fast_form_equals_textbook_at_full_width_and_depth(name):
    """Only the encoder is reduced to one block, to save time."""
    config = models.method(name)
    model = build(dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, blocks=1)))
    lr = torch.rand(1, 3, 13, 17)
    for size in ((26, 34), (43, 101), (13, 17)):
        torch.testing.assert_close(render.render(model, lr, size), render.textbook(model, lr, size), rtol=0, atol=5e-6)


def test_fast_form_equals_textbook_with_official_weights(official, golden):
    lr = torch.from_numpy(golden["lr_uint8"]).movedim(-1, 0)[None] / 255
    for size in ((48, 60), (61, 97)):
        torch.testing.assert_close(render.render(official, lr, size), render.textbook(official, lr, size), rtol=0, atol=2e-5)


@pytest.mark.parametrize("name", ["liif", "ipe-liif", "liif-pe", "ipe-liif-cell", "ipe-liif-no-skip", *OTHERS])
def test_fast_form_has_the_gradients_of_the_textbook_form(name):
    """Gradients with respect to weights and features are compared in float64."""
    model = build(dataclasses.replace(models.method(name), width=12, encoder=SMALL)).double()
    lr = torch.rand(2, 3, 5, 6, dtype=torch.float64)
    position = torch.rand(2, 40, 2, dtype=torch.float64) * torch.tensor([5.0, 6.0]) - 0.5
    radius = torch.tensor([[[0.3, 0.4]], [[0.9, 0.2]]], dtype=torch.float64)
    features = model.encode(lr).detach().requires_grad_()
    weights = [p for key, p in model.named_parameters() if not key.startswith(("encoder.", "amplitude.", "frequency."))]
    gradients = []
    for form in (functools.partial(model.textbook, features), model.reader(features, radius)):
        colours = form(position, radius)
        gradients.append(torch.autograd.grad((colours**2).sum(), [features, *weights]))
    for textbook, fast in zip(*gradients, strict=True):
        assert textbook.abs().max() > 0
        torch.testing.assert_close(fast, textbook, rtol=1e-9, atol=1e-12)


def test_a_whole_picture_has_the_gradients_of_the_textbook_form():
    model = build(models.LIIFConfig(width=12, frequencies=3, encoder=SMALL)).double()
    lr, gradients = torch.rand(1, 3, 5, 6, dtype=torch.float64), []
    for picture in (lambda: model(lr, (13, 20)), lambda: by_textbook(model, lr, (13, 20))):
        gradients.append(torch.autograd.grad((picture() ** 2).sum(), list(model.parameters())))
    for fast, textbook in zip(*gradients, strict=True):
        torch.testing.assert_close(fast, textbook, rtol=1e-9, atol=1e-12)


def by_textbook(model, lr, size):   # `render.textbook`, with gradients
    rows, columns = (grids.centres(n, m) for n, m in zip(size, lr.shape[-2:], strict=True))
    radius = grids.radii(size, lr.shape[-2:])
    features = model.encode(lr)
    read = functools.partial(model.textbook, features)
    return implicit.paint_by(read, features, rows, columns, radius[None, None]).movedim(-1, 1)


@pytest.mark.parametrize(("queries", "form"), [(29, "textbook"), (30, "reader")])
def test_query_takes_the_fast_form_if_there_are_enough_queries(tiny, monkeypatch, queries, form):
    """The limit is one code per LR pixel: with 4 codes per query, 30 queries of a picture of 10 x 12."""
    model, called = tiny(), []
    for name in ("textbook", "reader"):
        original = getattr(model, name)
        monkeypatch.setattr(model, name, lambda *a, name=name, original=original: called.append(name) or original(*a))
    model.query(model.encode(torch.rand(1, 3, 10, 12)), torch.rand(1, queries, 2).double(), torch.tensor([0.5, 0.5]))
    assert called == [form]


@pytest.mark.parametrize("name", ["ipe-liif", "liif", "metasr", "ipe-lte", "rdn-ipe-liif"])
@pytest.mark.parametrize("size", [(61, 97), (120, 80), (40, 160), (11, 23)])
def test_tiles_leave_no_seams(monkeypatch, name, size):
    encoder = models.RDNConfig(2, 4, 2, 4) if "rdn" in name else models.EDSRConfig(blocks=2, channels=4)
    model = build(dataclasses.replace(models.method(name), width=12, encoder=encoder))
    lr = torch.rand(1, 3, 40, 80)
    whole = render.render(model, lr, size)
    monkeypatch.setitem(render.WORKING_SET, "cpu", 1)
    bands = list(render.bands(model, lr, size))
    assert len({(band.columns.start, band.rows.start) for band in bands}) == len(bands) > 8
    torch.testing.assert_close(render.render(model, lr, size), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["ipe-liif", "rdn-ipe-liif", "lte"])
def test_reach_is_the_distance_of_the_farthest_pixel_that_a_feature_depends_on(name):
    encoder = models.RDNConfig(2, 4, 3, 4) if "rdn" in name else models.EDSRConfig(blocks=2, channels=4)
    model = build(dataclasses.replace(models.method(name), width=12, encoder=encoder))
    for weights in model.parameters():   # all positive: no ReLU hides a dependence
        weights.data.abs_()
    lr = torch.rand(1, 3, 1, 41).add(1).requires_grad_()
    model.encode(lr)[0, :, 0, 20].square().sum().backward()
    seen = lr.grad[0].abs().sum((0, 1)).nonzero()[:, 0]
    assert (20 - seen.min(), seen.max() - 20) == (model.reach, model.reach)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 70), st.integers(0, 3))
def test_spans_partition_an_axis(n_out, n_in, step, margin):
    position = grids.centres(n_out, n_in)
    made = grids.spans(position, n_in, step, margin)
    assert torch.equal(torch.cat([span.position + span.lr.start for span in made]), position)
    assert [span.out.start for span in made] == [0, *(span.out.stop for span in made[:-1])]
    assert made[-1].out.stop == n_out
    for span in made:
        lower = (span.position + span.lr.start).floor()
        assert span.lr.start == max(0, lower[0] - margin) and span.lr.stop == min(n_in, lower[-1] + 1 + margin)
        assert lower.clamp(min=0)[-1] // step == lower.clamp(min=0)[0] // step


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 50), min_size=1, max_size=12), st.integers(1, 200), st.integers(1, 3000))
def test_the_blocks_of_a_band_cover_each_pixel_once(runs, columns, queries):
    lower = torch.repeat_interleave(torch.arange(len(runs)), torch.tensor(runs))
    covered = torch.zeros(len(lower), columns, dtype=torch.int64)
    for rows, some in hoisting.blocks(lower[:, None], columns, queries):
        covered[rows, some] += 1
        height, width = rows.stop - rows.start, some.stop - some.start
        assert height * (width - 1) < queries or (height, width) == (min(hoisting.LONGEST_RUN, max(runs)), 1)
    assert (covered == 1).all()


@torch.no_grad()
def test_bfloat16_changes_a_picture_little(tiny):
    for name in ("ipe-liif", "liif", "ipe-metasr", "ipe-lte"):
        model, lr = tiny(name), torch.rand(1, 3, 8, 9)
        half, full = render.render(model, lr, (23, 31), torch.bfloat16), render.render(model, lr, (23, 31))
        assert half.dtype == torch.float32 and not torch.equal(half, full)
        assert -10 * torch.log10((half - full).square().mean()) > 55   # dB


def test_models_without_a_fast_form_can_be_rendered_too():
    lr = torch.rand(1, 3, 6, 7)
    for model in (models.load("bicubic"), models.FixedScaleConfig(2, SMALL).build()):
        with torch.no_grad():
            expected = model(lr, (12, 14))
        assert torch.equal(render.render(model, lr, (12, 14)), expected)
        assert torch.equal(render.textbook(model, lr, (12, 14)), expected)


@torch.no_grad()
def test_bfloat16_hardly_changes_the_psnr_of_the_official_weights(official, data):
    """Only the middle of a Set5 picture is used, because a CPU without bfloat16 arithmetic is slow."""
    lr, hr, _ = datasets.pair(datasets.find("set5"), data / "benchmark/Set5/HR/butterfly.png", 4)
    lr, hr = images.to_tensor(lr)[None, :, 16:48, 16:48], images.to_tensor(hr)[:, 64:192, 64:192]
    full, half = (render.render(official, lr, (128, 128), dtype)[0] for dtype in (None, torch.bfloat16))
    assert -10 * torch.log10((half - full).square().mean()) > 55   # dB
    assert abs(metrics.psnr(half, hr, "benchmark", 4) - metrics.psnr(full, hr, "benchmark", 4)) < 0.01


RESIDENT = """
import resource, sys, torch
from ipe_sr import models, upscaling
torch.set_num_threads(1)
torch.manual_seed(0)
model = models.LIIFConfig(width=16, frequencies=4, encoder=models.EDSRConfig(blocks=1, channels=8)).build().eval()
picture = torch.rand(3, *map(int, sys.argv[1:3]))
resident = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
upscaling.super_resolve(picture[:, :64, :64], (128, 128), model)
before = resident()
sr = upscaling.super_resolve(picture, tuple(map(int, sys.argv[3:5])), model)
print(resident() - before - sr.nbytes)
"""


@pytest.mark.parametrize("sizes", [(64, 64, 2048, 2048), (700, 900, 750, 1000), (40, 2500, 80, 5000)])
def test_memory_beyond_the_result_is_bounded(sizes):
    """Decoding everything at once would take gigabytes. The tables of 5000 columns take about 25 of the 100 MiB allowed."""
    command = [sys.executable, "-c", RESIDENT, *map(str, sizes)]
    extra = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert extra < 100 * 2**20


def test_the_caller_s_code_between_bands_keeps_its_own_precision_and_gradients(tiny, monkeypatch):
    monkeypatch.setitem(render.WORKING_SET, "cpu", 1)
    seen = 0
    for _ in render.bands(tiny(), torch.rand(1, 3, 40, 80), (61, 97), torch.bfloat16):
        assert not torch.is_autocast_enabled("cpu") and torch.is_grad_enabled()
        seen += 1
    assert seen > 4
