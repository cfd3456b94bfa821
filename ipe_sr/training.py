"""Training: one explicit loop for every model, on one device or several (Lightning Fabric)."""

import csv
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ipe_sr import data, datasets, models, training_state, validation
from ipe_sr.data import Batch, Sampler, Store
from ipe_sr.errors import InputError
from ipe_sr.schedules import Preset

LAST = "last.safetensors"     # everything that resuming needs
MODEL = "model.safetensors"   # the result, for `ipe_sr.load`


class Diverged(RuntimeError):
    """The loss became NaN or infinite; the message names the step and its seed."""


class Objective(nn.Module):
    """Model and batch to the mean absolute error of the queried pixels: what a process computes in one step."""

    def __init__(self, model: nn.Module, precision: str = "fp32"):
        super().__init__()
        self.model, self.mixed = model, precision == "bf16"

    def forward(self, batch: Batch) -> Tensor:
        with torch.autocast(batch.lr.device.type, torch.bfloat16, enabled=self.mixed):
            colour = self.predict(batch)
        return (colour.float() - batch.colour).abs().mean()

    def predict(self, batch: Batch) -> Tensor:
        """Colours of the batch's pixels: (B, Q, 3)."""
        if hasattr(self.model, "query"):
            return self.model.query(self.model.encode(batch.lr), batch.position, batch.radius)
        n = batch.sizes[0]   # a fixed-scale model: all crops have one size, all of it is computed
        sr = self.model(batch.lr, (n, n)).flatten(2).transpose(1, 2)               # (B, n * n, 3)
        return sr.gather(1, batch.pixel[..., None].expand(-1, -1, 3))


