"""The models: sizes, options, gradients and precision of every method, and agreement with the official LIIF."""

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from ipe_sr import InputError, grids, models, render
from ipe_sr.models import implicit
from ipe_sr.models.decoders import MLP

SIZES = {"sr_x2": (48, 60), "sr_x4": (96, 120), "sr_odd": (61, 97), "sr_x7p3": (175, 219)}
LEARNED = [name for name in models.methods() if hasattr(models.method(name), "encoding")]   # those of any size


def parameters(module) -> int:
    return sum(p.numel() for p in module.parameters())


def layer(inputs, outputs):
    return (inputs + 1) * outputs


def test_liif_has_the_papers_number_of_parameters():
    model = models.method("liif").build()
    assert parameters(model.encoder) == 1_220_416
    given = 9 * 64 + 2 + 2   # unfolded features, coordinate, cell
    assert layer(given, 256) + 3 * layer(256, 256) + layer(256, 3) == 346_883
    assert parameters(model.decoder) == 346_883


def test_ipe_liif_has_the_number_of_parameters_that_its_layers_add_up_to():
    model = models.method("ipe-liif").build()
    assert parameters(model.encoder) == 1_220_416
    given = 9 * 64 + 4 * 10   # unfolded features; sine and cosine of two axes at ten frequencies; input of every hidden layer
    assert layer(given, 256) + 3 * layer(256 + given, 256) + layer(256, 3) == 829_187
    assert parameters(model.decoder) == 829_187


@pytest.mark.parametrize(("name", "given", "skip"), [
    ("ipe-liif-cell", 576 + 40 + 2, True), ("ipe-liif-l4", 576 + 16, True), ("ipe-liif-l16", 576 + 64, True),
    ("ipe-liif-nerf", 576 + 40, True), ("liif-skip", 576 + 4, True), ("liif-pe", 576 + 40, True),
    ("ipe-liif-no-skip", 576 + 40, False), ("ipe-liif-halves", 576 + 80, True),
])
def test_the_ablations_have_the_number_of_parameters_that_their_layers_add_up_to(name, given, skip):
    again = given if skip else 0
    assert parameters(models.method(name).build().decoder) == layer(given, 256) + 3 * layer(256 + again, 256) + layer(256, 3)


def test_presets_of_the_ablations_differ_in_the_option_that_their_name_states():
    configs = {name: models.method(name) for name in LEARNED}
    assert len(set(configs.values())) == len(configs)
    assert configs["ipe-liif"] == models.LIIFConfig()
    assert configs["ipe-liif-nerf"] == dataclasses.replace(configs["ipe-liif"], convention="nerf")
    assert configs["liif-pe"] == dataclasses.replace(configs["ipe-liif"], encoding="positional")


@pytest.mark.parametrize("size", [(13, 29), (6, 7), (80, 9)])
@pytest.mark.parametrize("name", LEARNED)
def test_every_method_makes_pictures_of_any_size(tiny, name, size):
    with torch.no_grad():
        sr = tiny(name)(torch.rand(2, 3, 6, 7), size)
    assert sr.shape == (2, 3, *size) and sr.dtype == torch.float32
    assert sr.isfinite().all()


def test_bicubic_makes_pictures_of_any_size():
    sr = models.load("bicubic")(torch.rand(2, 3, 6, 7), (13, 5))
    assert sr.shape == (2, 3, 13, 5) and sr.isfinite().all()


@pytest.mark.parametrize("lr_size", [(1, 9), (9, 1), (1, 1)])
@pytest.mark.parametrize("name", ["liif", "ipe-liif", "metasr", "ipe-metasr", "lte", "ipe-lte", "ipe-lmf"])
def test_a_picture_of_one_row_can_be_upscaled_far_and_by_another_scale_for_each_axis(tiny, name, lr_size):
    with torch.no_grad():
        sr = tiny(name)(torch.rand(1, 3, *lr_size), (250, 11))
    assert sr.shape == (1, 3, 250, 11) and sr.isfinite().all()


