"""Compare training recipes at an equal number of steps: `python -m ipe_sr.benchmarks.schedules` (minutes on a CPU).

A recipe is a combination of learning-rate decay, learning rate and decay of the averaged weights. Each recipe trains the same
preset on the same batches, once for each seed. The table shows the validation PSNR (mean over scales, protocol div2k), its
standard deviation over seeds, and the paired difference from the preset's own recipe. The last line shows iterations per
second and how many steps fit into an hour on this device.

At full size, on a GPU:
    python -m ipe_sr.benchmarks.schedules --preset hour-ipe-liif --steps 10000 --seeds 2
"""

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

from ipe_sr import options
from ipe_sr.benchmarks import command
from ipe_sr.training import loop, schedules


class Recipe(NamedTuple):
    """rate: a multiple of the preset's own learning rate.   ema: see `Schedule.average_decay`."""

    decay: str
    rate: float
    ema: float


class Outcome(NamedTuple):
    psnr: float
    steps_per_second: float


def outcome(asked: argparse.Namespace, recipe: Recipe, seed: int) -> Outcome:
    """Train once. The decay "halve" halves the learning rate four times during the run, as the paper does."""
    base = schedules.preset(asked.preset).schedule
    settings = dict(options.setting(text) for text in asked.set) | {
        "steps": asked.steps, "halve_every": max(1, asked.steps // 5), "seed": seed, "validate_every": asked.steps,
        "decay": recipe.decay, "learning_rate": recipe.rate * base.learning_rate, "ema": recipe.ema, "checkpoint_minutes": 1e9,
    }
    last = {}
    with tempfile.TemporaryDirectory() as folder:
        loop.train(
            schedules.preset(asked.preset, settings), Path(folder), threads=asked.threads,
            progress=lambda step, values: last.update(values),
        )
    psnr = [value for name, value in last.items() if name.startswith("psnr")]
    return Outcome(statistics.fmean(psnr), asked.steps / last["seconds"])


def spread(values: list[float]) -> float:
    return statistics.stdev(values) if len(values) > 1 else float("nan")


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--preset", default="tiny-ipe-liif", help="what is trained")
    parser.add_argument("--steps", type=int, default=300, help="training steps")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each recipe")
    parser.add_argument("--decays", nargs="+", default=["halve", "cosine"], choices=schedules.DECAYS)
    parser.add_argument("--rates", nargs="+", type=float, default=[0.5, 1, 2], help="multiples of the preset's learning rate")
    parser.add_argument("--emas", nargs="+", type=float, default=[0, 0.999], help="decays of averaged weights; 0: no average")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override options of the preset")
    parser.add_argument("--threads", type=int, help="CPU threads")
    asked = parser.parse_args()

    own = schedules.preset(asked.preset).schedule
    candidates = itertools.starmap(Recipe, itertools.product(asked.decays, asked.rates, asked.emas))
    recipes = dict.fromkeys([Recipe(own.decay, 1, own.ema), *candidates])   # no recipe twice
    speeds, before = [], []
    print(f"{asked.preset}, {asked.steps} steps, {asked.seeds} seeds; the first row is the preset's own recipe")
    print("decay     rate     ema     PSNR / dB    spread    less own    spread")
    for recipe in recipes:
        outcomes = [outcome(asked, recipe, seed) for seed in range(asked.seeds)]
        psnr = [one.psnr for one in outcomes]
        before = before or psnr
        gain = [a - b for a, b in zip(psnr, before, strict=True)]
        speeds += [one.steps_per_second for one in outcomes]
        print(
            f"{recipe.decay:8}  {recipe.rate * own.learning_rate:.1e}  {recipe.ema:<6g}  {statistics.fmean(psnr):9.3f}"
            f"  {spread(psnr):8.3f}  {statistics.fmean(gain):+10.3f}  {spread(gain):8.3f}", flush=True,
        )
    speed = statistics.median(speeds)
    print(f"{speed:.2f} iterations/s here: {3600 * speed:.0f} steps in an hour")


if __name__ == "__main__":
    command.run(main)
