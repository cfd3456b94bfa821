"""Exported models: ONNX in onnxruntime, torch.export, and the field in spandrel, beside the models themselves."""

import dataclasses
import json
from fractions import Fraction

import pytest
import safetensors.torch
import torch

import ipe_sr
from ipe_sr import InputError, models
from ipe_sr.errors import first_line
from ipe_sr.exporting import compact, graphs

FAMILIES = [
    "ipe-liif", "liif", "ipe-liif-no-skip", "metasr", "ipe-metasr", "lte", "ipe-lte", "ipe-lmf", "lm-liif", "ipe-lm-liif",
]
FIELDS = ["field", "field-overlap", "field-point"]


@pytest.mark.parametrize("scale", [Fraction(2), Fraction(7, 3), Fraction(1)])
@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_a_graph_has_the_numbers_of_its_model(tiny, name, scale):
    model, lr = tiny(name), torch.rand(2, 3, 6, 7)
    size = tuple(graphs.scaled(n, scale) for n in (6, 7))
    torch.testing.assert_close(graphs.graph_of(model, scale)(lr), model(lr, size), rtol=0, atol=2e-6)
    torch.testing.assert_close(
        graphs.graph_of(model, None)(lr, torch.tensor([5, 19])), model(lr, (5, 19)), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize("name", ["rdn-liif", "rdn-metasr", "rdn-ipe-liif"])
@torch.no_grad()
def test_a_graph_has_the_numbers_of_a_model_with_rdn(tiny, name):
    model, lr = tiny(name, encoder=models.RDNConfig(channels=4, growth=2, blocks=2, layers=2)), torch.rand(1, 3, 6, 7)
    torch.testing.assert_close(graphs.graph_of(model, Fraction(2))(lr), model(lr, (12, 14)), rtol=0, atol=2e-6)


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize("name", FIELDS)
@torch.no_grad()
def test_a_field_is_a_sub_pixel_convolution_at_whole_number_scales(tiny, name, scale):
    model, lr = tiny(name), torch.rand(2, 3, 6, 7)
    torch.testing.assert_close(
        graphs.graph_of(model, Fraction(scale))(lr), model(lr, (6 * scale, 7 * scale)), rtol=0, atol=2e-6
    )


@pytest.mark.parametrize(("name", "scale"), [("ipe-liif", None), ("field-overlap", 3)])
@torch.no_grad()
def test_an_onnx_file_gives_the_same_picture_in_onnxruntime(tiny, tmp_path, name, scale):
    """The inputs are of other sizes than the traced one. The file says which model it holds."""
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `export`")
    model = tiny(name, **({"depth": 2} if name == "ipe-liif" else {}))
    assert ipe_sr.export(model, tmp_path / "m.onnx", scale) < 1e-5
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["ipe_sr"])["scale"] == scale
    for h, w in ((5, 8), (1, 3), (30, 21)):
        lr, size = torch.rand(1, 3, h, w), (2 * h + 1, 3 * w) if scale is None else tuple(int(n * scale + 0.5) for n in (h, w))
        given = {"lr": lr.numpy()} | ({} if scale else {"size": torch.tensor(size).numpy()})
        sr = torch.from_numpy(session.run(["sr"], given)[0])
        torch.testing.assert_close(sr, model(lr, size), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["ipe-metasr", "field"])
@torch.no_grad()
def test_a_pt2_file_gives_the_same_picture(tiny, tmp_path, name):
    model, lr = tiny(name), torch.rand(3, 3, 4, 9)
    assert ipe_sr.export(model, tmp_path / "m.pt2", 2) < 1e-5
    loaded = torch.export.load(tmp_path / "m.pt2").module()
    torch.testing.assert_close(loaded(lr), model(lr, (8, 18)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("options", [
    {}, {"encoder": models.EDSRConfig(blocks=0, channels=3)}, {"head": "pointwise"}, {"head": "residual"}, {"shape": "point"},
])
@torch.no_grad()
def test_a_field_is_a_chain_of_convolutions(tiny, tmp_path, options):
    """Its borders agree, too."""
    model, lr = tiny("field", **options), torch.rand(2, 3, 9, 6)
    assert ipe_sr.export(model, tmp_path / "m.safetensors", 3) < 1e-5
    tensors = safetensors.torch.load_file(tmp_path / "m.safetensors")
    torch.testing.assert_close(compact.compact(tensors, lr), model(lr, (27, 18)), rtol=0, atol=1e-5)


@torch.no_grad()
def test_spandrel_recognises_the_file_of_a_field(tiny, tmp_path):
    try:
        import spandrel
    except (ImportError, RuntimeError) as error:   # RuntimeError: a torchvision that was built for another torch
        pytest.skip(f"needs spandrel and a torchvision that fits torch: {first_line(error)}")
    model, lr = tiny("field"), torch.rand(2, 3, 9, 6)
    ipe_sr.export(model, tmp_path / "m.safetensors", 3)
    found = spandrel.ModelLoader().load_from_file(tmp_path / "m.safetensors")
    assert (found.architecture.name, found.scale, found.input_channels) == ("RealESRGAN Compact", 3, 3)
    torch.testing.assert_close(found(lr), model(lr, (27, 18)).clamp(0, 1), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("name", "file", "scale", "words"), [
    ("ipe-liif", "m.txt", 2, "use one of .onnx, .pt2, .safetensors"), ("ipe-liif", "m.onnx", 0.5, "at least 1"),
    ("ipe-liif", "m.safetensors", 2, "a field only"), ("field-overlap", "m.safetensors", 2, "without overlap"),
    ("field", "m.onnx", None, "whole-number scale"), ("field", "m.onnx", 2.5, "whole-number scale"),
    ("bicubic", "m.onnx", 2, "cannot be exported"), ("ipe-liif", "none/m.onnx", 2, "its folder does not exist"),
])
def test_what_cannot_be_exported_is_refused_in_one_line(tiny, tmp_path, name, file, scale, words):
    model = models.load("bicubic") if name == "bicubic" else tiny(name)
    with pytest.raises(InputError, match=words):
        ipe_sr.export(model, tmp_path / file, scale)
    assert not list(tmp_path.iterdir())


def test_a_fixed_scale_model_is_exported_at_its_scale(tmp_path):
    config = dataclasses.replace(models.method("edsr-x3"), encoder=models.EDSRConfig(blocks=1, channels=4))
    model = config.build()
    with pytest.raises(InputError, match="give --scale 3"):
        ipe_sr.export(model, tmp_path / "m.pt2", 2)
    assert ipe_sr.export(model, tmp_path / "m.pt2", 3) < 1e-5
