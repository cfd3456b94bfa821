"""Official checkpoints of LIIF, MetaSR and LTE: files of the same structure with random weights, read and compared with the
formulas of the published code."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ipe_sr import InputError, models

SMALL_RDN = {"G0": 64, "RDNkSize": 3, "RDNconfig": "B", "scale": 2, "no_upsampling": True}


class Edsr(nn.Module):
    """Their EDSR-baseline by their names, without its upsampler."""

    def __init__(self, n_resblocks=2, n_feats=8):
        super().__init__()
        conv = lambda a, b: nn.Conv2d(a, b, 3, padding=1)   # noqa: E731
        self.sub_mean, self.add_mean = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.head = nn.Sequential(conv(3, n_feats))
        block = lambda: nn.ModuleDict({"body": nn.Sequential(conv(n_feats, n_feats), nn.ReLU(), conv(n_feats, n_feats))})  # noqa: E731
        self.body = nn.Sequential(*(block() for _ in range(n_resblocks)), conv(n_feats, n_feats))
        self.out_dim = n_feats

    def forward(self, x):
        x = self.head(x)
        y = x
        for block in self.body[:-1]:
            y = y + block["body"](y)
        return self.body[-1](y) + x


class Rdn(nn.Module):
    """Their RDN of configuration B, by their names, without its upsampler."""

    def __init__(self, channels=64, blocks=16, layers=8, growth=64):
        super().__init__()
        conv = lambda a, b, k=3: nn.Conv2d(a, b, k, padding=k // 2)   # noqa: E731
        self.SFENet1, self.SFENet2 = conv(3, channels), conv(channels, channels)
        self.RDBs = nn.ModuleList()
        for _ in range(blocks):
            block = nn.Module()
            inner = [nn.Module() for _ in range(layers)]
            for i, layer in enumerate(inner):
                layer.conv = nn.Sequential(conv(channels + i * growth, growth), nn.ReLU())
            block.convs, block.LFF = nn.Sequential(*inner), conv(channels + layers * growth, channels, 1)
            self.RDBs.append(block)
        self.GFF = nn.Sequential(conv(blocks * channels, channels, 1), conv(channels, channels))
        self.out_dim = channels

    def forward(self, x):
        first = self.SFENet1(x)
        y, outputs = self.SFENet2(first), []
        for block in self.RDBs:
            seen = y
            for layer in block.convs:
                seen = torch.cat([seen, layer.conv(seen)], 1)
            y = block.LFF(seen) + y
            outputs.append(y)
        return self.GFF(torch.cat(outputs, 1)) + first


def mlp(widths):
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    net = nn.Module()
    net.layers = nn.Sequential(*layers[:-1])
    return net


def grid(h, w):
    y, x = ((2 * torch.arange(n).double() + 1) / n - 1 for n in (h, w))
    return torch.stack(torch.meshgrid(y, x, indexing="ij"), -1)


def sample(x, at, mode="nearest"):
    """(1, C, h, w) at (Q, 2), y before x -> (Q, C)."""
    return F.grid_sample(x, at.flip(-1)[None, None].to(x), mode=mode, padding_mode="border", align_corners=False)[0, :, 0].T


def four(features, at, answer):
    """The local ensemble of LIIF and LTE.   answer(code's features' coordinate: (Q, 2), offset: (Q, 2)) -> (Q, 3)."""
    h, w = features.shape[-2:]
    size, centres = torch.tensor([h, w]).double(), grid(h, w).movedim(-1, 0)[None]
    colours, areas = [], []
    for vy in (-1, 1):
        for vx in (-1, 1):
            there = (at + torch.tensor([vy, vx]) / size + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
            offset = (at - sample(centres, there)) * size
            colours.append(answer(there, offset.float()))
            areas.append(offset.prod(-1).abs() + 1e-9)
    weights = torch.stack(areas[::-1]) / sum(areas)
    return sum(c * w[:, None].float() for c, w in zip(colours, weights, strict=True))


def liif(model, features, lr, at, cell):
    unfolded = F.unfold(features, 3, padding=1).view(1, -1, *features.shape[-2:])
    relative = (cell * torch.tensor(features.shape[-2:])).float().expand(len(at), 2)
    return four(features, at, lambda there, offset: model.imnet.layers(
        torch.cat([sample(unfolded, there), offset, relative], -1)))


def lte(model, features, lr, at, cell):
    coef, freq = model.coef(features), model.freq(features)
    relative = (cell * torch.tensor(features.shape[-2:])).float().expand(len(at), 2)

    def answer(there, offset):
        f = torch.stack(torch.split(sample(freq, there), 2, -1), -1)               # (Q, 2, N)
        f = (f * offset[..., None]).sum(-2) + model.phase(relative)
        return model.imnet.layers(sample(coef, there) * torch.cat([(math.pi * f).cos(), (math.pi * f).sin()], -1))

    return four(features, at, answer) + sample(lr, at, "bilinear")


def metasr(model, features, lr, at, cell):
    h, w = features.shape[-2:]
    size = torch.tensor([h, w]).double()
    unfolded = F.unfold(features, 3, padding=1).view(1, -1, h, w)
    corner = at - cell / 2
    there = (corner + 1e-6).clamp(-1 + 1e-6, 1 - 1e-6)
    offset = (corner - sample((grid(h, w) - 1 / size).movedim(-1, 0)[None], there)) * size / 2
    inverse = torch.full((len(at), 1), float(cell[0]) * h / 2)
    filters = model.imnet.layers(torch.cat([offset.float(), inverse], -1)).view(len(at), -1, 3)
    return torch.bmm(sample(unfolded, there)[:, None], filters)[:, 0]


FORMULAS = {"liif": liif, "metasr": metasr, "lte": lte}


def official(name, encoder="edsr-baseline"):
    """A model with the published names of tensors, and the content of its checkpoint."""
    torch.manual_seed(0)
    model = nn.Module()
    model.encoder = Edsr() if encoder == "edsr-baseline" else Rdn()
    c = model.encoder.out_dim
    args = {"encoder_spec": {"name": encoder, "args": {"n_resblocks": 2, "n_feats": 8, "no_upsampling": True}}}
    if encoder == "rdn":
        args["encoder_spec"]["args"] = SMALL_RDN
    imnet = {"name": "mlp", "args": {"out_dim": 3, "hidden_list": [16] * (3 if name == "lte" else 4)}}
    if name == "liif":
        model.imnet = mlp([9 * c + 4, 16, 16, 16, 16, 3])
        args |= {"imnet_spec": imnet, "local_ensemble": True, "feat_unfold": True, "cell_decode": True}
    elif name == "metasr":
        model.imnet = mlp([3, 256, 27 * c])
    else:
        model.coef, model.freq = nn.Conv2d(c, 16, 3, padding=1), nn.Conv2d(c, 16, 3, padding=1)
        model.phase, model.imnet = nn.Linear(2, 8, bias=False), mlp([16, 16, 16, 16, 3])
        args |= {"imnet_spec": imnet, "hidden_dim": 16}
    return model, {"model": {"name": name, "args": args, "sd": model.state_dict()}, "optimizer": {}, "epoch": 1000}


@pytest.mark.parametrize(("name", "encoder"), [
    ("liif", "edsr-baseline"), ("metasr", "edsr-baseline"), ("lte", "edsr-baseline"), ("liif", "rdn"), ("lte", "rdn"),
])
@torch.no_grad()
def test_an_imported_model_gives_the_pictures_of_the_published_formulas(tmp_path, name, encoder):
    theirs, stored = official(name, encoder)
    torch.save(stored, tmp_path / "official.pth")
    ours, lr = models.read(tmp_path / "official.pth"), torch.rand(1, 3, 5, 6)
    assert ours.config.encoder == (models.RDNConfig() if encoder == "rdn" else models.EDSRConfig(blocks=2, channels=8))
    x = lr * 2 - 1
    features = theirs.encoder(x)
    for size in ((10, 12), (13, 16), (20, 24)) if name != "metasr" else ((10, 12), (20, 24)):   # one scale for both axes
        cell = 2 / torch.tensor(size).double()
        rgb = FORMULAS[name](theirs, features, x, grid(*size).flatten(0, 1), cell).T.view(1, 3, *size) / 2 + 0.5
        torch.testing.assert_close(ours(lr, size), rgb, rtol=0, atol=2e-5)


@pytest.mark.parametrize(("change", "words"), [
    (lambda m: m.update(name="srno"), ["'srno' with encoder 'edsr-baseline'", "liif, metasr and lte"]),
    (lambda m: m["args"]["encoder_spec"].update(name="swinir"), ["'swinir'", "edsr-baseline and rdn"]),
    (lambda m: m["args"]["encoder_spec"]["args"].update(res_scale=0.1), ["its res_scale is 0.1"]),
    (lambda m: m["args"]["encoder_spec"]["args"].update(no_upsampling=False), ["its no_upsampling is False"]),
    (lambda m: m["args"]["encoder_spec"]["args"].update(n_resblocks=10**9), ["its n_resblocks is 1000000000"]),
    (lambda m: m["args"]["imnet_spec"]["args"].update(hidden_list=[256, 128]), ["hidden_list"]),
    (lambda m: m["args"]["imnet_spec"].update(name="siren"), ["imnet_spec"]),
    (lambda m: m["args"].update(imnet_spec=3), ["imnet_spec"]),
    (lambda m: m["sd"].pop("imnet.layers.2.bias"), ["'decoder.hidden.1.bias' is missing"]),
])
def test_what_has_no_equal_here_is_refused_in_one_line(tmp_path, change, words):
    stored = official("liif")[1]
    change(stored["model"])
    torch.save(stored, tmp_path / "official.pth")
    with pytest.raises(InputError) as caught:
        models.read(tmp_path / "official.pth")
    assert "\n" not in str(caught.value) and all(word in str(caught.value) for word in words)
