"""Knowledge distillation: the eight symmetries, the target colours, and a training with a teacher."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F
from training_world import cache as cache  # a fixture
from training_world import log, make

from ipe_sr import grids, models, render
from ipe_sr.errors import InputError
from ipe_sr.training import distillation, loop, schedules
from ipe_sr.training.batches import Batch
from ipe_sr.training.distillation import Teacher, transformed

LR, HR = (5, 7), (8, 12)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return make().model.build().eval()


@pytest.fixture
def batch():
    """Every pixel of two pictures, with another scale for each axis. The true colours are black."""
    rows, columns = (grids.centres(n, m) for n, m in zip(HR, LR, strict=True))
    position = grids.mesh(rows, columns).expand(2, -1, -1)
    colour, pixel = torch.zeros(*position.shape[:2], 3), torch.arange(position.shape[1])
    return Batch(torch.rand(2, 3, *LR), position, grids.radii(HR, LR).expand(2, 1, 2), colour, pixel, sizes=())


def interpolated(lr, position):
    """The colours of a picture at these positions, interpolated bilinearly."""
    size = torch.tensor(lr.shape[-2:]) - 1
    grid = (2 * position / size - 1).flip(-1)[:, None].float()                     # (B, 1, Q, 2), x first
    return F.grid_sample(lr, grid, align_corners=True, padding_mode="border")[:, :, 0].mT


def test_a_query_finds_the_same_colour_in_all_eight_symmetries(batch):
    colours = interpolated(batch.lr, batch.position)
    pictures = []
    for symmetry in range(8):
        lr, position, radius = transformed(batch.lr, batch.position, batch.radius, symmetry)
        torch.testing.assert_close(interpolated(lr, position), colours)
        torch.testing.assert_close(radius[0, 0], grids.radii(HR, LR).flip(-1) if symmetry & 4 else grids.radii(HR, LR))
        assert not any(lr.shape == other.shape and torch.equal(lr, other) for other in pictures)
        pictures.append(lr)


def test_the_targets_of_eight_steps_average_to_the_self_ensemble(model, batch):
    steps = [Teacher(model, 1.0)(batch, step).colour for step in range(8, 16)]
    with torch.no_grad():
        mean = render.self_ensemble(model, batch.lr, HR).flatten(2).mT
        torch.testing.assert_close(steps[0], model(batch.lr, HR).flatten(2).mT, rtol=0, atol=1e-5)
    torch.testing.assert_close(sum(steps) / 8, mean, rtol=0, atol=1e-5)
    assert (steps[0] - mean).abs().max() > 1e-3, "if the symmetries gave equal colours, this test would show nothing"


def test_the_target_is_the_weighted_mean_of_prediction_and_true_colour(model, batch):
    white = replace(batch, colour=torch.ones_like(batch.colour))
    prediction, quarter = (Teacher(model, weight)(white, 0).colour for weight in (1.0, 0.25))
    torch.testing.assert_close(quarter, 0.75 + 0.25 * prediction)
    assert not prediction.requires_grad


def test_a_teacher_in_bfloat16_predicts_nearly_the_same(model, batch):
    exact, mixed = (Teacher(model, 1.0, mixed)(batch, 3).colour for mixed in (False, True))
    assert mixed.dtype == exact.dtype
    assert 0 < (mixed - exact).abs().max() < 0.02


@pytest.mark.parametrize(("precision", "mixed"), [("fp32", False), ("bf16", True)])
def test_the_teacher_computes_with_the_schedules_precision(tmp_path, model, precision, mixed):
    models.save(model, tmp_path / "teacher.safetensors")
    schedule = make([f"teacher={tmp_path / 'teacher.safetensors'}", f"precision={precision}"]).schedule
    assert distillation.from_schedule(schedule, torch.device("cpu")).mixed is mixed


def test_a_student_with_the_teachers_weights_starts_with_no_loss(tmp_path):
    """At step 0 teacher and student see the same picture. At step 1 the teacher's picture is flipped, so the loss is not 0."""
    models.save(make().model.build(), tmp_path / "start.safetensors")
    start = [f"init_{part}={tmp_path / 'start.safetensors'}" for part in ("encoder", "decoder")]
    preset = make(["steps=2", f"teacher={tmp_path / 'start.safetensors'}", "learning_rate=1.0e-9", *start])
    loop.train(preset, tmp_path / "run", accelerator="cpu")
    first, second = (float(row[2]) for row in log(tmp_path / "run"))
    assert first < 1e-6 < 1e-3 < second


def test_without_a_teacher_a_batch_stays_unchanged(batch):
    assert distillation.from_schedule(make().schedule, torch.device("cpu"))(batch, 3) is batch


def test_a_fixed_scale_model_cannot_be_a_teacher(tmp_path):
    models.save(schedules.preset("tiny-edsr-x2").model.build(), tmp_path / "edsr.safetensors")
    with pytest.raises(InputError, match=r"teacher: .*edsr.safetensors: cannot predict single pixels"):
        distillation.from_schedule(make([f"teacher={tmp_path / 'edsr.safetensors'}"]).schedule, torch.device("cpu"))
