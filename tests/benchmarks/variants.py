"""python -m tests.benchmarks.variants CHECKPOINT [STATE] : what could lift a trained model, on the validation crops.

As it is; with radii no smaller than those of a scale (LTE's trick for scales that training had not); the self-ensemble. Of a
training's state (`last.safetensors`) the last weights beside the averaged ones. PSNR in dB (protocol div2k), the mean over
crops, and the difference from the model as it is, where positive is better.
"""

import argparse
from collections.abc import Callable

import safetensors.torch
from torch import Tensor, nn

from ipe_sr import data, models, render, training, validation
from ipe_sr.models import LIIF

SCALES = (2.0, 3.0, 4.0, 6.0, 8.0, 12.0)
SET = "photos-valid"


class Clipped(LIIF):
    """Told of no pixel that is smaller than those of scale `most`."""

    most: float

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        return super().describe(centre, radius.clamp(min=1 / self.most))


class Renderer(nn.Module):
    """A model that renders in its own way."""

    def __init__(self, model: nn.Module, way: Callable):
        super().__init__()
        self.model, self.way = model, way

    def forward(self, lr: Tensor, size: tuple[int, int]) -> Tensor:
        return self.way(self.model, lr, size)


def clipped(model: LIIF, most: float) -> Clipped:
    new = Clipped(model.config)
    new.load_state_dict(model.state_dict())
    new.most = most
    return new


def last_weights(model: nn.Module, state: str) -> nn.Module:
    """The weights of a training as they were after its last step, not averaged."""
    tensors = safetensors.torch.load_file(state)
    new = model.config.build()
    new.load_state_dict({name.removeprefix("model."): value for name, value in tensors.items() if name.startswith("model.")})
    return new


def variants(model: LIIF, state: str | None) -> dict[str, nn.Module]:
    found = {"as it is": model}
    found |= {f"radius of x{most:g} at least": clipped(model, most) for most in (4.0, 6.0)}
    if state:
        found["last weights, not averaged"] = last_weights(model, state)
    return found | {"self-ensemble": Renderer(model, render.self_ensemble)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("state", nargs="?")
    asked = parser.parse_args()
    crops = validation.crops(training.load_store((SET,)), SCALES)
    base: dict[str, float] = {}
    for name, model in variants(models.read(asked.checkpoint), asked.state).items():
        found = validation.psnr(model, crops, data.CPU)
        base = base or found
        cells = (f"{key.removeprefix('psnr_')} {value:.3f} ({value - base[key]:+.3f})" for key, value in found.items())
        print(f"{name:28}", "  ".join(cells), flush=True)


if __name__ == "__main__":
    main()
