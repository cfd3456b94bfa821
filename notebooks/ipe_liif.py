"""IPE-LIIF in one file: everything that notebooks 03 to 09 build, without the rest of the package.

    python ipe_liif.py photo.jpg                    train on one picture for some minutes, then enlarge it
    python ipe_liif.py photo.jpg --weights FILE     enlarge it with weights, such as ipe_sr/weights/ipe-liif.safetensors

The package computes the same numbers several times faster; a test compares the two. Needs torch, numpy, pillow and safetensors.
"""

import argparse
import math

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

# Notebook 03: the encoding of an area ---------------------------------------------------------------------------------


def integrated(centre: Tensor, radius: Tensor, frequencies: Tensor) -> Tensor:
    """Eqs. 4-6: the mean of sines and cosines over [centre - radius, centre + radius].   (..., D), (..., D) -> (..., 2 D L)."""
    phase = centre[..., None] * frequencies                                  # (..., D, L)
    damping = torch.sinc(radius[..., None] * frequencies / math.pi)          # torch's is sin(pi x) / (pi x)
    return torch.cat([phase.sin() * damping, phase.cos() * damping], -2).flatten(-2)


# Notebook 05: where pixels are, the encoder, latent codes -------------------------------------------------------------


def centres(n_out: int, n_in: int) -> Tensor:
    """Centres of n_out equal pixels over n_in LR pixels, in LR pixels: (n_out,), float64."""
    return (torch.arange(n_out, dtype=torch.float64) + 0.5) * n_in / n_out - 0.5


