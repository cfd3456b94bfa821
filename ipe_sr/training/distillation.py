"""Aim at a teacher's answers instead of at the pixels: an answer is the mean of what a pixel could be, without its noise.

Knowledge distillation (Hinton, Vinyals, Dean, arXiv 1503.02531) of one implicit model into another, in the output. The
teacher sees every batch in another of its eight symmetries, in turn. What the pupil cannot tell apart it averages: it aims
at the teacher's geometric self-ensemble (`render.self_ensemble`), at the price of a single answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ipe_sr import models
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.models.implicit import ImplicitModel
from ipe_sr.training.batches import Batch
from ipe_sr.training.schedules import Schedule


@dataclass(frozen=True)
class Teacher:
    """weight: how much its answers count in what is aimed at, in (0, 1]; the rest are the true colours."""

    model: ImplicitModel
    weight: float

    @torch.no_grad()
    def __call__(self, batch: Batch, step: int) -> Batch:
        """The batch of a step with `colour` as it should be answered."""
        lr, position, radius = turned(batch.lr, batch.position, batch.radius, step % 8)
        answer = self.model.query(self.model.encode(lr), position, radius)
        return replace(batch, colour=torch.lerp(batch.colour, answer.to(batch.colour), self.weight))


def of(schedule: Schedule, device: torch.device) -> Callable[[Batch, int], Batch]:
    """What a schedule makes of the batch of a step: itself, where it names no teacher.

    Raises InputError for a teacher that is not there or cannot be asked for single pixels.
    """
    if not schedule.teacher:
        return lambda batch, step: batch
    path = datasets.file(schedule.teacher)
    model = models.read(path)
    if not isinstance(model, ImplicitModel):
        raise InputError(f"teacher: {path}: answers no single pixels; take a model of the LIIF, MetaSR or LTE family")
    return Teacher(model.to(device).requires_grad_(False).eval(), schedule.teacher_weight)


def turned(lr: Tensor, position: Tensor, radius: Tensor, symmetry: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pictures and the same places in them after one of eight symmetries; 0 changes nothing.

    lr: (B, C, h, w).   position: (B, Q, 2), LR pixels.   radius: (..., 2).
    """
    for axis in (0, 1):
        if symmetry & 1 << axis:
            lr, position = lr.flip(axis - 2), position.clone()
            position[..., axis] = lr.shape[axis - 2] - 1 - position[..., axis]
    if symmetry & 4:
        lr, position, radius = lr.mT, position.flip(-1), radius.flip(-1)
    return lr.contiguous(), position, radius
