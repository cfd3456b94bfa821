"""The page on extensions, executed as it stands; and the contracts of encoders and encodings that come from outside."""

import functools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from ipe_sr import encodings, models, plugins, render
from ipe_sr.errors import InputError
from ipe_sr.models import configs, registry
from ipe_sr.sweeps import records

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "ipe_sr" / "EXTENDING.md").read_text(encoding="utf-8")
FILES = re.findall(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", PAGE, re.S)   # (name, content)
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A folder that holds what the page says: the files, a copy of the experiments, a picture."""
    pytest.importorskip("snakemake", reason="the page runs a sweep: pip install 'ipe_sr[sweep]'")
    folder = tmp_path_factory.mktemp("extending")
    experiments = folder / "experiments"
    shutil.copytree(ROOT / "notebooks" / "experiments", experiments, ignore=shutil.ignore_patterns("records"))
    for name, content in FILES:
        (folder / name).write_text(content, encoding="utf-8")
    Image.effect_noise((40, 30), 60).convert("RGB").save(folder / "photo.png")
    return folder


@pytest.fixture(scope="module")
def said(world) -> dict[str, str]:
    """Command -> what it printed. Every command of the page is run in its order."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    printed = {}
    for command in COMMANDS:
        done = subprocess.run(
            command, shell=True, cwd=world, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        printed[command] = done.stdout
    return printed


def test_the_three_extensions_are_trained_and_evaluated(world, said):
    for name in ("sized", "siren", "window"):
        assert models.training_facts(world / "runs" / name / "model.safetensors")["steps"] == 100
    evaluated = [text for command, text in said.items() if " evaluate " in command]
    assert len(evaluated) == 3 and all("x2" in text and "dB" in text for text in evaluated)


def test_the_picture_is_upscaled_by_the_decoder_from_outside(world, said):
    assert Image.open(world / "large.png").size == (108, 81)


def test_the_sweep_ran_and_its_report_names_the_decoder_from_outside(world, said):
    made = records.collect(world / "runs" / "sweep")
    assert {record.status for record in made} == {"ok"}
    assert {record.model["kind"] for record in made} == {"liif", "siren"}
    assert {record.model["encoder"]["name"] for record in made} == {"window"}
    assert "SIREN" in (world / "runs" / "sweep" / "report" / "report.md").read_text(encoding="utf-8")


def test_a_checkpoint_of_a_plugin_without_the_plugin_is_one_line(world, said):
    command = [sys.executable, "-m", "ipe_sr", "evaluate", "--model", world / "runs" / "siren" / "model.safetensors"]
    command += ["--data", "samples-valid", "--scales", "2"]
    done = subprocess.run(command, cwd=world, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "'siren' is unknown" in done.stderr and "--plugin" in done.stderr


class Everywhere(nn.Module):
    """Features that depend on the whole picture."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x):
        x = self.conv(x)
        return x + x.mean((-2, -1), keepdim=True) + x.amax((-2, -1), keepdim=True)


@pytest.fixture
def own():
    """Registrations of one test, removed after it."""
    before = dict(registry._FAMILIES), dict(registry._ENCODERS), dict(encodings.ENCODINGS)
    yield
    for table, kept in zip((registry._FAMILIES, registry._ENCODERS, encodings.ENCODINGS), before, strict=True):
        table.clear()
        table.update(kept)


def page(name: str) -> dict:
    """What a file of the page defines, by name."""
    made: dict = {"__name__": f"page_{name}"}
    exec(dict(FILES)[f"{name}.py"], made)
    return made


@pytest.mark.parametrize("lr_size", [(40, 80), (33, 47), (64, 64)])
@pytest.mark.parametrize("size", [(61, 97), (80, 160), (20, 37)])
@torch.no_grad()
def test_tiles_of_a_windowed_encoder_equal_the_whole_picture(own, monkeypatch, lr_size, size):
    torch.manual_seed(0)
    window = page("window")["WindowConfig"]()
    for method in ("ipe-liif", "ipe-lte", "ipe-metasr"):
        config = configs.from_dict(configs.to_dict(models.method(method)) | {"width": 12, "encoder": {"name": "window"}})
        assert config.encoder == window
        model, lr = config.build().eval(), torch.rand(1, 3, *lr_size)
        whole = model(lr, size)
        monkeypatch.setitem(render.WORKING_SET, "cpu", 1)
        assert len(list(render.bands(model, lr, size))) > 4
        torch.testing.assert_close(render.render(model, lr, size), whole, rtol=0, atol=1e-5)


@torch.no_grad()
def test_an_encoder_without_a_bound_sees_whole_pictures(own, monkeypatch):
    @models.register_encoder("everywhere")
    @dataclass(frozen=True)
    class EverywhereConfig(models.EncoderConfig):
        channels: int = 4

        def build(self):
            return Everywhere()

    model = models.LIIFConfig(width=12, encoder=EverywhereConfig()).build().eval()
    lr = torch.rand(1, 3, 40, 60)
    monkeypatch.setitem(render.WORKING_SET, "cpu", 1)
    torch.testing.assert_close(render.render(model, lr, (90, 130)), model(lr, (90, 130)), rtol=0, atol=1e-6)
    assert render.peak_bytes(model, (40, 60), (90, 130)) > 0


@torch.no_grad()
def test_an_encoding_that_mixes_the_axes_is_rendered_by_its_textbook(own):
    @encodings.register("distance")
    def distance(centre, radius, frequencies):
        return torch.cat([centre.norm(dim=-1, keepdim=True), radius.expand_as(centre)], -1)

    for config in (models.LIIFConfig, models.LMFConfig):
        model = config(encoding="distance", width=12, encoder=models.EDSRConfig(1, 4)).build().eval()
        assert not model.pixel.separable
        lr = torch.rand(1, 3, 6, 7)
        torch.testing.assert_close(model(lr, (13, 17)), render.textbook(model, lr, (13, 17)), rtol=0, atol=5e-6)


@pytest.mark.parametrize("encoding", sorted(encodings.ENCODINGS))
def test_our_encodings_are_separable(encoding):
    assert models.LIIFConfig(encoding=encoding, encoder=models.EDSRConfig(0, 2)).build().pixel.separable


@pytest.mark.parametrize("register", [models.register, models.register_encoder])
def test_a_taken_name_and_a_foreign_class_are_refused(own, register):
    name, base = ("lmf", models.FamilyConfig) if register is models.register else ("edsr", models.EncoderConfig)
    with pytest.raises(InputError, match=f"{name!r} is registered already"):
        register(name)(type("Another", (base,), {}))
    with pytest.raises(InputError, match=f"must inherit from {base.__name__}"):
        register("new")(type("Another", (), {}))


NO_BASE = """
from ipe_sr import models
@models.register("bare")
class Bare: ...
"""
TAKEN = """
from dataclasses import dataclass
from ipe_sr import models
@models.register("ipe-liif-cell")
@dataclass(frozen=True)
class Taken(models.FamilyConfig): ...
"""
BAD_PLUGINS = {   # file -> its content
    "plugins/needy.py": "import a_package_that_is_missing\n", "plugins/random.py": "", "plugins/bare.py": NO_BASE,
    "plugins/taken.py": TAKEN, "first/own.py": "", "second/own.py": "",
}


@pytest.mark.parametrize(("names", "words"), [
    (["nonesuch_module"], "give a module on Python's path, or the path of a .py file"),
    (["nonesuch.py"], "nonesuch.py: no such file"),
    (["plugins/needy.py"], "it needs the package 'a_package_that_is_missing'; install it"),
    (["plugins/random.py"], "there is another module 'random'"),
    (["first/own.py", "second/own.py"], "there is another module 'own'"),
    (["plugins/bare.py"], "family 'bare': Bare must inherit from FamilyConfig"),
    (["plugins/taken.py"], "family 'ipe-liif-cell': the package has a method of this name"),
])
def test_a_plugin_that_cannot_be_used_is_one_line(tmp_path, names, words):
    for name, content in BAD_PLUGINS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    options = [word for name in names for word in ("--plugin", name)]
    command = [sys.executable, "-m", "ipe_sr", *options, "train", "tiny-liif"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and words in done.stderr


def test_options_are_checked_where_annotations_are_text(own):
    made: dict = {"__name__": __name__, "models": models}
    exec("""
from __future__ import annotations
from dataclasses import dataclass
@models.register("postponed")
@dataclass(frozen=True)
class Postponed(models.FamilyConfig):
    size: int = 1
""", made)
    assert configs.from_dict({"kind": "postponed", "size": 2}) == made["Postponed"](2)
    with pytest.raises(ValueError, match="option 'size' must be int, got 'large'"):
        configs.from_dict({"kind": "postponed", "size": "large"})


def test_plugins_are_named_once(monkeypatch):
    monkeypatch.setenv(plugins.PLUGINS, "json, math,json,")
    assert plugins.names() == ["json", "math"]


@functools.cache
def registered_methods() -> list[str]:
    return models.methods()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", registered_methods())
@torch.no_grad()
def test_every_method_runs_in_half_precision(tiny, name, dtype):
    """By `render`'s dtype, and with weights and picture of that dtype; both stay near float32."""
    config = models.method(name)
    if not config.trainable:
        pytest.skip("interpolation computes in the picture's precision")
    scale = getattr(config, "scale", 2)
    model, lr = tiny(name) if hasattr(config, "width") else tiny_fixed(config), torch.rand(1, 3, 8, 9)
    size = (8 * scale, 9 * scale)
    full = render.render(model, lr, size)
    by_dtype = render.render(model, lr, size, dtype)
    whole = render.render(model.to(dtype), lr.to(dtype), size)
    assert by_dtype.dtype == torch.float32 and whole.dtype == dtype
    for half in (by_dtype, whole.float()):
        assert half.isfinite().all() and (half - full).abs().max() < 0.05


def tiny_fixed(config) -> nn.Module:
    torch.manual_seed(0)
    return models.FixedScaleConfig(config.scale, models.EDSRConfig(1, 4)).build().eval()
