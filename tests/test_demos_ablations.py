"""What notebooks 11 and 12 draw of a sweep, on made-up runs whose true differences are known."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from ipe_sr import demos, figures
from ipe_sr.demos import ablations
from ipe_sr.errors import InputError
from ipe_sr.report import comparisons, results, verdicts
from ipe_sr.sweeps import records
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
    ordered = readout(**state | {"seed": "1"})
    assert ordered.startswith(f"seed 1 at x2, best first: {FULL}, ") and ordered.count(", ") == 3
    coloured = [np.ptp(picture(**state | more), axis=-1) > 60 for more in ({"row": SKIP}, {})]
    assert 0 < coloured[0].sum() < coloured[1].sum(), "the other rows are gray"


def test_a_row_that_is_far_away_has_a_panel_of_its_own(folder, tmp_path, monkeypatch):
    for path in (folder / "table4-tiny").rglob("record.json"):
        run = json.loads(path.read_text(encoding="utf-8"))
        for picture in (picture for score in run["scores"] for picture in score["images"]):
            picture["psnr"] -= 3 * (run["row"] == SKIP)
        target = tmp_path / "far" / path.relative_to(folder)
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(run), encoding="utf-8")
    made, panels = [], figures.panels

    def kept(*args, **options):
        made.append(panels(*args, **options))
        return made[-1]

    monkeypatch.setattr(figures, "panels", kept)
    one, two = (ablations.runs_of(where).run_lines(row="all", scale="2", seed="all") for where in (folder, tmp_path / "far"))
    assert one.shape == two.shape
    heights = [[np.ptp(ax.get_ylim()) for ax in axes.flat] for _, axes in made]
    assert [len(each) for each in heights] == [1, 2]
    assert all(height < 0.6 for each in heights for height in each), "the rows of each panel fill it"


def test_the_package_reads_nothing_of_a_checkout(tmp_path):
    """The demos read the folder that they are given: they import in a copy of the package that lies alone."""
    shutil.copytree(Path(ablations.__file__).parents[1], tmp_path / "ipe_sr", ignore=shutil.ignore_patterns("__pycache__"))
    code = "from ipe_sr import demos; print(demos.__file__); print(demos.runs_of('no-such-folder').run_lines_readout)"
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
    assert [ax.get_title() for ax in figure.axes] == [f"{FULL} − ({CELL})", f"{FULL} − ({SKIP})"]
    for ax, other in zip(figure.axes, (CELL, SKIP), strict=True):
        assert [label.get_text() for label in ax.get_yticklabels()] == ["x2", "x4"]
        means = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
        np.testing.assert_allclose(means, [-TRUTH[other]] * 2, atol=0.1)


def test_intervals_that_miss_the_truth_are_counted_and_thick():
    low, high = np.array([0.0, 0.2, -1.0]), np.array([0.4, 0.4, -0.5])
    figure = ablations.coverage({"a": (low, high), "b": (low - 9, high + 9)}, 0.1)
    assert [ax.get_title() for ax in figure.axes] == ["a: 2 of 3 miss", "b: 0 of 3 miss"]
    thin, thick = figure.axes[0].collections
    assert len(thin.get_segments()) == 1 and len(thick.get_segments()) == 2


def test_the_shaded_part_is_four_fifths_of_the_bell():
    figure = ablations.power(14)
    edge = figure.axes[0].collections[0].get_paths()[0].vertices
    x, y = edge[edge[:, 1] > 0].T
    area = np.trapezoid(y[np.argsort(x)], np.sort(x))
    assert 0.79 < area < 0.82
    line, delta = stats.t.ppf(0.975, 13), stats.t.ppf([0.975, 0.8], 13).sum()
    assert x.min() == pytest.approx(line, abs=0.03) and figure.axes[0].get_xticks()[1] == pytest.approx(delta)


def test_a_lead_that_is_far_has_an_axis_of_its_own(folder):
    table = demos.ablation(folder)
    judged = verdicts.judge(table.made, table.questions(0.05))
    (ax,) = ablations.lead_bars(judged).axes
    assert [label.get_text() for label in ax.get_yticklabels()] == [f"{one.question.second}, {one.range}" for one in judged]
    far = [dataclasses.replace(one, differences={seed: 3 + d for seed, d in one.differences.items()})
           if one.question.second == SKIP else one for one in judged]
    near, away = ablations.lead_bars(far).axes
    names = [[label.get_text() for label in each.get_yticklabels()] for each in (near, away)]
    assert all(CELL in name for name in names[0]) and all(SKIP in name for name in names[1])
    dots = [line.get_xdata()[0] for line in away.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([one.mean for one in far if one.question.second == SKIP])


def test_curves_have_a_line_for_each_run_and_the_learning_rate(folder):
    (section,) = results.sections(results.sweeps(folder)[0])
    ax, rate = ablations.curves_of(section, (FULL, SKIP)).axes
    assert len(ax.lines) == 8 and len(rate.lines) == 1
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == [FULL, SKIP]
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [(10, 21), (20, 22)])


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
    mixed = demos.with_stale_run(demos.ablation(folder), folder, tmp_path / "mixed", CELL, 0.3)
    with pytest.raises(InputError, match="different code"):
        results.sweeps(mixed)
    (sweep,) = results.sweeps(folder)
    changed = [pair for path in mixed.rglob(records.RECORD)
               if (pair := (records.read(path), records.read(folder / path.relative_to(mixed))))[0] != pair[1]]
    ((stale, fresh),) = changed
    assert stale.row == CELL and fresh in sweep.runs
    for score, before in zip(stale.scores, fresh.scores, strict=True):
        assert score["psnr"] == pytest.approx(before["psnr"] + 0.3)
        assert score["psnr"] == pytest.approx(np.mean([picture["psnr"] for picture in score["images"]]))