def conv3(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


class ResidualBlock(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(conv3(channels, channels), nn.ReLU(), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class EDSR(nn.Module):
    """(B, 3, h, w) in [-1, 1] -> features (B, channels, h, w)."""

    def __init__(self, blocks: int, channels: int):
        super().__init__()
        self.head = conv3(3, channels)
        self.body = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)), conv3(channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        x = self.head(x)
        return x + self.body(x)


def unfold(features: Tensor) -> Tensor:
    """(B, C, h, w) -> latent codes (B, h * w, 9 C): for each channel its 3x3 neighbourhood, row by row."""
    return F.unfold(features, 3, padding=1).transpose(1, 2)


# Notebooks 06 and 08: the decoder -------------------------------------------------------------------------------------


class MLP(nn.Module):
    """Linear layers with ReLU. Each hidden layer but the first reads the input once more (the paper's skips)."""

    def __init__(self, inputs: int, width: int, depth: int = 4):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(inputs + width * (layer > 0), width) for layer in range(depth))
        self.output = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.hidden[0](x).relu()
        for layer in self.hidden[1:]:
            h = layer(torch.cat([h, x], -1)).relu()
        return self.output(h)


# Notebook 07: the local ensemble --------------------------------------------------------------------------------------


def corners(position: Tensor, lr_size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Eq. 8: (Q, 2) in LR pixels -> the four latent codes' numbers (Q, 4), offsets (Q, 4, 2) and weights (Q, 4)."""
    p = position[:, None, :]                                                 # (Q, 1, 2)
    pair = torch.cat([p.floor(), p.floor() + 1], 1)                          # (Q, 2, 2): lower, upper
    pair = pair.clamp(min=0).minimum(torch.tensor(lr_size) - 1)              # at the border twice the same
    offset = 2 * (p - pair)                                                  # local units
    length = offset.abs()
    total = length.sum(1, keepdim=True)
    share = torch.where(total > 0, length.flip(1) / total, 0.5)              # the other side, over the whole
    y, x = [0, 0, 1, 1], [0, 1, 0, 1]                                        # top left ... bottom right
    index = (pair[:, y, 0] * lr_size[1] + pair[:, x, 1]).long()
    return index, torch.stack([offset[:, y, 0], offset[:, x, 1]], -1), share[:, y, 0] * share[:, x, 1]


# Notebook 08: the whole network ---------------------------------------------------------------------------------------


class IPELIIF(nn.Module):
    """The defaults are the paper's sizes, and the names of the weights are those of the package."""

    def __init__(self, blocks: int = 16, channels: int = 64, width: int = 256, frequencies: int = 10):
        super().__init__()
        self.encoder = EDSR(blocks, channels)
        self.decoder = MLP(9 * channels + 4 * frequencies, width)
        self.frequencies = 2.0 ** torch.arange(frequencies, dtype=torch.float64)

    def query(self, features: Tensor, position: Tensor, radius: Tensor) -> Tensor:
        """Colours of pixels: features (1, C, h, w), position (Q, 2) in LR pixels, radius (Q, 2) in local units -> (Q, 3)."""
        index, offset, weight = corners(position, features.shape[-2:])
        code = unfold(features)[0][index]                                    # (Q, 4, 9 C)
        encoded = integrated(offset, radius[:, None].expand_as(offset), self.frequencies)
        colour = self.decoder(torch.cat([code, encoded.float()], -1))        # (Q, 4, 3) in [-1, 1]
        return (colour * weight[..., None].float()).sum(1) / 2 + 0.5

    def forward(self, lr: Tensor, size: tuple[int, int], at_once: int = 16384) -> Tensor:
        """(1, 3, h, w) in [0, 1] -> (1, 3, H, W), at any size."""
        features = self.encoder(lr * 2 - 1)
        position = torch.cartesian_prod(*(centres(n, m) for n, m in zip(size, lr.shape[-2:], strict=True)))
        radius = torch.tensor([m / n for n, m in zip(size, lr.shape[-2:], strict=True)], dtype=torch.float64)
        parts = [self.query(features, p, radius.expand_as(p)) for p in position.split(at_once)]
        return torch.cat(parts).T.reshape(1, 3, *size)


# Notebook 09: training ------------------------------------------------------------------------------------------------


def reduced(hr: Tensor, size: tuple[int, int]) -> Tensor:
    """Antialiased bicubic reduction, as the field makes LR pictures: (1, 3, H, W) -> (1, 3, h, w)."""
    return F.interpolate(hr, size, mode="bicubic", antialias=True)


def train(model: IPELIIF, hr: Tensor, steps: int, patch: int = 32, queries: int = 1024, rate: float = 1e-3) -> list[float]:
    """Adam on the mean absolute error of random pixels of random crops, at scales from 1 to 4. Returns the losses."""
    optimizer = torch.optim.Adam(model.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    losses = []
    for _ in range(steps):
        scale = 1 + 3 * torch.rand(()).item()
        edge = min(round(patch * scale), *hr.shape[-2:])
        top, left = (int(torch.randint(n - edge + 1, ())) for n in hr.shape[-2:])
        crop = hr[:, :, top:top + edge, left:left + edge]
        lr = reduced(crop, (patch, patch))
        some = torch.randperm(edge * edge)[:queries]                         # pixels of the crop, row by row
        at = centres(edge, patch)
        position = torch.stack([at[some // edge], at[some % edge]], -1)
        radius = torch.full_like(position, patch / edge)
        answer = model.query(model.encoder(lr * 2 - 1), position, radius)
        loss = (answer - crop[0].flatten(1).T[some]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("picture")
    parser.add_argument("--weights", help="a .safetensors file; without it, a small network is trained on the picture")
    parser.add_argument("--scale", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--out", default="enlarged.png")
    options = parser.parse_args()
    picture = np.array(Image.open(options.picture).convert("RGB"), np.float32) / 255
    hr = torch.from_numpy(picture).movedim(-1, 0)[None]
    if options.weights:
        model = IPELIIF()
        model.load_state_dict(load_file(options.weights))
    else:
        model = IPELIIF(blocks=4, channels=16, width=64)
        losses = train(model, hr, options.steps)
        print(f"loss of the first and of the last 50 steps: {np.mean(losses[:50]):.4f}, {np.mean(losses[-50:]):.4f}")
    with torch.no_grad():
        sr = model(hr, tuple(round(n * options.scale) for n in hr.shape[-2:]))
    pixels = (sr[0].clamp(0, 1) * 255).round().byte().movedim(0, -1).numpy()
    Image.fromarray(pixels).save(options.out)
    print(f"{options.out}: {pixels.shape[1]} x {pixels.shape[0]} pixels")


if __name__ == "__main__":
    main()
