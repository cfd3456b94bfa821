"""Checkpoints: what is saved is read back, official LIIF files are imported, and any other content gives one clear line."""

import dataclasses
import functools
import json

import pytest
import safetensors.torch
import torch

from ipe_sr import InputError, models
from ipe_sr.models import checkpoints, configs

SMALL = models.LIIFConfig(
    encoding="positional", frequencies=3, cell=True, width=8, depth=2, encoder=models.EDSRConfig(blocks=1, channels=4)
)


@pytest.fixture
def saved(tmp_path):
    """The path of a checkpoint of a tiny LIIF, saved by this package."""
    torch.manual_seed(0)
    path = tmp_path / "small.safetensors"
    models.save(SMALL.build(), path, {"steps": 7, "data": ["photos"]})
    return path


def refused(path, *words):
    """Reading the file raises InputError with one line that names the file and contains these words."""
    with pytest.raises(InputError) as caught:
        models.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    for word in words:
        assert word in message


def rewrite(path, change=lambda tensors: None, **header):
    """Rewrite a checkpoint with changed tensors or header."""
    tensors = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata() | header
    change(tensors)
    safetensors.torch.save_file(tensors, path, metadata=metadata)


def official_content(change=lambda stored: None):
    """The content of an official LIIF checkpoint, with random weights."""
    renames = {"encoder.head.": "encoder.head.0.", "decoder.output.": "imnet.layers.8."}
    renames |= {f"decoder.hidden.{i}.": f"imnet.layers.{2 * i}." for i in range(4)}
    tensors = {}
    for name, tensor in models.method("liif").build().state_dict().items():
        prefix = next((p for p in renames if name.startswith(p)), "")
        tensors[renames.get(prefix, "") + name.removeprefix(prefix)] = tensor
    tensors["encoder.sub_mean.weight"] = torch.eye(3).view(3, 3, 1, 1)
    args = {"encoder_spec": {"name": "edsr-baseline", "args": {"no_upsampling": True}}}
    stored = {"model": {"name": "liif", "args": args, "sd": tensors}, "optimizer": {}, "epoch": 1000}
    change(stored)
    return stored


def test_a_saved_liif_is_read_with_the_same_config_weights_and_training_facts(saved):
    torch.manual_seed(0)
    original, model = SMALL.build(), models.read(saved)
    assert model.config == SMALL and not model.training
    assert model.state_dict().keys() == original.state_dict().keys()
    assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in original.state_dict().items())
    assert models.training_facts(saved) == {"steps": 7, "data": ["photos"]}
    assert models.load(str(saved)).config == SMALL


def test_bicubic_can_be_saved_and_read(tmp_path):
    models.save(models.load("bicubic"), tmp_path / "b.safetensors")
    assert isinstance(models.read(tmp_path / "b.safetensors"), models.Bicubic)
    assert models.training_facts(tmp_path / "b.safetensors") == {}


def test_weights_saved_in_half_precision_are_float32_when_read(tmp_path):
    model = SMALL.build()
    for name, dtype in (("whole", None), ("half", torch.float16)):
        models.save(model, tmp_path / f"{name}.safetensors", dtype=dtype)
    whole, half = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("whole", "half"))
    assert whole - half == pytest.approx(2 * sum(p.numel() for p in model.parameters()), rel=0.1)   # plus the headers
    for mine, given in zip(models.read(tmp_path / "half.safetensors").parameters(), model.parameters(), strict=True):
        assert mine.dtype == torch.float32 and torch.equal(mine, given.half().float())


@pytest.mark.parametrize("name", models.methods())
def test_every_config_can_be_written_as_json_and_read(name):
    config = models.method(name)
    assert configs.from_dict(json.loads(json.dumps(configs.to_dict(config)))) == config


def test_a_failed_save_keeps_the_old_file_and_leaves_no_other(saved, monkeypatch):
    before = saved.read_bytes()

    def fails(tensors, path, metadata):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", fails)
    with pytest.raises(InputError, match="No space left"):
        models.save(SMALL.build(), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_missing_file_and_an_unknown_suffix_are_refused(tmp_path):
    refused(tmp_path / "none.safetensors", "no such file")
    (tmp_path / "model.onnx").write_bytes(b"0")
    refused(tmp_path / "model.onnx", ".safetensors", ".pth")


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".pt"])
@pytest.mark.parametrize("content", [b"", b"hello, world\n", b"\0" * 100, bytes(range(256))])
def test_a_file_with_other_content_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    refused(path)


