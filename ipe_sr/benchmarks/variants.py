"""Compare weights, and ways to use them, on validation crops: `python -m ipe_sr.benchmarks.variants ipe-liif ipe-liif-cell`.

A MODEL is one of:
  a released name, such as ipe-liif
  the path of a checkpoint; last.safetensors of a training means its averaged weights
  PATH:last       the weights of the last step in such a last.safetensors
  start:PRESET    the weights that a preset starts from
Each line shows the mean PSNR in dB over the crops (protocol benchmark) and the difference from the first MODEL. For the last
MODEL, further lines show it with the radius clipped at those of x4 and x6, as LTE does at scales beyond its training, and with
the options below.
"""

import statistics
from collections.abc import Callable, Iterator

import safetensors.torch
import torch
from torch import Tensor, nn

from ipe_sr import models, render
from ipe_sr.benchmarks import command
from ipe_sr.imaging import metrics, resample
from ipe_sr.models.fast.liif import FastLIIF
from ipe_sr.models.liif import LIIF
from ipe_sr.training import loop, schedules, state, validation
from ipe_sr.training.batches import CPU, Store

SET = "photos-valid"
REDUCE = "make the pictures this much smaller first; at 2.5 photos-valid is as sharp as test sets"


class Clipped(FastLIIF):
    """A LIIF that receives a radius of at least 1 / most: a pixel is never described as smaller than those of scale `most`."""

    most: float

    def describe(self, centre: Tensor, radius: Tensor) -> Tensor:
        return super().describe(centre, radius.clamp(min=1 / self.most))


def clipped(model: LIIF, most: float) -> Clipped:
    new = Clipped(model.config).eval()
    new.load_state_dict(model.state_dict())
    new.most = most
    return new


def network(name: str) -> nn.Module:
    """The model that a MODEL argument names."""
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
    """The same pictures, made smaller by `factor` with bicubic resampling."""
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
    """Scale -> PSNR of every crop.   answer: a function from (lr, size) to a picture, as every model is."""
    found: dict[float, list[float]] = {}
    for crop in crops:
        sr = answer(crop.lr[None], tuple(crop.hr.shape[-2:]))[0]
        found.setdefault(crop.scale, []).append(metrics.psnr(sr, crop.hr, "benchmark", crop.scale))
    return found


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="see above")
    parser.add_argument("--scales", type=float, nargs="+", default=[2, 3, 4, 6, 8, 12], help="the upscaling factors")
    parser.add_argument("--data", default=SET, metavar="SET", help="a set that was kept out of the training")
    parser.add_argument("--reduce", type=float, default=1, help=REDUCE)
    parser.add_argument("--self-ensemble", action="store_true", help="also the mean over 8 flips and transposes")
    parser.add_argument("--bf16", action="store_true", help="also decoding in bfloat16")
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
    command.run(main)
