import csv
import sys

import pytest

from ipe_sr.training.log import Log


def rows(out):
    return [tuple(row) for row in csv.reader((out / "metrics.csv").open())]


def test_a_resumed_run_repeats_what_came_after_its_checkpoint(tmp_path):
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


def test_a_run_that_begins_anew_drops_all(tmp_path):
    """Killed before its first checkpoint, it left what stands at step 0; an editor left an empty line."""
    for start in (0, 0, 1):
        log = Log(tmp_path, start, lambda *written: None, active=True)
        if start == 0:
            log.write(0, {"bicubic_x2": 30.0})
            log.write(1, {"loss": 0.5})
        log.close()
        with (tmp_path / "metrics.csv").open("a") as file:
            file.write("\n")
    assert rows(tmp_path) == [("step", "name", "value"), ("0", "bicubic_x2", "30.0"), ("1", "loss", "0.5"), ()]


def test_tensorboard_has_it_all_once_closed(tmp_path):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = Log(tmp_path, 0, lambda *written: None, active=True)
    for step in range(1, 30):
        log.write(step, {"loss": step / 8})
    log.close()
    scalars = events.EventAccumulator(str(tmp_path)).Reload().Scalars("loss")
    assert [(event.step, event.value) for event in scalars] == [(step, step / 8) for step in range(1, 30)]


def test_without_tensorboard_there_is_the_table(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.delitem(sys.modules, "torch.utils.tensorboard", raising=False)
    log = Log(tmp_path, 0, lambda *written: None, active=True)
    log.write(1, {"loss": 0.5})
    log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"] and len(rows(tmp_path)) == 2


def test_other_processes_write_nothing(tmp_path):
    log = Log(tmp_path, 0, lambda *written: pytest.fail("reported"), active=False)
    log.write(1, {"loss": 0.5})
    log.close()
    assert not list(tmp_path.iterdir())