@pytest.mark.parametrize("queries", [1, 50, 97, 1000])
@pytest.mark.parametrize("name", ["ipe-liif", "metasr", "ipe-metasr", "ipe-lte"])
def test_the_picture_does_not_depend_on_the_number_of_queries_decoded_at_once(tiny, monkeypatch, name, queries):
    model, lr = tiny(name), torch.rand(2, 3, 5, 6)
    with torch.no_grad():
        monkeypatch.setitem(implicit.QUERIES_AT_ONCE, "cpu", 1 << 30)
        whole = model(lr, (23, 31))
        monkeypatch.setitem(implicit.QUERIES_AT_ONCE, "cpu", queries)
        torch.testing.assert_close(model(lr, (23, 31)), whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["ipe-liif", "metasr", "ipe-lte"])
def test_the_gradients_do_not_depend_on_the_number_of_queries_decoded_at_once(tiny, monkeypatch, name):
    model, lr, gradients = tiny(name), torch.rand(2, 3, 5, 6), []
    for queries in (1 << 30, 97):
        monkeypatch.setitem(implicit.QUERIES_AT_ONCE, "cpu", queries)
        gradients.append(torch.autograd.grad(model(lr, (23, 31)).square().sum(), list(model.parameters())))
    for whole, banded in zip(*gradients, strict=True):
        torch.testing.assert_close(banded, whole, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["ipe-liif", "metasr", "ipe-metasr", "ipe-lte"])
def test_a_batch_gives_the_same_as_its_pictures_one_by_one(tiny, name):
    model, lr = tiny(name), torch.rand(3, 3, 5, 6)
    with torch.no_grad():
        alone = torch.cat([model(one[None], (12, 13)) for one in lr])
        torch.testing.assert_close(model(lr, (12, 13)), alone, rtol=0, atol=1e-6)


def jump(model, axis):
    """The jump of the colour at an integer position, where the four codes change, and at a half, where the nearest one does."""
    features = model.encode(torch.rand(1, 3, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))
    steps = []
    for border in (2.0, 1.5):
        position = torch.tensor([[border - 1e-9, 1.3], [border + 1e-9, 1.3]], dtype=torch.float64)
        position = position if axis == 0 else position.flip(-1)
        before, after = model.query(features, position[None], torch.full((2,), 0.4).double())[0]
        steps.append((before - after).abs().max().item())
    return steps


@pytest.mark.parametrize("axis", [0, 1])
@torch.no_grad()
def test_colours_are_continuous_with_the_local_ensemble_and_jump_without(tiny, axis):
    with_ensemble, without = (tiny(ensemble=ensemble).double() for ensemble in (True, False))
    assert max(jump(with_ensemble, axis)) < 1e-6
    assert jump(without, axis)[1] > 1e-4


@torch.no_grad()
def test_without_the_ensemble_the_same_weights_give_another_picture(tiny):
    first, second = tiny(ensemble=True), tiny(ensemble=False)
    second.load_state_dict(first.state_dict())
    lr = torch.rand(1, 3, 5, 6)
    assert (first(lr, (20, 24)) - second(lr, (20, 24))).abs().max() > 1e-4


@pytest.mark.parametrize(("option", "more_inputs"), [
    ({"cell": True}, 2), ({"unfold": False}, -8 * 4), ({"frequencies": 11}, 4),
])
def test_options_change_the_number_of_the_decoders_inputs(tiny, option, more_inputs):
    plain, changed = tiny("ipe-liif-no-skip"), tiny("ipe-liif-no-skip", **option)
    assert changed.decoder.hidden[0].in_features - plain.decoder.hidden[0].in_features == more_inputs
    assert parameters(changed.decoder) - parameters(plain.decoder) == more_inputs * 16


@pytest.mark.parametrize(("name", "told"), [
    ("liif", True), ("ipe-liif", True), ("ipe-liif-cell", True), ("liif-pe", False), ("metasr", True), ("ipe-metasr", True),
    ("metasr-pe", False), ("lte", True), ("ipe-lte", True), ("ipe-lmf", True),
])
@torch.no_grad()
def test_the_size_of_a_pixel_changes_its_colour_in_those_methods_only_that_receive_it(tiny, name, told):
    model = tiny(name)
    features, position = model.encode(torch.rand(1, 3, 5, 6)), torch.tensor([[[1.2, 3.4]]], dtype=torch.float64)
    small, large = (model.query(features, position, torch.tensor(radius)) for radius in ([0.1, 0.1], [0.9, 0.9]))
    assert torch.equal(small, large) is not told