@dataclass
class Run:
    """The moving parts of a training: what `training_state` saves and restores."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    average: AveragedModel | None
    step: int = 0
    seconds: float = 0.0


def train(
    preset: Preset,
    out: Path,
    *,
    resume: bool = False,
    accelerator: str = "auto",
    devices: int = 1,
    threads: int | None = None,
    progress: Callable[[int, dict[str, float]], None] = lambda step, values: None,
) -> Path:
    """Train a preset; returns the path of the finished model.

    out: gets `metrics.csv`, TensorBoard events where tensorboard is installed, `last.safetensors` every few minutes and
    on SIGTERM or SIGINT, and `model.safetensors` in the end.   resume: go on from `last.safetensors`, on the CPU
    bit-exactly.   devices: processes; each computes its share of the batch.   progress: called with the step and what
    was logged. Raises InputError for unusable data or folders, Diverged for a NaN loss, SystemExit(128 + signal) when
    told to stop.
    """
    schedule = preset.schedule
    if schedule.batch % devices:
        raise InputError(f"batch {schedule.batch} cannot be divided among {devices} devices")
    if threads:
        torch.set_num_threads(threads)
    if not resume and (out / LAST).exists():
        raise InputError(f"{out}: holds a training already; give --resume to go on, or another --out")
    if resume and not (out / LAST).exists():
        raise InputError(f"{out}: holds no {LAST} to resume from")
    fabric = Fabric(accelerator=accelerator, devices=devices)
    arguments = (preset, out, resume, progress)
    return fabric.launch(_train, *arguments) if devices > 1 else _train(fabric, *arguments)


def _train(fabric: Fabric, preset: Preset, out: Path, resume: bool, progress: Callable) -> Path:
    schedule = preset.schedule
    store = load_store(schedule.data)
    sampler = Sampler(
        store, schedule.batch, schedule.patch, schedule.queries, schedule.scales, schedule.seed, fabric.device
    )
    crops = validation.crops(load_store((schedule.valid,)), schedule.valid_scales)
    torch.manual_seed(schedule.seed)
    run = _new_run(preset, fabric.device)
    if resume:
        training_state.restore(run, out / LAST, preset)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be made a folder ({error.strerror})") from None
    objective, optimizer = fabric.setup(Objective(run.model, schedule.precision), run.optimizer)
    share = range(fabric.global_rank, schedule.batch, fabric.world_size)
    log = _Log(out, run.step, fabric.is_global_zero)
    if run.step == 0:   # what any model has to beat
        progress(0, log.write(0, validation.psnr(models.Bicubic(), crops, data.CPU, prefix="bicubic")))
    started, saved, losses = time.monotonic() - run.seconds, time.monotonic(), []

    with _Signals() as signals:
        while run.step < schedule.steps:
            for group in optimizer.param_groups:
                group["lr"] = schedule.rate(run.step)
            loss = objective(sampler(run.step, share))
            optimizer.zero_grad()
            fabric.backward(loss)
            if schedule.clip:
                fabric.clip_gradients(objective, optimizer, max_norm=schedule.clip)
            optimizer.step()
            if run.average:
                run.average.update_parameters(run.model)
            losses.append(loss.detach())
            run.step += 1

            values = {}
            due = run.step % schedule.log_every == 0 or run.step == schedule.steps
            stop = signals.received or time.monotonic() - saved > 60 * schedule.checkpoint_minutes
            if due or stop:   # only here does the host wait for the device
                mean = _mean_or_diverged(losses, run.step, schedule.seed)
                run.seconds = time.monotonic() - started
                values = {"loss": mean, "learning_rate": schedule.rate(run.step - 1), "seconds": run.seconds}
                losses = []
            if run.step % schedule.validate_every == 0 or run.step == schedule.steps:
                values |= validation.psnr(_final(run), crops, fabric.device)
            if values:
                progress(run.step, log.write(run.step, values))
            if stop or run.step == schedule.steps:
                if fabric.is_global_zero:
                    training_state.save(run, out / LAST, preset)
                saved = time.monotonic()   # in every process, or the others would wait for their device at each step
            if signals.received and run.step < schedule.steps:
                raise SystemExit(128 + signals.received)

    if fabric.is_global_zero:
        facts = {"preset": preset.name, "steps": run.step, "seconds": round(run.seconds, 1), "seed": schedule.seed}
        models.save(_final(run), out / MODEL, facts | {"schedule": training_state.schedule_facts(schedule)})
    return out / MODEL


def load_store(names: tuple[str, ...]) -> Store:
    """The decoded pictures of these sets (see `datasets.find`)."""
    return Store.of([path for name in names for path in datasets.find(name).hr], data.cache_folder())


def _new_run(preset: Preset, device: torch.device) -> Run:
    schedule = preset.schedule
    model = preset.model.build()
    if not list(model.parameters()):
        raise InputError(f"preset {preset.name!r}: has nothing to train")
    if schedule.init_encoder:
        _warm_start(model, schedule.init_encoder)
    if schedule.freeze_encoder:
        model.encoder.requires_grad_(False)
    model.to(device)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=schedule.learning_rate)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(schedule.ema)) if schedule.ema else None
    return Run(model, optimizer, average)


def _warm_start(model: nn.Module, path: str) -> None:
    """Take over the encoder of a checkpoint, official LIIF ones included."""
    source = models.read(path)
    if not hasattr(source, "encoder") or source.config.encoder != model.config.encoder:
        raise InputError(f"init_encoder: {path} holds another encoder than the preset's {model.config.encoder}")
    model.encoder.load_state_dict(source.encoder.state_dict())


def _final(run: Run) -> nn.Module:
    """The weights that count: averaged ones where they are kept."""
    return run.average.module if run.average else run.model


def _mean_or_diverged(losses: list[Tensor], step: int, seed: int) -> float:
    values = torch.stack(losses).float().cpu()
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        first = step - len(losses) + int(bad[0])
        raise Diverged(f"the loss is {values[bad[0]].item()} at step {first} (seed {seed}): lower learning_rate, or set clip")
    return values.mean().item()


class _Signals:
    """Remembers SIGTERM and SIGINT instead of dying of them: the step is finished and saved first."""

    received = 0

    def __enter__(self) -> "_Signals":
        def remember(number: int, _frame: Any) -> None:
            self.received = number

        self.before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: Any) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)


class _Log:
    """`metrics.csv`, one row for each step, name and value; and the same for TensorBoard where it is installed."""

    def __init__(self, out: Path, step: int, active: bool):
        self.path, self.active, self.board = out / "metrics.csv", active, None
        if not active:
            return
        rows = [row for row in csv.reader(self.path.open()) if row[0] != "step"] if self.path.exists() else []
        kept = [row for row in rows if int(row[0]) <= step]   # a resumed run repeats what came after its checkpoint
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows([("step", "name", "value"), *kept])
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self.board = SummaryWriter(os.fspath(out), purge_step=step)

    def write(self, step: int, values: dict[str, float]) -> dict[str, float]:
        """Log the values, and hand them back."""
        if not self.active:
            return values
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerows((step, name, value) for name, value in values.items())
        if self.board:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)
        return values
