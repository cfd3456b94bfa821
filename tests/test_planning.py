"""The plan of a training: its own steps are measured, the sums are right, and nothing is left behind."""

import pytest
from training_world import cache as cache  # a fixture
from training_world import command, make

from ipe_sr.training import planning


def test_a_plan_adds_up_and_changes_with_the_schedule():
    plan = planning.measure(make(["steps=1000", "validate_every=100", "ema=0.9"]), "cpu", 1, seconds=0.5)
    assert plan.measured >= 1 and plan.stand_in == ""
    assert plan.seconds == pytest.approx(1000 * plan.step + 10 * plan.validation, rel=0.01, abs=0.1)
    weights = 4 * plan.parameters
    assert plan.files == weights * 5   # weights, average, two moments, and the model
    assert plan.memory > 2**26 and plan.pictures > 1e5
    text = "\n".join(plan.lines())
    assert "1,000 steps of batch 2" in text and "steps/s" in text and "GiB" in text and "MB in the run's folder" in text


def test_data_that_are_not_here_are_replaced_and_named(tmp_path, monkeypatch):
    monkeypatch.setenv("IPE_SR_DATA", str(tmp_path))
    plan = planning.measure(make(["data=div2k-train", "steps=10"]), "cpu", 1, seconds=0.1)
    assert "data set 'div2k-train' is not at" in plan.stand_in and plan.stand_in in plan.lines()[-1]


def test_the_command_prints_the_plan_and_makes_no_folder(tmp_path, monkeypatch, capsys):
    from ipe_sr import cli

    monkeypatch.setattr(planning, "SECONDS", 0.1)
    monkeypatch.setattr("sys.argv", ["ipe-sr", *command(tmp_path / "run", "--plan")[3:]])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0 and "time: " in capsys.readouterr().out and not (tmp_path / "run").exists()