def test_the_cell_is_twice_the_radius(tiny):
    code = tiny("liif").describe(torch.tensor([[0.5, -1.5]]), torch.tensor([0.25, 0.1]))
    torch.testing.assert_close(code, torch.tensor([[0.5, -1.5, 0.5, 0.2]]))


def test_skip_connections_give_the_input_to_every_hidden_layer():
    mlp, x = MLP(5, 3, width=8, depth=3, skip=True), torch.rand(4, 5)
    h = mlp.hidden[0](x).relu()
    for hidden in mlp.hidden[1:]:
        h = (h @ hidden.weight[:, :8].T + x @ hidden.weight[:, 8:].T + hidden.bias).relu()
    torch.testing.assert_close(mlp(x), mlp.output(h))


@torch.no_grad()
def test_unfolding_is_channel_major_with_zeros_beyond_the_border(tiny):
    model, lr = tiny(), torch.rand(1, 3, 4, 5)
    features = model.encode(lr)
    latent = model.latent_codes(features)
    assert latent.shape == (1, 4, 5, 36)
    reference = F.unfold(features, 3, padding=1).view(1, 36, 4, 5)   # the official implementation's line
    assert torch.equal(latent.permute(0, 3, 1, 2), reference)
    padded = F.pad(features, (1, 1, 1, 1))
    assert torch.equal(latent[0, 2, 0].view(4, 3, 3), padded[0, :, 2:5, 0:3])


HEADS = [(name, {"depth": 2, "frequencies": 2}) for name in ("liif", "ipe-liif")]
HEADS += [(name, {"depth": 2}) for name in ("lte", "ipe-lte")]
HEADS += [("ipe-lmf", {"frequencies": 2, "render_width": 4, "render_depth": 2})]
HEADS += [(name, {"frequencies": 2}) for name in ("metasr", "metasr-pe", "ipe-metasr")]
BEFORE_THE_QUERY = ("encoder.", "amplitude.", "frequency.")   # prefixes of the weights that compute latent codes


@pytest.mark.parametrize(("name", "options"), HEADS)
def test_gradients_of_a_query_equal_finite_differences(tiny, name, options):
    """The gradients with respect to the features and to every weight of the head are compared."""
    model = tiny(name, width=4, encoder=models.EDSRConfig(blocks=0, channels=1), **options).double()
    features = model.encode(torch.rand(1, 3, 3, 3, dtype=torch.float64)).detach().contiguous().requires_grad_()
    position = torch.tensor([[[0.3, 1.2], [-0.4, 2.3], [1.0, 1.0]]], dtype=torch.float64)
    radius = torch.tensor([0.3, 0.6], dtype=torch.float64)
    weights = {key: value for key, value in model.named_parameters() if not key.startswith(BEFORE_THE_QUERY)}

    def query(features, *values):
        named = {f"model.{key}": value for key, value in zip(weights, values, strict=True)}
        return torch.func.functional_call(_Query(model), named, (features, position, radius))

    assert torch.autograd.gradcheck(query, (features, *weights.values()))


@torch.no_grad()
@pytest.mark.parametrize("name", ["ipe-liif", "liif", "ipe-metasr", "ipe-lte"])
def test_bfloat16_stays_near_float32(tiny, name):
    """Positions and frequencies must not be rounded to bfloat16: the tenth frequency is 512 rad per local unit."""
    model, lr = tiny(name), torch.rand(1, 3, 5, 6)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(lr, (23, 31))
    assert (half.float() - model(lr, (23, 31))).abs().max() < 0.02