@pytest.mark.parametrize("keep", [4, 100, -1000, -1])
def test_a_truncated_file_is_refused(saved, tmp_path, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    refused(saved, "not a readable safetensors file")
    pth = tmp_path / "official.pth"
    torch.save(official_content(), pth)
    pth.write_bytes(pth.read_bytes()[:keep])
    refused(pth)


class Custom:
    """A class that can be read by unpickling only."""


@pytest.mark.parametrize("content", [Custom(), {"model": Custom()}, functools.partial(print, "code that ran")])
def test_pickles_are_refused_and_not_run(tmp_path, content, capsys):
    torch.save(content, tmp_path / "evil.pth")
    refused(tmp_path / "evil.pth", "unpickling", "refused")
    assert capsys.readouterr().out == ""


def first(tensors, value):
    name = sorted(tensors)[0]
    tensors[name] = value(tensors[name])


@pytest.mark.parametrize(("change", "words"), [
    (lambda t: t.pop("decoder.output.bias"), ["'decoder.output.bias' is missing"]),
    (lambda t: t.update(stray=torch.zeros(1)), ["'stray' does not belong"]),
    (lambda t: first(t, lambda x: x[:-1].contiguous()), ["shape (7,) where (8,) is due"]),
    (lambda t: first(t, lambda x: torch.full_like(x, float("nan"))), ["finite"]),
    (lambda t: first(t, lambda x: x.to(torch.int32)), ["floating-point"]),
])
def test_tensors_that_do_not_fit_the_config_are_refused(saved, change, words):
    rewrite(saved, change)
    refused(saved, *words)


def test_a_safetensors_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "foreign.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path, metadata={"format": "pt"})
    refused(path, checkpoints.FORMAT)
    safetensors.torch.save_file({"weight": torch.zeros(2)}, path)
    refused(path, checkpoints.FORMAT)


@pytest.mark.parametrize(("config", "word"), [
    ({"kind": "liif", "colour": "blue"}, "'colour'"), ({"kind": "nonesuch"}, "'nonesuch'"), ({}, "None"),
    ({"kind": "liif", "encoding": "fourier"}, "'fourier'"), ({"kind": "liif", "width": "wide"}, "'width'"),
    ({"kind": "liif", "encoder": {"name": "edsr", "heads": 8}}, "'heads'"),
    ({"kind": "liif", "encoder": 3}, "an encoder is a mapping"), (3, "config"), ([], "config"),
    ({"kind": "liif", "frequencies": -1}, "config"), ({"kind": "liif", "width": -5}, "config"),
    ({"kind": "liif", "encoder": {"name": "swin"}}, "'swin'"),
])
def test_a_config_with_unknown_or_bad_options_is_refused(saved, config, word):
    rewrite(saved, model=json.dumps(config))
    refused(saved, word)


def test_a_config_that_is_not_json_is_refused(saved):
    rewrite(saved, model="{")
    refused(saved, "config")


def test_an_official_checkpoint_is_imported_with_every_tensor_in_its_place(tmp_path):
    stored = official_content()
    torch.save(stored, tmp_path / "official.pth")
    model = models.read(tmp_path / "official.pth")
    assert model.config == models.method("liif") and model.config.encoding == "coordinate"
    given = stored["model"]["sd"]
    assert torch.equal(model.encoder.head.weight, given["encoder.head.0.weight"])
    assert torch.equal(model.decoder.hidden[3].bias, given["imnet.layers.6.bias"])
    assert torch.equal(model.decoder.output.weight, given["imnet.layers.8.weight"])


@pytest.mark.parametrize(("theirs", "ours"), [
    ("local_ensemble", "ensemble"), ("cell_decode", "cell"), ("feat_unfold", "unfold"),
])
def test_the_options_of_an_official_checkpoint_are_read(tmp_path, theirs, ours):
    """Without the ensemble its tensors are the same, and only the option tells; the others change a tensor's shape."""
    torch.save(official_content(lambda s: s["model"]["args"].update({theirs: False})), tmp_path / "changed.pth")
    if ours == "ensemble":
        assert models.read(tmp_path / "changed.pth").config == dataclasses.replace(models.method("liif"), ensemble=False)
    else:
        refused(tmp_path / "changed.pth", "'decoder.hidden.0.weight' has shape")


def test_the_official_file_gives_liif_with_its_known_number_of_parameters(official):
    assert official.config == models.method("liif")
    assert sum(p.numel() for p in official.parameters()) == 1_220_416 + 346_883


@pytest.mark.parametrize(("change", "words"), [
    (lambda s: s.pop("model"), ["not an official LIIF, MetaSR or LTE checkpoint"]),
    (lambda s: s["model"].update(name="nonesuch"), ["'nonesuch'", "only liif"]),
    (lambda s: s["model"]["args"]["encoder_spec"].update(name="swin"), ["'swin'", "only liif"]),
    (lambda s: s["model"]["sd"].pop("imnet.layers.8.bias"), ["missing"]),
    (lambda s: s["model"]["sd"].update({"imnet.layers.8.bias": torch.tensor([0, 0, float("inf")])}), ["finite"]),
    (lambda s: s["model"]["sd"].update({"imnet.layers.8.bias": 3}), []),
    (lambda s: s["model"].update(sd=[1, 2]), []),
    (lambda s: s["model"]["sd"].update({3: torch.zeros(1)}), []),
])
def test_an_official_checkpoint_that_does_not_fit_is_refused(tmp_path, change, words):
    torch.save(official_content(change), tmp_path / "changed.pth")
    refused(tmp_path / "changed.pth", *words)


@pytest.mark.parametrize("content", [torch.zeros(3), [1, 2], {"weight": torch.zeros(3)}, 5])
def test_a_pth_file_with_other_content_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "foreign.pth")
    refused(tmp_path / "foreign.pth", "not an official LIIF, MetaSR or LTE checkpoint")
