"""The demo of notebook 09: tiny trainings on one picture, one for each learning rate. A training advances when it is shown."""

import functools
from typing import NamedTuple

import ipywidgets
import torch
from torch import Tensor

from ipe_sr import figures
from ipe_sr.demos.decoder import Queries, original, queries
from ipe_sr.demos.scenes import scene
from ipe_sr.figures import BLACK, BLUE, RED
from ipe_sr.imaging import images, metrics, resample
from ipe_sr.models import EDSRConfig, LIIFConfig
from ipe_sr.widgets import Explorer

LR_SIDE, HR_SIDE = 24, 96
MOST = 200    # steps
EVERY = 10    # steps from one kept state to the next
QUERIES = 512
LOSSES = (0.01, 3.0)   # range of the plot
SMALL = LIIFConfig(frequencies=6, width=32, depth=2, encoder=EDSRConfig(blocks=1, channels=16))


class Example(NamedTuple):
    """The picture to learn.   lr: (1, 3, 24, 24).   hr: (3, 96, 96).   pixels: all of hr.

    enlarged: lr by bicubic interpolation, (3, 96, 96).   known: the loss and the PSNR of enlarged.
    """

    lr: Tensor
    hr: Tensor
    pixels: Queries
    enlarged: Tensor
    known: tuple[float, float]


@functools.cache
def face() -> Example:
    """The face of notebooks 06 and 07, made smaller."""
    hr = resample.bicubic(original(), (HR_SIDE, HR_SIDE)).clamp(0, 1)
    lr = resample.bicubic(hr, (LR_SIDE, LR_SIDE))[None]
    enlarged = resample.bicubic(lr[0], (HR_SIDE, HR_SIDE))
    known = (enlarged - hr).abs().mean().item(), metrics.psnr(enlarged, hr, "div2k", 4)
    return Example(lr, hr, queries(hr, (LR_SIDE, LR_SIDE), (4,)), enlarged, known)


class Training:
    """A training that takes steps only when they are needed, and keeps its weights after every tenth step.

    The results for a learning rate do not depend on the order in which they are requested.

    losses: one for each step taken.   kept: weights after 0, 10, 20, ... steps.
    """

    def __init__(self, rate: float):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.model = SMALL.build()
        self.optimizer = torch.optim.Adam(self.model.parameters(), rate, fused=True)   # fused: fewer calls, so faster
        self.random, self.losses = torch.Generator().manual_seed(0), []
        self.kept = [self._weights()]

    def after(self, steps: int) -> tuple[list[float], Tensor]:
        """The losses of the first steps, and the picture that the network makes after them: (3, 96, 96).

        steps: a multiple of `EVERY`.
        """
        while len(self.losses) < steps:
            self._step()
        with torch.no_grad():
            picture = torch.func.functional_call(self.model, self.kept[steps // EVERY], (face().lr, (HR_SIDE, HR_SIDE)))[0]
        return self.losses[:steps], picture.clamp(0, 1)

    @torch.enable_grad()
    def _step(self) -> None:
        position, radius, colour = face().pixels
        some = torch.randint(len(colour), (QUERIES,), generator=self.random)
        answer = self.model.query(self.model.encode(face().lr), position[some][None], radius[some][None])[0]
        loss = (answer - colour[some]).abs().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())
        if len(self.losses) % EVERY == 0:
            self.kept.append(self._weights())

    def _weights(self) -> dict[str, Tensor]:
        return {name: weight.detach().clone() for name, weight in self.model.named_parameters()}


training = functools.cache(Training)


def _curve_and_pictures():
    fig, axes = figures.panels(columns=4, height=2.3, width_ratios=[5, 4, 4, 4])
    curve, made, plain, wanted = axes[0]
    curve.set(xlim=(0, MOST), ylim=LOSSES, yscale="log", xlabel="step", title="loss (L1)")
    curve.axhline(face().known[0], color=RED, linestyle=":", label="bicubic's error")
    curve.legend(loc="upper right", fontsize=8)
    for ax, title in ((made, "the network's"), (plain, "bicubic"), (wanted, "original")):
        ax.set(xlim=(-0.5, HR_SIDE - 0.5), ylim=(HR_SIDE - 0.5, -0.5), xticks=[], yticks=[], aspect="equal", title=title)
        ax.grid(False)
    plain.imshow(images.to_pixels(face().enlarged), interpolation="nearest")
    wanted.imshow(images.to_pixels(face().hr), interpolation="nearest")
    return fig, axes


@scene(_curve_and_pictures)
def live_training(axes, steps: int, rate: str) -> None:
    """Notebook 09: the loss of a training so far, and the picture that its network makes."""
    curve, made, *_ = axes[0]
    losses, picture = training(float(rate)).after(steps)
    shown = [min(max(loss, LOSSES[0]), LOSSES[1]) for loss in losses]
    curve.plot(range(1, steps + 1), shown, color=BLUE, linewidth=1.2)
    curve.axvline(steps, color=BLACK, linewidth=0.8)
    made.imshow(images.to_pixels(picture), interpolation="nearest")


def live_training_readout(steps: int, rate: str) -> str:
    losses, picture = training(float(rate)).after(steps)
    recent = losses[-EVERY:]
    so_far = f"loss of the last {EVERY} steps {sum(recent) / EVERY:.3g}" if recent else "not begun"
    return (f"learning rate {rate}   step {steps}   {so_far}   PSNR {metrics.psnr(picture, face().hr, 'div2k', 4):.2f} dB"
            f" (bicubic {face().known[1]:.2f})")


def with_play(explorer: Explorer, name: str) -> Explorer:
    """Add a "play" button to an explorer. It moves the slider `name` to its end, or until the button is pressed again."""
    slider = explorer.controls[name]
    hidden = {"display": "none"}   # its own buttons are icons without a name for screen readers
    clock = ipywidgets.Play(min=slider.min, max=slider.max, step=slider.step, interval=300, layout=hidden)
    button = ipywidgets.ToggleButton(description="play", icon="play", tooltip=f"move {name} step by step")
    ipywidgets.jslink((clock, "value"), (slider, "value"))
    ipywidgets.jslink((button, "value"), (clock, "playing"))
    explorer.children = (button, clock, *explorer.children)
    return explorer
