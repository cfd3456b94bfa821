"""Presets: every method's size, a training step and a round trip through a file, and presets that extend others."""

import dataclasses
import shutil

import pytest
import torch
import yaml

from ipe_sr import InputError, models, presets
from ipe_sr.models import configs
from ipe_sr.training import schedules

EDSR, RDN = 1_220_416, 21_973_952   # the encoders without upsampler, as LIIF's reference builds them
# method: parameters of encoder and rest. LIIF's 346,883, MetaSR's 445,120 and the fixed scales' totals (EDSR-baseline
# 1,369,859, 1,554,499, 1,517,571 without the two fixed MeanShift layers; RDN x2 22,123,395) are the references' own.
PARAMETERS = {
    "bicubic": (0, 0),
    "edsr-x2": (EDSR, 1_369_859 - EDSR), "edsr-x3": (EDSR, 1_554_499 - EDSR), "edsr-x4": (EDSR, 1_517_571 - EDSR),
    "rdn-x2": (RDN, 22_123_395 - RDN), "rdn-x3": (RDN, 22_308_035 - RDN), "rdn-x4": (RDN, 22_271_107 - RDN),
    "metasr": (EDSR, 445_120), "metasr-pe": (EDSR, 454_592), "ipe-metasr": (EDSR, 454_592), "ipe-metasr-nerf": (EDSR, 454_592),
    "liif": (EDSR, 346_883), "liif-skip": (EDSR, 792_323), "liif-pe": (EDSR, 829_187), "ipe-liif": (EDSR, 829_187),
    "ipe-liif-nerf": (EDSR, 829_187), "ipe-liif-l16": (EDSR, 853_763), "ipe-liif-l4": (EDSR, 804_611),
    "ipe-liif-cell": (EDSR, 831_235), "ipe-liif-no-skip": (EDSR, 356_099), "lte": (EDSR, 493_827), "ipe-lte": (EDSR, 493_827),
    "field": (EDSR, 246_659), "field-point": (EDSR, 246_659), "field-overlap": (EDSR, 246_659),
    "liif-skip-no-cell": (EDSR, 790_275), "liif-pe-cell": (EDSR, 831_235), "field-bicubic": (EDSR, 246_659),
    "ipe-liif-gaussian": (EDSR, 829_187), "ipe-liif-bicubic": (EDSR, 829_187),
    "ipe-lmf": (EDSR, 264_915), "ipe-liif-halves": (EDSR, 870_147),
    "rdn-metasr": (RDN, 445_120), "rdn-liif": (RDN, 346_883), "rdn-ipe-liif": (RDN, 829_187),
}


def parameters(module) -> int:
    return sum(p.numel() for p in module.parameters())


def trained_methods():
    return [name for name in models.methods() if name != "bicubic"]


def test_every_listed_method_is_a_preset_and_no_two_presets_are_equal():
    assert PARAMETERS.keys() <= set(models.methods())
    assert len({models.method(name) for name in models.methods()}) == len(models.methods())


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_method_has_its_known_number_of_parameters(name):
    with torch.device("meta"):   # makes shapes only and fills no memory
        model = models.method(name).build()
    encoder = parameters(model.encoder) if name != "bicubic" else 0
    assert (encoder, parameters(model) - encoder) == PARAMETERS[name]


@pytest.mark.parametrize("name", trained_methods())
def test_one_gradient_step_lowers_the_loss_and_reaches_every_weight(name):
    """The encoder is reduced to one block. The rest has its full size."""
    torch.manual_seed(0)
    config = models.method(name)
    fewer = {"blocks": 1} | ({"layers": 2} if isinstance(config.encoder, models.RDNConfig) else {})
    model = dataclasses.replace(config, encoder=dataclasses.replace(config.encoder, **fewer)).build()
    scale = getattr(config, "scale", 2)
    lr, hr = torch.rand(2, 3, 4, 5), torch.rand(2, 3, 4 * scale, 5 * scale)
    before = (model(lr, hr.shape[-2:]) - hr).square().mean()
    before.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())
    slope = sum(p.grad.square().sum() for p in model.parameters())
    with torch.no_grad():
        for p in model.parameters():
            p -= 1e-3 / slope * p.grad
        assert (model(lr, hr.shape[-2:]) - hr).square().mean() < before


