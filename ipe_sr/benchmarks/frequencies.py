"""Train IPE-LIIF with other frequencies than the paper's octaves and compare: `python -m ipe_sr.benchmarks.frequencies`.

The decoders of one seed train side by side on the same features of the same batches. The schedule is `decoder`: the official
encoder is frozen, the decoders are narrow and start from random weights. The table shows PSNR in dB on crops of photos-valid,
as means over seeds. Rows other than the octaves also show the mean difference from the octaves and its 95% interval over seeds.
"""

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor, nn

from ipe_sr import encodings
from ipe_sr.benchmarks import command
from ipe_sr.benchmarks.variants import REDUCE, SET, reduced, scores
from ipe_sr.models.liif import LIIF
from ipe_sr.report import intervals
from ipe_sr.training import batches, loop, schedules, state, validation


class Waves(nn.Module):
    """The integrated encoding with arbitrary frequencies 2^exponents.   learned: the exponents are trained as well."""

    def __init__(self, exponents: Tensor, learned: bool = False):
        super().__init__()
        self.separable = True
        self.exponents = nn.Parameter(exponents.clone(), requires_grad=learned)

    def forward(self, centre: Tensor, radius: Tensor) -> Tensor:
        return encodings.integrated(centre, radius, self.exponents.exp2())


OCTAVES, LEARNED = "octaves, 2^0 to 2^9", "learned, from the octaves"
LADDERS = {   # name -> exponents of the frequencies, and whether they are learned
    OCTAVES: (torch.arange(10.0), False),
    LEARNED: (torch.arange(10.0), True),
    "2^0 to 2^4.5 by halves": (torch.arange(10) / 2, False),
    "2^-1 to 2^8.5 by halves": (torch.arange(-2, 18) / 2, False),   # as ipe-liif-halves
    "1 to 10 by ones": (torch.arange(1.0, 11).log2(), False),
}


def decoders(preset: schedules.Preset) -> dict[str, LIIF]:
    """One model for each entry of `LADDERS`. All share the encoder, and their weights are drawn from the same seed."""
    made = {}
    for name, (exponents, learned) in LADDERS.items():
        torch.manual_seed(preset.schedule.seed)
        changed = schedules.preset(preset.name, {"model.frequencies": len(exponents), "seed": preset.schedule.seed})
        made[name] = state.new(changed, batches.CPU).model
        made[name].pixel = Waves(exponents, learned)
    return made


def learn(made: dict[str, LIIF], schedule: schedules.Schedule, store: batches.Store) -> None:
    """Train all models on the same batches; each batch is encoded once."""
    s, loss, encoder = schedule, loop.LOSSES[schedule.loss], made[OCTAVES]   # the encoders are the same
    sampler = batches.Sampler(store, s.batch, s.patch, s.queries, s.scales, s.seed, reduction=s.reduction)
    weights = {name: [p for p in model.parameters() if p.requires_grad] for name, model in made.items()}
    optimizers = {name: torch.optim.Adam(some, lr=s.learning_rate) for name, some in weights.items()}
    for step in range(s.steps):
        batch = sampler(step)
        with torch.no_grad():
            features = encoder.encode(batch.lr)
        for name, optimizer in optimizers.items():
            optimizer.param_groups[0]["lr"] = s.rate(step)
            optimizer.zero_grad()
            loss(made[name].query(features, batch.position, batch.radius), batch.colour).backward()
            optimizer.step()


def row(found: dict[str, list[dict[float, list[float]]]], name: str, scale: float) -> str:
    """The mean PSNR of one entry of `LADDERS` at one scale, and its gain over the octaves, as text."""
    ours, octaves = (np.array([seed[scale] for seed in found[ladder]]) for ladder in (name, OCTAVES))     # (seeds, crops)
    if name == OCTAVES or len(ours) < 2:
        return f"x{scale:g} {ours.mean():.3f}"
    gain = intervals.compare(ours, octaves)
    return f"x{scale:g} {ours.mean():.3f} ({gain.mean:+.3f} [{gain.seeds.low:+.3f}, {gain.seeds.high:+.3f}])"


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each decoder")
    parser.add_argument("--steps", type=int, default=600, help="training steps")
    parser.add_argument("--scales", type=float, nargs="+", default=[2, 3, 4, 6, 8, 12], help="the upscaling factors")
    parser.add_argument("--reduce", type=float, default=2.5, help=REDUCE)
    asked = parser.parse_args()
    crops = validation.crops(reduced(loop.load_store((SET,)), asked.reduce), tuple(asked.scales))
    found = defaultdict(list)   # ladder -> seeds -> scores
    for seed in range(asked.seeds):
        preset = schedules.preset("decoder-ipe-liif", {"seed": seed, "steps": asked.steps})
        made = decoders(preset)
        learn(made, preset.schedule, loop.load_store(preset.schedule.data))
        for name, model in made.items():
            found[name].append(scores(model.eval(), crops))
        print(f"after seed {seed}; learned: {made[LEARNED].pixel.exponents.exp2().tolist()}", flush=True)
        for name in found:
            print(f"  {name:26}", "  ".join(row(found, name, scale) for scale in asked.scales), flush=True)


if __name__ == "__main__":
    command.run(main)
