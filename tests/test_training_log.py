"""The log of a training: `metrics.csv` when a training starts, resumes and is interrupted, and TensorBoard's events."""

import csv
import sys
import time
from pathlib import Path

import pytest

from ipe_sr.errors import InputError
from ipe_sr.training.log import Log


def next_second():
    """TensorBoard reads event files by name, which is the second and then a counter whose 10 sorts before 9."""
    start = int(time.time())
    while int(time.time()) == start:
        time.sleep(0.01)


def rows(out):
    with (out / "metrics.csv").open(encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file)]


def test_a_resumed_run_repeats_the_steps_after_its_checkpoint(tmp_path):
    seen = []
    first = Log(tmp_path, 0, lambda *written: seen.append(written), active=True)
    for step in (1, 2, 3):
        first.write(step, {"loss": step / 8})
    first.close()
    second = Log(tmp_path, 2, lambda *written: seen.append(written), active=True)
    second.write(3, {"loss": 0.5, "psnr_x2": 30.0})
    second.close()
    assert rows(tmp_path) == [
        ("step", "name", "value"), ("1", "loss", "0.125"), ("2", "loss", "0.25"),
        ("3", "loss", "0.5"), ("3", "psnr_x2", "30.0"),
    ]
    assert seen == [(1, {"loss": 0.125}), (2, {"loss": 0.25}), (3, {"loss": 0.375}), (3, {"loss": 0.5, "psnr_x2": 30.0})]


def test_a_run_that_starts_again_at_step_0_drops_all_old_rows(tmp_path):
    """A run that is killed before its first checkpoint leaves rows of step 0. Empty lines in the file are ignored."""
    for start in (0, 0, 1):
        log = Log(tmp_path, start, lambda *written: None, active=True)
        if start == 0:
            log.write(0, {"bicubic_x2": 30.0})
            log.write(1, {"loss": 0.5})
        log.close()
        with (tmp_path / "metrics.csv").open("a", encoding="utf-8") as file:
            file.write("\n")
    assert rows(tmp_path) == [("step", "name", "value"), ("0", "bicubic_x2", "30.0"), ("1", "loss", "0.5"), ()]


def test_a_failure_while_the_old_rows_are_rewritten_loses_none_of_them(tmp_path, monkeypatch):
    first = Log(tmp_path, 0, lambda *written: None, active=True)
    first.write(1, {"loss": 0.5})
    first.close()
    before = rows(tmp_path)

    class FullDisk:
        """Writes one row, then fails."""

        def __init__(self, file):
            self.writer = writer(file)

        def writerows(self, rows):
            self.writer.writerow(rows[0])
            raise OSError("no space left on device")

    writer = csv.writer
    monkeypatch.setattr(csv, "writer", FullDisk)
    with pytest.raises(InputError, match=r"metrics.csv: cannot be written"):
        Log(tmp_path, 1, lambda *written: None, active=True)
    assert rows(tmp_path) == before
    assert [path.name for path in Path(tmp_path).glob("*metrics*")] == ["metrics.csv"], "no temporary file is left"


def test_tensorboard_has_every_event_once_the_log_is_closed(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = Log(tmp_path, 0, lambda *written: None, active=True)
    for step in range(1, 30):
        log.write(step, {"loss": step / 8})
    log.close()
    scalars = events.EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(event.step, event.value) for event in scalars] == [(step, step / 8) for step in range(1, 30)]


def test_tensorboard_keeps_the_last_event_of_a_finished_run_that_is_resumed(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    first = Log(tmp_path, 0, lambda *written: None, active=True)
    for step in range(4):
        first.write(step, {"loss": step / 8})
    first.close()
    next_second()
    Log(tmp_path, 3, lambda *written: None, active=True).close()
    next_second()
    second = Log(tmp_path, 2, lambda *written: None, active=True)                  # the events after step 2 are repeated
    second.write(3, {"loss": 5.0})
    second.close()
    scalars = events.EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(event.step, event.value) for event in scalars] == [(0, 0), (1, 0.125), (2, 0.25), (3, 5.0)]


def test_without_tensorboard_only_the_table_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    log = Log(tmp_path, 0, lambda *written: None, active=True)
    log.write(1, {"loss": 0.5})
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"] and len(rows(tmp_path)) == 2


def test_processes_other_than_the_first_write_nothing(tmp_path):
    log = Log(tmp_path, 0, lambda *written: pytest.fail("reported"), active=False)
    log.write(1, {"loss": 0.5})
    log.close()
    assert not list(tmp_path.iterdir())
