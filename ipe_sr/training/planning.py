"""What a training will need on this machine: time, memory and disk, from a short measurement of its own steps."""

import math
import sys
import time
from dataclasses import dataclass, replace

import torch

from ipe_sr.errors import InputError
from ipe_sr.training import loop, state, validation
from ipe_sr.training.schedules import Preset

SECONDS = 30.0     # of measuring
WARM_UP = 3        # steps that are not counted: the first ones allocate memory and choose kernels
STAND_IN = "samples-train", "samples-valid"   # measured instead of data that are not here


@dataclass(frozen=True)
class Plan:
    """step, validation, saving: seconds for one of each.   measured: steps.   memory: bytes, the peak of the process, or of the
    GPU.   pictures: bytes of the decoded pictures.   files: bytes in the run's folder.   stand_in: why other pictures were
    measured, or ""."""

    preset: Preset
    device: str
    parameters: int
    measured: int
    step: float
    validation: float
    saving: float
    memory: int
    pictures: int
    files: int
    stand_in: str

    @property
    def seconds(self) -> float:
        """Of the whole training."""
        schedule = self.preset.schedule
        steps = schedule.steps * self.step
        validations = math.ceil(schedule.steps / schedule.validate_every) * self.validation
        saves = steps / max(60 * schedule.checkpoint_minutes, self.step) * self.saving
        return steps + validations + saves

    def lines(self) -> list[str]:
        """The plan as text."""
        schedule, hours = self.preset.schedule, self.seconds / 3600
        length = f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
        found = [
            f"{self.preset.name} on {self.device}: {self.parameters:,} parameters, {schedule.steps:,} steps of batch "
            f"{schedule.batch}",
            f"time: {length}; {1 / self.step:.2f} steps/s over {self.measured} steps, {self.validation:.1f} s for each of "
            f"{math.ceil(schedule.steps / schedule.validate_every)} validations",
            f"memory: {self.memory / 2**30:.2f} GiB at its peak",
            f"disk: {self.files / 1e6:.0f} MB in the run's folder, {self.pictures / 1e9:.2f} GB of decoded pictures",
        ]
        return found + ([f"measured on the package's own pictures, because {self.stand_in}"] if self.stand_in else [])


@torch.enable_grad()
def measure(preset: Preset, accelerator: str = "auto", threads: int | None = None, seconds: float | None = None) -> Plan:
    """Make steps of a training for some seconds, and plan the whole of it. Nothing is written but the decoded pictures.

    Raises InputError for unusable options, as `loop.train`. Data that are not here are replaced by the package's pictures.
    """
    fabric = loop.fabric_for(accelerator, 1)
    if threads is not None:
        torch.set_num_threads(threads)
    stand_in = ""
    try:
        store, valid = loop.load_store(preset.schedule.data), loop.load_store((preset.schedule.valid,))
    except InputError as error:
        stand_in = str(error)
        store, valid = (loop.load_store((name,)) for name in STAND_IN)
    if fabric.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(fabric.device)
    schedule, scales = preset.schedule, preset.schedule.valid_scales
    crops = validation.crops(valid, scales)
    run = state.new(preset, fabric.device)
    batches = loop.batches_for(fabric, store, replace(schedule, steps=10**9))(0)
    objective, optimizer = fabric.setup(loop.Objective(run.model, schedule.precision, schedule.loss), run.optimizer)
    spent: list[float] = []
    begun = now = time.perf_counter()
    for batch in batches:
        loop.step(fabric, objective, optimizer, batch, schedule, run).item()       # waits for a GPU
        before, now = now, time.perf_counter()
        spent.append(now - before)
        if len(spent) > WARM_UP and now - begun > (SECONDS if seconds is None else seconds):
            break
    batches.close()
    started = time.perf_counter()
    validation.psnr(run.result, crops, fabric.device)
    validated = time.perf_counter()
    kept = sum(p.numel() * p.element_size() for p in run.result.parameters())
    trained = sum(p.numel() * p.element_size() for p in run.model.parameters() if p.requires_grad)
    files = kept * (3 if run.average else 2) + 2 * trained   # the state: weights, average, moments; and the model
    return Plan(
        preset, _device(fabric.device), sum(p.numel() for p in run.model.parameters()), len(spent) - WARM_UP,
        sum(spent[WARM_UP:]) / (len(spent) - WARM_UP), validated - started, files / 200e6,         # a disk of 200 MB/s
        _peak(fabric.device), store.pixels.numel() + valid.pixels.numel(), files, stand_in,
    )


def _device(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} CPU threads"


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:   # Windows
        import psutil

        return psutil.Process().memory_info().peak_wset
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
