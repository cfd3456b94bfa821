"""Training: one explicit loop for every model, on one device or on several (Lightning Fabric)."""

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ipe_sr import files
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.models import checkpoints
from ipe_sr.models.families import BicubicConfig
from ipe_sr.training import batches, degradations, distillation, pairs, schedules, state, validation
from ipe_sr.training.batches import Batch, Sampler, Store
from ipe_sr.training.log import Log
from ipe_sr.training.schedules import Preset, Schedule
from ipe_sr.training.state import TrainingState

LAST = "last.safetensors"     # the state that a training resumes from
MODEL = "model.safetensors"   # the result, for `ipe_sr.load`
LOCK = "training.lock"        # held while a training runs in the folder
ACCELERATORS = ("auto", "cpu", "gpu")
AHEAD = {"cpu": 0, "cuda": 3}   # batches made in advance, so that a GPU need not wait; a CPU gains nothing by it


class Diverged(RuntimeError):
    """The loss became NaN or infinite. The message names the step and the seed."""


def minus_psnr(colour: Tensor, truth: Tensor) -> Tensor:
    """Minus the mean of the crops' PSNR in dB, the loss of NAFNet (arXiv 2204.04676).   colour, truth: (B, Q, 3).

    Easy crops and small scales count as much as others. The constant limits the PSNR to 80 dB.
    """
    return 10 * ((colour - truth).square().mean((1, 2)) + 1e-8).log10().mean()


LOSSES = {"l1": F.l1_loss, "psnr": minus_psnr}


class Objective(nn.Module):
    """The loss of a model on a batch: what one process computes in one step."""

    def __init__(self, model: nn.Module, precision: str = "fp32", loss: str = "l1"):
        super().__init__()
        self.model, self.mixed, self.loss = model, precision == "bf16", LOSSES[loss]

    def forward(self, batch: Batch) -> Tensor:
        with torch.autocast(batch.lr.device.type, torch.bfloat16, enabled=self.mixed):
            colour = self.predict(batch)
        return self.loss(colour.float(), batch.colour)

    def predict(self, batch: Batch) -> Tensor:
        """The model's colours of the batch's pixels: (B, Q, 3)."""
        if hasattr(self.model, "query"):
            return self.model.query(self.model.encode(batch.lr), batch.position, batch.radius)
        n = batch.sizes[0]   # a fixed-scale model computes whole crops, which all have one size
        sr = self.model(batch.lr, (n, n)).flatten(2).transpose(1, 2)               # (B, n * n, 3)
        return sr.gather(1, batch.pixel[..., None].expand(-1, -1, 3))


