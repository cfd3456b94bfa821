"""The demo of notebook 06: a tiny LIIF, fitted to one picture in seconds, and a single query to its decoder."""

import dataclasses
import functools
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import Tensor

from ipe_sr import figures, grids
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, ORANGE, RED, SKY
from ipe_sr.imaging import images, resample, samples
from ipe_sr.models import LIIF, EDSRConfig, FieldConfig, LIIFConfig, MetaSR, MetaSRConfig
from ipe_sr.models.field import Field
from ipe_sr.models.implicit import unfold

CROP = ("astronaut", slice(60, 188), slice(156, 284))   # a face
SIDE = 32                                               # LR pixels; the original is four times larger
SCALES = (1, 1.5, 2, 3, 4)
STEPS = 300
ENCODER = EDSRConfig(blocks=0, channels=16)
SMALL = LIIFConfig(encoding="coordinate", cell=True, skip=False, ensemble=False, width=64, depth=3, encoder=ENCODER)
Answer = Callable[[Tensor, Tensor], Tensor]   # position (Q, 2), radius (Q, 2) -> colour (Q, 3)


class Queries(NamedTuple):
    """Pixels and their true colours.   position: (N, 2), LR pixels.   radius: (N, 2), local units.   colour: (N, 3), [0, 1]."""

    position: Tensor
    radius: Tensor
    colour: Tensor


def original() -> Tensor:
    """The face of notebooks 06 and 07: (3, 128, 128) in [0, 1]."""
    name, rows, columns = CROP
    return images.to_tensor(samples.image(name)[rows, columns])


def queries(hr: Tensor, lr_size: tuple[int, int], scales: Iterable[float]) -> Queries:
    """All pixels of a picture at several scales.   hr: (3, H, W), resized to the size of each scale."""
    parts = []
    for scale in scales:
        size = tuple(round(n * scale) for n in lr_size)
        position = grids.mesh(*map(grids.centres, size, lr_size))                  # (pixels, 2)
        radius = grids.radii(size, lr_size).expand_as(position)
        parts.append((position, radius, resample.bicubic(hr, size).flatten(1).T))
    return Queries(*map(torch.cat, zip(*parts, strict=True)))


