"""What notebooks 11 and 12 draw of a sweep, on made-up runs whose true differences are known."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ipe_sr import demos
from ipe_sr.demos import ablations
from ipe_sr.errors import InputError
from ipe_sr.report import comparisons, results
from tests import report_world
from tests.report_world import CELL, FULL, SKIP, TRUTH


@pytest.fixture
def folder(tmp_path):
    return report_world.sweep(tmp_path / "sweep")


def test_every_run_stands_in_a_line_with_the_lead_of_the_first_row(folder):
    (section,) = results.sections(results.sweeps(folder)[0])
    runs = ablations.listed(section, "4")
    assert [(run.row, run.seed) for run in runs] == [(row, seed) for row in section.rows for seed in range(4)]
    for run in runs:
        scores = section.cells[run.row, 4].scores
        assert run.psnr == pytest.approx(scores.psnr[run.seed].mean())
        assert run.lead == pytest.approx(-TRUTH[run.row], abs=0.1)


def test_without_a_first_row_it_leads_nothing(tmp_path):
    where = report_world.place(CELL), report_world.place(FULL, seed=1)
    for place in where:
        report_world.save(tmp_path, report_world.record(place, [report_world.score([30.0, 31.0])]))
    (section,) = results.sections(results.sweeps(tmp_path)[0])
    assert [(run.row, run.lead) for run in ablations.listed(section, "2")] == [(FULL, 0.0), (CELL, None)]


def test_filters_leave_what_they_name(folder):
    picture, readout = ablations.runs_of(folder)
    state = {"row": "all", "scale": "2", "seed": "all"}
    assert readout(**state).startswith("12 runs at x2   ") and "the paper" not in readout(**state)
    four, one = readout(**state | {"row": SKIP}), readout(**state | {"row": SKIP, "seed": "3"})
    assert four.startswith("4 runs at x2") and " ± " in four
    assert re.search(r"row 1 less it: \+0\.2\d\d dB, in the paper \+0\.05 dB$", four)
    assert one.startswith("1 run at x2") and " ± " not in one
    assert readout(**state | {"seed": "7"}) == readout(**state | {"scale": "5"}) == "no such run"
    blank, whole, one = (picture(**state | more) for more in ({"seed": "7"}, {}, {"row": SKIP}))
    inked = [(each < 128).sum() for each in (blank, one, whole)]
    assert inked == sorted(inked) and len(set(inked)) == 3


def test_the_package_reads_nothing_of_a_checkout(tmp_path):
    """The demos read the folder that they are given: they import in a copy of the package that lies alone."""
    shutil.copytree(Path(ablations.__file__).parents[1], tmp_path / "ipe_sr", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from ipe_sr import demos; print(demos.__file__); print(demos.runs_of('no-such-folder').run_table_readout)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True,
        text=True, check=False,
    )
    assert done.returncode == 0 and done.stdout.startswith(str(tmp_path)), done.stderr
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(ablations.__file__).parent.rglob("*.py"))
    assert "notebooks/" not in sources, "a demo names a path in the checkout"


def test_a_forest_has_a_panel_for_each_pair_and_a_line_for_each_scale(folder):
    (section,) = results.sections(results.sweeps(folder)[0])
    found = comparisons.by_scale(section)
    figure = ablations.forest(found)
    assert [ax.get_title() for ax in figure.axes] == [f"{FULL} − {CELL}", f"{FULL} − {SKIP}"]
    for ax, other in zip(figure.axes, (CELL, SKIP), strict=True):
        assert [label.get_text() for label in ax.get_yticklabels()] == ["x2", "x4"]
        means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(means, [-TRUTH[other]] * 2, atol=0.1)


def test_an_ablation_knows_its_method_its_rows_and_their_seeds(folder):
    table = demos.ablation(folder)
    assert (table.first, table.others) == (FULL, [CELL, SKIP])
    assert table.seeds == {row: {0, 1, 2, 3} for row in (FULL, CELL, SKIP)}
    asked = table.questions(0.05)
    assert [(q.first, q.second, q.primary) for q in asked.questions] == [(FULL, CELL, True), (FULL, SKIP, True)]
    assert sorted(s for scales in asked.ranges.values() for s in scales) == [2, 4]
    assert "12 runs ended well" in table.summary() and "3 rows with 4, 4, 4 runs" in table.summary()


def test_an_ablation_needs_two_common_seeds(tmp_path):
    for place in (report_world.place(CELL), report_world.place(FULL, seed=1)):
        report_world.save(tmp_path, report_world.record(place, [report_world.score([30.0, 31.0])]))
    with pytest.raises(InputError, match="two seeds in common"):
        demos.ablation(tmp_path)


def test_a_stale_run_is_refused(folder, tmp_path):
    with pytest.raises(InputError, match="different code"):
        results.sweeps(demos.with_stale_run(demos.ablation(folder), folder, tmp_path / "mixed", CELL, 0.3))
    assert results.sweeps(folder)
