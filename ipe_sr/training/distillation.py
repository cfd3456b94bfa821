"""Knowledge distillation: train a student on the colours that a teacher predicts instead of the true ones.

Hinton, Vinyals, Dean, arXiv 1503.02531, here from one implicit model to another. A prediction of the teacher is close to the
mean of the colours that a pixel could have, so it carries less noise than the true colour.

The teacher sees the batch of each step in another of the eight symmetries of a square, in turn. The student does not know
which symmetry the teacher saw, so it learns the mean of all eight. That mean is the teacher's geometric self-ensemble
(`render.self_ensemble`), and each step costs one prediction of the teacher only.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.models import checkpoints
from ipe_sr.models.implicit import ImplicitModel
from ipe_sr.training.batches import Batch
from ipe_sr.training.schedules import Schedule


@dataclass(frozen=True)
class Teacher:
    """A trained model whose predictions become targets.

    weight: the share of the prediction in the target colour, in (0, 1]. The rest is the true colour.
    mixed: predict with bfloat16 autocast, as the student does if the schedule's precision is "bf16".
    """

    model: ImplicitModel
    weight: float
    mixed: bool = False

    @torch.no_grad()
    def __call__(self, batch: Batch, step: int) -> Batch:
        """The batch with its `colour` replaced by the target colours of this step."""
        lr, position, radius = transformed(batch.lr, batch.position, batch.radius, step % 8)
        with torch.autocast(lr.device.type, torch.bfloat16, enabled=self.mixed):
            prediction = self.model.query(self.model.encode(lr), position, radius)     # (B, Q, 3)
        return replace(batch, colour=torch.lerp(batch.colour, prediction.to(batch.colour), self.weight))


def from_schedule(schedule: Schedule, device: torch.device) -> Callable[[Batch, int], Batch]:
    """The function (batch, step) -> batch that sets the target colours. Without a teacher it returns the batch unchanged.

    Raises InputError if the teacher's file is missing, or if the teacher is a fixed-scale model, which cannot predict single
    pixels.
    """
    if not schedule.teacher:
        return lambda batch, step: batch
    path = datasets.file(schedule.teacher)
    model = checkpoints.read(path)
    if not isinstance(model, ImplicitModel):
        raise InputError(f"teacher: {path}: cannot predict single pixels; take a model of the LIIF, MetaSR or LTE family")
    return Teacher(model.to(device).requires_grad_(False).eval(), schedule.teacher_weight, schedule.precision == "bf16")


def transformed(lr: Tensor, position: Tensor, radius: Tensor, symmetry: int) -> tuple[Tensor, Tensor, Tensor]:
    """LR pictures and the queries in them, flipped and transposed together. A query still asks for the same spot.

    lr: (B, C, h, w).   position: (B, Q, 2), LR pixels.   radius: (..., 2).   symmetry: 0 to 7, a sum of 1 (flip rows),
    2 (flip columns) and 4 (transpose, after the flips); 0 changes nothing.
    """
    for axis in (0, 1):
        if symmetry & 1 << axis:
            lr, position = lr.flip(axis - 2), position.clone()
            position[..., axis] = lr.shape[axis - 2] - 1 - position[..., axis]
    if symmetry & 4:
        lr, position, radius = lr.mT, position.flip(-1), radius.flip(-1)
    return lr.contiguous(), position, radius