def learn(
    answer: Answer, weights: Iterable[Tensor], known: Queries, steps: int, rate: float = 1e-2, seed: int = 0
) -> list[float]:
    """Fit the weights behind `answer` to known colours. Returns the loss of each step.

    Adam on the mean absolute error of 1024 random queries in each step. The learning rate rises to `rate`, then falls.
    seed: of the draw of queries.
    """
    position, radius, colour = known
    optimizer = torch.optim.Adam(weights)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    random, losses = torch.Generator().manual_seed(seed), []
    for _ in range(steps):
        some = torch.randint(len(colour), (1024,), generator=random)
        loss = (answer(position[some], radius[some]) - colour[some]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


class FittedModel(NamedTuple):
    """A tiny model and the one picture that it was fitted to.   lr: (1, 3, 32, 32).   hr: (3, 128, 128)."""

    model: LIIF | MetaSR | Field
    lr: Tensor
    hr: Tensor


@torch.enable_grad()
def fitted(
    config: LIIFConfig | MetaSRConfig | FieldConfig, scales: Iterable[float], steps: int, seed: int = 0
) -> FittedModel:
    """Fit a model to the face at these scales. Every call gives the same weights and keeps the caller's random state.

    seed: of the first weights and of the draw of queries.
    """
    hr = original()
    lr = resample.bicubic(hr, (SIDE, SIDE))[None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = config.build()

    def answer(position: Tensor, radius: Tensor) -> Tensor:
        return model.query(model.encode(lr), position[None], radius[None])[0]

    learn(answer, model.parameters(), queries(hr, (SIDE, SIDE), scales), steps, seed=seed)
    return FittedModel(model.eval(), lr, hr)


@functools.cache
def tiny_liif(ensemble: bool = False, steps: int = STEPS) -> FittedModel:
    """A LIIF fitted to the face. The first call takes seconds.   ensemble: use the local ensemble."""
    return fitted(dataclasses.replace(SMALL, ensemble=ensemble), SCALES, steps)


def each_answer(model: LIIF, lr: Tensor, around: grids.Corners, radius: Tensor) -> Tensor:
    """The colour that each latent code alone predicts for each pixel.

    lr: (1, 3, h, w).   around: the K latent codes of Q pixels.   radius: (Q, 2) or (1, 2).   Returns (Q, K, 3), about [0, 1].
    """
    codes = unfold(model.encoder(lr * 2 - 1))[0].flatten(0, 1)[around.index]       # (Q, K, D)
    return model.decode(codes, around.offset.to(codes), radius[..., None, :].to(codes)) / 2 + 0.5


REACH = 4.4   # local units that the close view shows to each side


def _query_stage():
    fig, axes = figures.panels(columns=4, height=2.7, width_ratios=[5, 6, 7, 3])
    whole, close, row, colours = axes[0]
    lr = images.to_pixels(tiny_liif().lr[0])
    whole.imshow(lr, interpolation="nearest")
    whole.set(title="LR picture", xticks=[], yticks=[])
    row.set(xlim=(-2, 2), ylim=(0, 1), xlabel="x from the pixel, LR pixels", title="green along the row")
    close.set(xlim=(-REACH, REACH), ylim=(REACH, -REACH), xlabel="x, local units", ylabel="y, local units", aspect="equal",
              title="nearest latent code")
    colours.set(xlim=(0, 1), ylim=(3, 0), title="colours", xticks=[], yticks=[])
    for ax in (whole, close, colours):
        ax.grid(False)
    return fig, axes


@scene(_query_stage)
def one_query(axes, y: float, x: float, scale: float) -> None:
    """Notebook 06: a pixel, its nearest latent code, and the colour that the decoder predicts.   y, x: LR pixels."""
    whole, close, along, colours = axes[0]
    (row, column), (dy, dx), answer, truth = _query(y, x, scale)
    at, green = _along_the_row(y, x, scale)
    for border in np.arange(np.ceil(x - 2.5), x + 2) + 0.5:
        along.axvline(border - x, color="gray", linewidth=0.8, linestyle=":")
    along.plot(at - x, green, color=BLUE, linewidth=1.6)
    along.plot([0], [answer[1]], "o", color=RED, markersize=6)
    lr, r = images.to_pixels(tiny_liif().lr[0]) / 255, 1 / scale
    edge = {"fill": False, "edgecolor": BLACK, "linewidth": 2}
    whole.add_patch(Rectangle((column - 2.5, row - 2.5), 5, 5, fill=False, edgecolor=ORANGE, linewidth=2))
    extent = [2 * bound for bound in (-column - 0.5, SIDE - column - 0.5, SIDE - row - 0.5, -row - 0.5)]
    close.imshow(lr, extent=extent, interpolation="nearest")
    close.add_patch(Rectangle((-1, -1), 2, 2, **edge, label="the LR pixel of the latent code"))
    close.add_patch(Rectangle((dx - r, dy - r), 2 * r, 2 * r, fill=False, edgecolor=ORANGE, linewidth=2.5, label="the pixel"))
    close.annotate("", (dx, dy), (0, 0), arrowprops={"arrowstyle": "->", "color": SKY, "linewidth": 2})
    close.plot([0], [0], "+", color=BLACK, markersize=11, markeredgewidth=2)
    close.plot([dx], [dy], "o", color=RED, markersize=5)
    for level, (name, colour) in enumerate({"LR pixel": lr[row, column], "decoder": answer, "original": truth}.items()):
        colours.add_patch(Rectangle((0, level), 1, 1, facecolor=np.clip(colour, 0, 1)))
        luma = np.dot(colour, [0.3, 0.6, 0.1])
        colours.text(0.5, level + 0.5, name, ha="center", va="center", color="white" if luma < 0.5 else "black")


def one_query_readout(y: float, x: float, scale: float) -> str:
    (row, column), (dy, dx), answer, _ = _query(y, x, scale)
    rgb = ", ".join(f"{value:.2f}" for value in answer)
    return (f"nearest latent code ({row}, {column})   relative coordinate ({dy:+.2f}, {dx:+.2f})   cell {2 / scale:.2f}"
            f"   colour ({rgb})")


@torch.no_grad()
def _query(y: float, x: float, scale: float) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray]:
    """(row, column) of the nearest latent code, offset (2,) from it, the decoder's colour (3,), the original's there (3,)."""
    model, lr, hr = tiny_liif()
    position, radius = torch.tensor([[y, x]], dtype=torch.float64), torch.full((1, 2), 1 / scale, dtype=torch.float64)
    around = grids.nearest(position, (SIDE, SIDE))
    answer = each_answer(model, lr, around, radius)[0, 0]
    rows, columns = (_cover(centre, 1 / scale, hr.shape[-1]) for centre in (y, x))
    truth = torch.einsum("chw,h,w->c", hr, rows, columns)
    return divmod(int(around.index), SIDE), around.offset[0, 0].numpy(), answer.numpy(), truth.numpy()


@torch.no_grad()
def _along_the_row(y: float, x: float, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Positions within 2 LR pixels of x on the row y, (N,), and the green that the decoder answers there, (N,)."""
    model, lr, _ = tiny_liif()
    at = torch.arange(x - 2, x + 2 + 1e-9, 1 / 64, dtype=torch.float64).clamp(-0.5, SIDE - 0.5)
    around = grids.nearest(torch.stack([torch.full_like(at, y), at], -1), (SIDE, SIDE))
    answers = each_answer(model, lr, around, torch.full((1, 2), 1 / scale, dtype=torch.float64))
    return at.numpy(), answers[:, 0, 1].numpy()


def _cover(centre: float, radius: float, n: int) -> Tensor:
    """The share of an interval that lies in each of the n pixels along one axis of the original: (n,), sum 1.

    centre: LR pixels.   radius: half of the interval, local units.
    """
    low, high = ((centre + sign * radius / 2 + 0.5) * n / SIDE for sign in (-1, 1))
    i = torch.arange(n)
    overlap = ((i + 1).clamp(max=high) - i.clamp(min=low)).clamp(min=0)
    return overlap / overlap.sum()