def train(
    preset: Preset,
    out: Path,
    *,
    resume: bool = False,
    accelerator: str = "auto",
    devices: int = 1,
    threads: int | None = None,
    progress: Callable[[int, dict[str, float]], None] = lambda step, values: None,
) -> Path | None:
    """Train a preset. Returns the path of the finished model in the first process, and None in the others.

    out: gets `metrics.csv`, TensorBoard events where tensorboard is installed, `last.safetensors` every few minutes and
    on SIGTERM or SIGINT, and `model.safetensors` in the end.   resume: go on from `last.safetensors`, on the CPU
    bit-exactly.   accelerator: "cpu", "gpu", or "auto", a GPU where there is one.   devices: processes; each computes
    its share of the batch.   progress: called with the step and what was logged, in the first process. Raises InputError
    for unusable data or folders, Diverged for a NaN loss, SystemExit(128 + signal) when told to stop.
    """
    fabric = fabric_for(accelerator, devices)
    if preset.schedule.batch % devices:
        raise InputError(f"batch {preset.schedule.batch} cannot be divided among {devices} devices")
    if threads is not None:
        if not 1 <= threads <= 1024:
            raise InputError(f"threads must be from 1 to 1024, got {threads}")
        torch.set_num_threads(threads)
    if not resume and (out / LAST).exists():
        raise InputError(f"{out}: holds a training already; give --resume to go on, or another --out")
    if resume and not (out / LAST).exists():
        raise InputError(f"{out}: holds no {LAST} to resume from")
    with _made(out), _alone(out, fabric.is_global_zero):
        # Decoded before other processes start, which map the same files.
        store, valid = load_store(preset.schedule.data), load_store((preset.schedule.valid,))
        arguments = (preset, store, valid, out, resume, progress)
        return fabric.launch(_train, *arguments) if devices > 1 else _train(fabric, *arguments)


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Makes a folder for a block. If bad input ends the block, the folder is removed unless it holds something."""
    files.make_folder(folder)
    try:
        yield
    except InputError:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise


@contextlib.contextmanager
def _alone(folder: Path, first: bool) -> Iterator[None]:
    """Holds the folder's lock during a block, in the first process of a training. Raises InputError if another training holds
    it."""
    if not first:
        yield
        return
    refusal = f"{folder}: another training runs in this folder; wait for its end, or give another --out"
    with files.held(folder / LOCK, refusal):
        try:
            yield
        finally:
            (folder / LOCK).unlink(missing_ok=True)   # while it is held, so that nobody waits for a file that is gone


def fabric_for(accelerator: str, devices: int) -> Fabric:
    if accelerator not in ACCELERATORS:
        raise InputError(f"accelerator {accelerator!r} is unknown: use one of {', '.join(ACCELERATORS)}")
    gpus = torch.cuda.device_count()
    kind = "cuda" if accelerator == "gpu" or (accelerator == "auto" and gpus) else "cpu"
    if devices < 1 or (kind == "cuda" and devices > gpus):
        available = f"{gpus} GPUs are available here" if gpus else "no GPU is available here; use --accelerator cpu"
        raise InputError(f"devices = {devices}: " + ("it must be at least 1" if devices < 1 else available))
    return Fabric(accelerator=kind, devices=devices)


def _train(
    fabric: Fabric, preset: Preset, store: Store, valid: Store, out: Path, resume: bool, progress: Callable
) -> Path | None:
    schedule, first = preset.schedule, fabric.is_global_zero
    crops = validation.crops(valid, schedule.valid_scales)
    made = batches_for(fabric, store, schedule)
    torch.manual_seed(schedule.seed)
    run = state.new(preset, fabric.device, warm=not resume)
    if resume:
        state.restore(run, out / LAST, preset)
    objective, optimizer = fabric.setup(Objective(run.model, schedule.precision, schedule.loss), run.optimizer)
    log = Log(out, run.step, progress, active=first)
    if run.step == 0:   # for comparison with every later step
        log.write(0, validation.psnr(BicubicConfig().build(), crops, batches.CPU, prefix="bicubic"))
    started, saved, losses = time.monotonic() - run.seconds, time.monotonic(), []

    with _Signals() as signals, contextlib.closing(log), contextlib.closing(made(run.step)) as ready:
        for batch in ready:
            losses.append(step(fabric, objective, optimizer, batch, schedule, run))
            done = run.step == schedule.steps
            validates = done or run.step % schedule.validate_every == 0
            due = validates or run.step % schedule.log_every == 0
            told, late = signals.received, time.monotonic() - saved > 60 * schedule.checkpoint_minutes
            if fabric.world_size > 1:   # all stop and save together; they agree on it when they wait for one another anyway
                told, late = _largest(fabric, told, late) if due else (0, 0)

            if due or told or late:     # only then the host waits for the device
                mean = _mean_or_diverged(fabric.all_reduce(torch.stack(losses)), run.step, schedule.seed)
                run.seconds, losses = time.monotonic() - started, []
                values = {"loss": mean, "learning_rate": schedule.rate(run.step - 1), "seconds": run.seconds}
                if validates and first:
                    values |= validation.psnr(run.result, crops, fabric.device)
                log.write(run.step, values)
            if done or told or late:
                if first:
                    state.save(run, out / LAST, preset)
                saved = time.monotonic()
            if told and not done:
                raise SystemExit(128 + told)

    if not first:
        return None
    facts = {"preset": preset.name, "steps": run.step, "seconds": round(run.seconds, 1), "seed": schedule.seed}
    checkpoints.save(run.result, out / MODEL, facts | {"schedule": schedules.schedule_facts(schedule)})
    return out / MODEL


def batches_for(fabric: Fabric, store: Store, schedule: Schedule) -> Callable[[int], Iterator[Batch]]:
    """A function of the first step: yields this process's share of every batch from that step on, on its device."""
    s, share = schedule, range(fabric.global_rank, schedule.batch, fabric.world_size)
    recipe = {name: getattr(s, name) for name in ("batch", "patch", "queries", "scales", "seed", "reduction")}
    if s.degradation == "pairs":
        sampler = pairs.sampler(s.data, fabric.device, **recipe)
    else:
        degradations.named(s.degradation)   # an unknown name is refused before the first batch
        sampler = Sampler(store.near(fabric.device), device=fabric.device, degradation=s.degradation, **recipe)
    with_targets = distillation.from_schedule(s, fabric.device)
    depth = AHEAD[fabric.device.type]
    return lambda first: batches.ahead(lambda step: with_targets(sampler(step, share), step), range(first, s.steps), depth)


def step(fabric: Fabric, objective: nn.Module, optimizer: Any, batch: Batch, schedule: Schedule, run: TrainingState) -> Tensor:
    """Make one step of the optimiser. Returns the loss before the step."""
    for group in optimizer.param_groups:
        group["lr"] = schedule.rate(run.step)
    loss = objective(batch)
    optimizer.zero_grad()
    fabric.backward(loss)
    if schedule.clip:   # a NaN is not stopped here: the loss shows it, and that message names the step
        fabric.clip_gradients(objective, optimizer, max_norm=schedule.clip, error_if_nonfinite=False)
    optimizer.step()
    if run.average:
        follow = get_ema_multi_avg_fn(schedule.average_decay(run.step))
        follow(list(run.average.parameters()), list(run.model.parameters()), run.step)
    run.step += 1
    return loss.detach()


def _largest(fabric: Fabric, *numbers: float) -> list[int]:
    """The maximum of each number over all processes."""
    mine = torch.tensor([int(number) for number in numbers], device=fabric.device)
    return fabric.all_reduce(mine, reduce_op="max").tolist()


def load_store(names: tuple[str, ...]) -> Store:
    """The decoded pictures of these sets (see `datasets.find`)."""
    return Store.of([path for name in names for path in datasets.find(name).hr], batches.cache_folder())


def _mean_or_diverged(losses: Tensor, step: int, seed: int) -> float:
    values = losses.float().cpu()
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        first = step - len(losses) + int(bad[0])
        remedy = "lower learning_rate, or set precision=fp32 where it is bf16"
        raise Diverged(f"the loss is {values[bad[0]].item()} at step {first} (seed {seed}): {remedy}")
    return values.mean().item()


class _Signals:
    """Notes SIGTERM and SIGINT within a block, so that the training can finish its step and save its state first."""

    received = 0

    def __enter__(self) -> "_Signals":
        def remember(number: int, _frame: Any) -> None:
            self.received = number

        self.before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)