class _Query(torch.nn.Module):
    """Makes `query` the forward method, which functional_call needs."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, *args):
        return self.model.query(*args)


# The golden file holds results of the official implementation with its own weights. Its coordinates are float32, and at x7.3
# exact coordinates change the picture by 1.3e-5. So `query` is compared at the official coordinates, and `forward`, which uses
# exact ones, with a wider tolerance.


@torch.no_grad()
def test_the_encoder_gives_the_official_features(official, golden):
    lr = torch.from_numpy(golden["lr_uint8"]).movedim(-1, 0)[None] / 255
    np.testing.assert_allclose(official.encoder(lr * 2 - 1)[0], golden["features"], rtol=0, atol=1e-5)


def its_positions(n_out, n_in):
    radius = 1 / n_out
    coordinate = -1 + radius + 2 * radius * torch.arange(n_out).float()
    return ((coordinate.double() + 1) * n_in - 1) / 2


@pytest.mark.parametrize("key", SIZES)
@torch.no_grad()
def test_query_and_forward_give_the_official_pictures(official, golden, key):
    size, lr = SIZES[key], torch.from_numpy(golden["lr_uint8"]).movedim(-1, 0)[None] / 255
    features = official.encode(lr)
    positions = grids.mesh(*(its_positions(n, m) for n, m in zip(size, (24, 30), strict=True)))
    radius = grids.radii(size, (24, 30))
    sr = torch.cat([official.query(features, some[None], radius) for some in positions.split(4096)], 1)
    np.testing.assert_allclose(sr.view(*size, 3), golden[key], rtol=0, atol=1e-5)
    np.testing.assert_allclose(official(lr, size)[0].movedim(0, -1), golden[key], rtol=0, atol=2e-5)


def test_load_takes_released_names_and_models_and_names_the_choices_otherwise():
    model = models.load("bicubic")
    assert models.load(model) is model and not model.training
    large = ["bicubic", "ipe-field", "ipe-field-light", "ipe-liif", "ipe-liif-cell"]
    twins = ["small-field", "small-ipe-liif", "small-ipe-metasr", "small-liif", "small-liif-pe", "small-metasr"]
    assert models.released() == [*large, *twins]
    for name in ("ipe-liif", "ipe-liif-cell"):
        assert models.load(name).config == models.method(name)
    assert models.load().config == models.method(models.DEFAULT)
    every = f"{', '.join([*large, *twins])} or the path"
    for name, hint in (("rdn-liif", "train it"), ("nonesuch", every)):
        with pytest.raises(ValueError, match=f"{name}.*{hint}"):
            models.load(name)


def test_an_unknown_option_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="coordinate, positional, integrated"):
        models.LIIFConfig(encoding="fourier").build()
    with pytest.raises(ValueError, match="positional, integrated"):
        models.LTEConfig(encoding="coordinate").build()
    with pytest.raises(ValueError, match="mip-nerf, nerf, half-octaves"):
        models.LIIFConfig(convention="fourier").build()
    with pytest.raises(ValueError, match="'nonesuch' is unknown"):
        models.method("nonesuch")


def everything(name):
    """A small model of every method."""
    config = models.method(name)
    small = {"encoder": models.EDSRConfig(blocks=1, channels=4), "width": 8}
    known = {field.name for field in dataclasses.fields(config)}
    return dataclasses.replace(config, **{key: value for key, value in small.items() if key in known}).build().eval()


@pytest.mark.parametrize("name", models.methods())
@torch.no_grad()
def test_an_empty_batch_gives_an_empty_result_and_a_size_of_zero_is_refused(name):
    model, scale = everything(name), getattr(models.method(name), "scale", 2)
    size = (4 * scale, 5 * scale)
    for compute in (lambda lr, size: model(lr, size), lambda *given: render.render(model, *given),
                    lambda *given: render.textbook(model, *given)):
        assert compute(torch.rand(0, 3, 4, 5), size).shape == (0, 3, *size)
        with pytest.raises(InputError):
            compute(torch.rand(1, 3, 4, 5), (0, size[1]))


@pytest.mark.parametrize("name", models.methods())
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.no_grad()
def test_every_model_runs_in_half_precision(name, dtype):
    torch.manual_seed(0)
    model, scale, lr = everything(name), getattr(models.method(name), "scale", 2), torch.rand(1, 3, 4, 5)
    size = (4 * scale, 5 * scale)
    exact, half = model(lr, size), model.to(dtype)(lr.to(dtype), size)
    torch.testing.assert_close(half.float(), exact, rtol=0, atol=0.03)
    torch.testing.assert_close(render.textbook(model, lr.to(dtype), size).float(), exact, rtol=0, atol=0.03)
