"""python -m ipe_sr.benchmarks.variants MODEL... : which weights, and which way to use them, are best on the validation crops.

MODEL: a released name, a checkpoint, a training's `last.safetensors` (its averaged weights; with :last behind it, those of its
last step), or start:PRESET, the weights that a preset starts from. For the last MODEL also what could lift it without training:
radii no smaller than those of a scale (LTE's trick for scales that training had not), and with --self-ensemble the mean over
eight symmetries; with --bf16 also what bfloat16 costs. PSNR in dB (protocol benchmark), the mean over crops of photos-valid,
or of another set kept out of the training, and the difference from the first MODEL. --reduce 2.5 takes the crops from pictures
made that much smaller: photographs are then as sharp as test sets.
"""

import argparse
import statistics
from collections.abc import Callable, Iterator

import safetensors.torch
import torch
from torch import Tensor, nn

from ipe_sr import models, render
from ipe_sr.imaging import metrics, resample
from ipe_sr.models import LIIF
from ipe_sr.training import loop, schedules, state, validation
from ipe_sr.training.batches import CPU, Store

SET = "photos-valid"


class Clipped(LIIF):
    """Told of no pixel that is smaller than those of scale `most`."""

    most: float

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        return super().describe(centre, radius.clamp(min=1 / self.most))


def clipped(model: LIIF, most: float) -> Clipped:
    new = Clipped(model.config).eval()
    new.load_state_dict(model.state_dict())
    new.most = most
    return new


def network(name: str) -> nn.Module:
    """What a MODEL of the command line means."""
    if name.startswith("start:"):
        return state.new(schedules.preset(name.removeprefix("start:")), CPU).model.eval()
    path, _, part = name.partition(":")
    if not part:
        return models.load(path)
    tensors, new = safetensors.torch.load_file(path), models.read(path)
    new.load_state_dict({key.removeprefix("model."): value for key, value in tensors.items() if key.startswith("model.")})
    return new


def variants(name: str, ensemble: bool, bf16: bool) -> Iterator[tuple[str, Callable[[Tensor, tuple[int, int]], Tensor]]]:
    model = network(name)
    if isinstance(model, LIIF):
        for most in (4.0, 6.0):
            yield f"{name}, no radius below x{most:g}'s", clipped(model, most)
    if ensemble:
        yield f"{name}, self-ensemble", lambda lr, size: render.self_ensemble(model, lr, size)
    if bf16:
        yield f"{name}, bfloat16", lambda lr, size: render.render(model, lr, size, torch.bfloat16)


def reduced(store: Store, factor: float) -> Store:
    """The same pictures, smaller."""
    pixels, index, offset = [], [], 0
    for i, (name, _, height, width) in enumerate(store.index):
        size = (round(height / factor), round(width / factor))
        small = resample.bicubic(store.picture(i).movedim(-1, 0).float(), size).round().clamp(0, 255)
        pixels.append(small.byte().movedim(0, -1).flatten())
        index.append((name, offset, *size))
        offset += len(pixels[-1])
    return Store(torch.cat(pixels), tuple(index))


@torch.no_grad()
def scores(answer: Callable, crops: list[validation.Crop]) -> dict[float, list[float]]:
    """Scale -> PSNR of every crop.   answer: (lr, size) to a picture, as a model."""
    found: dict[float, list[float]] = {}
    for crop in crops:
        sr = answer(crop.lr[None], tuple(crop.hr.shape[-2:]))[0]
        found.setdefault(crop.scale, []).append(metrics.psnr(sr, crop.hr, "benchmark", crop.scale))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--scales", type=float, nargs="+", default=[2, 3, 4, 6, 8, 12])
    parser.add_argument("--data", default=SET, metavar="SET")
    parser.add_argument("--reduce", type=float, default=1)
    parser.add_argument("--self-ensemble", action="store_true")
    parser.add_argument("--bf16", action="store_true")
    asked = parser.parse_args()
    crops = validation.crops(reduced(loop.load_store((asked.data,)), asked.reduce), tuple(asked.scales))
    first: dict[float, float] = {}

    def tell(name: str, answer: Callable) -> None:
        found = {scale: statistics.fmean(values) for scale, values in scores(answer, crops).items()}
        first.update(first or found)
        print(f"{name:44}", "  ".join(f"x{s:g} {v:.3f} ({v - first[s]:+.3f})" for s, v in found.items()), flush=True)

    for name in asked.models:
        tell(name, network(name))
    for name, answer in variants(asked.models[-1], asked.self_ensemble, asked.bf16):
        tell(name, answer)


if __name__ == "__main__":
    main()