@torch.no_grad()
@pytest.mark.parametrize("name", [name for name in models.methods() if not name.startswith("rdn")])   # test_rdn has RDN's
def test_a_saved_model_is_read_with_the_same_config_and_weights(tmp_path, name):
    torch.manual_seed(0)
    model = schedules.preset(f"tiny-{name}").model.build().eval()
    models.save(model, tmp_path / "model.safetensors")
    again = models.read(tmp_path / "model.safetensors")
    lr, size = torch.rand(1, 3, 5, 6), [side * getattr(model.config, "scale", 2) for side in (5, 6)]
    assert again.config == model.config
    assert torch.equal(again(lr, size), model(lr, size))


@pytest.mark.parametrize("name", models.methods())
def test_a_preset_that_extends_another_states_only_what_differs(name):
    options = yaml.safe_load((presets.FOLDER / "methods" / f"{name}.yaml").read_text(encoding="utf-8"))
    if base := options.pop("extends", None):
        inherited = configs.to_dict(models.method(base))
        assert options and all(inherited[key] != value for key, value in options.items())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """folder(kind, name=text, ...) replaces the package's presets of this kind. Those of the other kind stay."""
    def write(kind, **files):
        shutil.copytree(presets.FOLDER, tmp_path, ignore=shutil.ignore_patterns(kind), dirs_exist_ok=True)
        (tmp_path / kind).mkdir()
        for name, text in files.items():
            (tmp_path / kind / f"{name}.yaml").write_text(text, encoding="utf-8")
        monkeypatch.setattr(presets, "FOLDER", tmp_path)

    return write


def test_a_preset_inherits_the_options_that_it_does_not_state(folder):
    folder(
        "methods",
        a="kind: liif\nfrequencies: 3\nskip: false\nencoder: {channels: 8}", b="extends: a\nfrequencies: 5",
        c="extends: b\nencoder: {name: rdn}",
    )
    encoder = models.EDSRConfig(channels=8)
    assert models.method("b") == models.LIIFConfig(frequencies=5, skip=False, encoder=encoder)
    assert models.method("c") == models.LIIFConfig(frequencies=5, skip=False, encoder=models.RDNConfig())


@pytest.mark.parametrize(("text", "message"), [
    ("extends: nonesuch", "x.yaml: extends 'nonesuch', which is unknown: use one of base, x, y"),
    ("extends: [base]", "x.yaml: extends ['base'], which is unknown: use one of base, x, y"),
    ("extends: x", "x.yaml: extends 'x', which extends it in turn"),
    ("extends: y", "y.yaml: extends 'x', which extends it in turn"),
    ("extends: base\nheads: 8", "x.yaml: option 'heads' is unknown: use one of encoding, "),
    ("extends: base\nencoder: {heads: 8}", "x.yaml: option 'heads' is unknown: use one of blocks, channels"),
    ("extends: base\nfrequencies: many", "x.yaml: option 'frequencies' must be int, got 'many'"),
    ("kind: fixed-scale\nscale: 5", "x.yaml: a fixed scale is one of 2, 3, 4, got 5"),
    ("kind: nonesuch", "x.yaml: kind 'nonesuch' is unknown: use one of bicubic, "),
    ("- liif", "x.yaml: a preset is a mapping, got ['liif']"), ("", "x.yaml: a preset is a mapping, got None"),
    ("kind: [liif", "x.yaml: not readable as YAML"),
])
def test_a_bad_method_preset_gives_one_clear_line(folder, text, message):
    folder("methods", base="kind: liif", x=text, y="extends: x")
    with pytest.raises(InputError) as caught:
        models.method("x")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_schedule_can_extend_another(folder):
    folder("schedules", base="steps: 7\nbatch: 3", x="extends: base\nbatch: 5")
    assert (schedules.preset("x-liif").schedule.steps, schedules.preset("x-liif").schedule.batch) == (7, 5)


@pytest.mark.parametrize(("text", "message"), [
    ("extends: nonesuch", "x.yaml: extends 'nonesuch', which is unknown: use one of base, x, y"),
    ("extends: y", "y.yaml: extends 'x', which extends it in turn"),
    ("steps: [3", "x.yaml: not readable as YAML"), ("", "x.yaml: a preset is a mapping, got None"),
    ("batch: 3", "option 'steps' is missing"), ("steps: 3\nstepz: 3", "option 'stepz' is unknown: use one of steps, "),
])
def test_a_bad_schedule_preset_gives_one_clear_line(folder, text, message):
    folder("schedules", base="steps: 3", x=text, y="extends: x")
    with pytest.raises(InputError) as caught:
        schedules.preset("x-liif")
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
