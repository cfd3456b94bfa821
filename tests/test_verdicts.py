"""Verdicts on made-up runs whose true differences are known, and the rules of `evidence.yaml` one by one."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import report_world as world
import yaml
from scipy import stats

from ipe_sr import report
from ipe_sr.errors import InputError
from ipe_sr.report import evidence, intervals, results, verdicts
from ipe_sr.report.document import Paragraph, Picture, Table

EXPERIMENTS = Path(__file__).parents[1] / "notebooks" / "experiments"
SETS = ("set14", "b100:30")
ASKED = {   # IPE - PE, in range: the paper has +0.13, +0.09 and +0.04 at x2, x3 and x4
    "table": "evidence", "params": "small", "block": "U(1,4)", "sets": list(SETS), "alike": 0.05,
    "ranges": {"in range": [1.5, 2, 4], "beyond": [6]},
    "primaries": [{"first": "IPE", "second": "PE", "asks": "What do areas add?"},
                  {"first": "IPE", "second": "coordinates + cell", "asks": "What do waves add?"}],
    "secondaries": [{"first": "field", "second": "IPE", "asks": "Which is better?"}],
}


@pytest.fixture(scope="module", autouse=True)
def needs_jsonschema():
    pytest.importorskip("jsonschema", reason="evidence.yaml needs the extra `sweep`")


def planned(folder, **changes):
    folder.mkdir(exist_ok=True)
    shutil.copy(EXPERIMENTS / evidence.SCHEMA, folder)
    (folder / evidence.FILE).write_text(yaml.safe_dump(ASKED | changes, sort_keys=False), encoding="utf-8")
    return evidence.read(folder)


def runs(folder, truth, seeds=range(4), noise=0.001, sets=SETS):
    """Records of rows whose PSNR is above that of a row of 0 by truth[row], a function of the scale, plus noise."""
    rng = np.random.default_rng(0)
    scales = [scale for some in ASKED["ranges"].values() for scale in some]
    for row, of in truth.items():
        for seed in seeds:
            where = world.place(row, seed, table="evidence", params="small", method=re.sub(r"\W", "", row).lower())
            scores = [
                world.score([float(36 - 2 * scale + of(scale) + noise * rng.normal()) for _ in range(3)], name, scale)
                for name in sets for scale in scales
            ]
            world.save(folder, world.record(where, scores))
    (sweep,) = results.sweeps(folder)
    return sweep


def judged(tmp_path, truth, **options):
    """(first, second, range) -> verdict."""
    sweep = runs(tmp_path / "runs", truth, **options)
    found = verdicts.judge(sweep, planned(tmp_path / "experiments"))
    return {(each.question.first, each.question.second, each.range): each for each in found}


def level(value):
    return lambda scale: value


ROWS = {"IPE": level(0.0), "PE": level(0.0), "coordinates + cell": level(0.0), "field": level(0.0)}


@pytest.mark.parametrize(("ahead", "noise", "word"), [
    (0.085, 0.01, verdicts.CONFIRMED),      # the mean of the paper's +0.13 and +0.04
    (0.5, 0.001, verdicts.ANOTHER), (0.01, 0.0001, verdicts.ANOTHER), (-0.5, 0.001, verdicts.CONTRADICTED),
    (0.0, 0.0002, verdicts.ALIKE), (0.0, 1, verdicts.UNDECIDED),
])
def test_every_word_is_said_where_it_is_true(tmp_path, ahead, noise, word):
    found = judged(tmp_path, ROWS | {"IPE": level(ahead)}, noise=noise)["IPE", "PE", "in range"]
    assert found.word == word
    assert found.mean == pytest.approx(ahead, abs=4 * noise)
    assert (found.paper.table, found.paper.training, found.paper.scales) == ("Table 4", "U(1,4)", (2, 4))
    assert found.paper.value == pytest.approx(0.085)


@pytest.mark.parametrize(("theirs", "word"), [
    (0.0033, "IPE is ahead"), (-0.0067, "IPE is ahead"),
    (34.72 - 34.71, verdicts.ANOTHER), (34.71 - 34.72, verdicts.CONTRADICTED),
])
def test_a_difference_that_rounding_alone_can_make_counts_as_none(tmp_path, monkeypatch, theirs, word):
    monkeypatch.setattr(evidence, "printed", lambda *_: evidence.PaperDifference(theirs, "Table 4", "U(1,4)", (2, 3, 4)))
    assert judged(tmp_path, ROWS | {"IPE": level(0.5)})["IPE", "PE", "in range"].word == word


def test_where_the_paper_prints_nothing_the_row_ahead_is_named(tmp_path):
    found = judged(tmp_path, ROWS | {"IPE": level(0.3), "field": lambda scale: 0.5 if scale < 5 else 0.1})
    assert found["IPE", "coordinates + cell", "beyond"].word == "IPE is ahead"
    assert found["field", "IPE", "in range"].word == "field is ahead"
    assert found["field", "IPE", "beyond"].word == "IPE is ahead"
    assert found["field", "IPE", "beyond"].corrected is None and found["IPE", "PE", "beyond"].corrected is not None


def test_a_mean_is_over_pictures_then_scales_then_sets(tmp_path):
    found = judged(tmp_path, ROWS | {"IPE": lambda scale: scale}, noise=0)["IPE", "PE", "in range"]
    assert found.differences == pytest.approx(dict.fromkeys(range(4), (1.5 + 2 + 4) / 3))


def test_sets_count_alike_whatever_the_number_of_their_pictures(tmp_path):
    for row, psnr in (("IPE", ([30.0], [20.0, 20.0, 20.0])), ("PE", ([29.0], [20.0, 20.0, 20.0]))):
        where = world.place(row, table="evidence", params="small")
        cells = [(name, values, scale) for name, values in zip(SETS, psnr, strict=True) for scale in (1.5, 2, 4, 6)]
        scores = [world.score(list(values), name, scale) for name, values, scale in cells]
        world.save(tmp_path / "runs", world.record(where, scores))
    found = verdicts.judge(results.sweeps(tmp_path / "runs")[0], planned(tmp_path / "experiments"))[0]
    assert found.differences == {0: pytest.approx(0.5)}


def test_one_seed_is_one_case_and_two_give_an_interval(tmp_path):
    one = judged(tmp_path / "one", ROWS | {"IPE": level(0.5)}, seeds=[0])["IPE", "PE", "in range"]
    assert (one.interval, one.p, one.word) == (None, None, verdicts.UNDECIDED) and one.mean == pytest.approx(0.5, abs=0.01)
    two = judged(tmp_path / "two", ROWS | {"IPE": level(0.5)}, seeds=[0, 1])["IPE", "PE", "in range"]
    values = list(two.differences.values())
    half = stats.t.ppf(0.975, 1) * np.std(values, ddof=1) / np.sqrt(2)
    assert (two.interval.low, two.interval.high) == pytest.approx((np.mean(values) - half, np.mean(values) + half))


def test_what_has_not_run_is_said_and_still_counts_as_a_test(tmp_path):
    """Without the row PE, half of the four primary tests have no p; the others are corrected for four all the same."""
    found = judged(tmp_path, {row: ROWS[row] for row in ("IPE", "coordinates + cell", "field")})
    assert found["IPE", "PE", "in range"].word == verdicts.NO_RUNS
    tested = [found["IPE", "coordinates + cell", name] for name in ASKED["ranges"]]
    first, second = sorted(tested, key=lambda each: each.p)
    assert first.corrected == pytest.approx(min(4 * first.p, 1))
    assert second.corrected == pytest.approx(min(max(4 * first.p, 3 * second.p), 1))


def test_seeds_without_all_scores_are_left_out(tmp_path):
    runs(tmp_path / "runs", ROWS)
    runs(tmp_path / "runs", {"IPE": level(0.0)}, seeds=[4])           # PE has no such seed
    runs(tmp_path / "runs", {row: level(0.0) for row in ("IPE", "PE")}, seeds=[5])
    found = verdicts.judge(results.sweeps(tmp_path / "runs")[0], planned(tmp_path / "experiments"))[0]
    assert sorted(found.differences) == [0, 1, 2, 3, 5]


def test_a_set_without_scores_gives_no_verdict(tmp_path):
    found = judged(tmp_path, ROWS, sets=SETS[:1])
    assert {each.word for each in found.values()} == {verdicts.NO_RUNS}


def test_holms_correction_by_hand():
    assert intervals.holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert intervals.holm([0.9, 0.5]).tolist() == [1, 1]


def test_holm_finds_what_is_not_there_in_five_of_a_hundred_sweeps():
    """Ten tests of equal rows, again and again: at least one is below 0.05 in at most about 5% of the sweeps."""
    rng = np.random.default_rng(1)
    seeds = rng.normal(size=(2000, 10, 4))
    p = stats.ttest_1samp(seeds, 0, axis=2).pvalue
    wrong = np.mean([(intervals.holm(each) < 0.05).any() for each in p])
    assert 0.03 < wrong < 0.065
    assert ((p < 0.05).any(axis=1)).mean() > 0.3


def test_p_and_interval_agree():
    rng = np.random.default_rng(2)
    for _ in range(50):
        interval, p = intervals.over_seeds(values := rng.normal(0.5, 1, size=4))
        assert p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
        assert (p < 0.05) == (interval.sign != 0)
    assert intervals.over_seeds([0.0, 0.0])[1] == 1 and intervals.over_seeds([0.1, 0.1])[1] == 0
    assert intervals.over_seeds([1.0]) == (None, None)


def test_the_least_difference_is_found_as_often_as_promised():
    """A true difference of that size, again and again: Student's test finds it in 80% of the sweeps."""
    rng, spread = np.random.default_rng(3), 0.02
    for level_, seeds in ((0.95, 4), (0.995, 4), (0.95, 2), (0.995, 2), (0.95, 30)):
        least = intervals.visible(spread, seeds, level_)
        trials = rng.normal(least, spread, size=(20_000, seeds))
        found = (stats.ttest_1samp(trials, 0, axis=1).pvalue < 1 - level_).mean()
        assert found == pytest.approx(intervals.POWER, abs=0.012)   # four standard errors


def test_resolution_is_computed_from_the_spread_of_the_seeds(tmp_path):
    asked = planned(tmp_path / "experiments")
    for noise, word in ((0.001, "yes"), (1, "no")):
        sweep = runs(tmp_path / word, ROWS, noise=noise)
        table = verdicts.resolution(sweep, asked)
        assert [row[0].text for row in table.rows] == ["x1.5", "x2", "x4", "x6", "in range", "beyond"]
        assert table.header == ("", "IPE − PE", "IPE − (coordinates + cell)", "the others")
        assert {cell.strong for row in table.rows for cell in row[1:]} == {word == "yes"}
        for row in table.rows[:4]:   # 2 rows x 2 sets x 3 pictures
            spreads = []
            for cell, level in zip(row[1:], (1 - 0.05 / 4, 1 - 0.05 / 4, 0.95), strict=True):
                spread, seeds = re.fullmatch(r"(.+); (\d) seeds", cell.below[0]).groups()
                spreads.append(float(spread))
                least = intervals.visible(float(spread), int(seeds), level)
                assert float(cell.text) == pytest.approx(least, rel=0.02, abs=0.01)
            pooled = np.sqrt(np.square(spreads[:2]).mean())   # of the two primary comparisons
            assert pooled == pytest.approx(noise * np.sqrt(2 / 6), rel=0.7, abs=0.001)
        assert f"In range: {word}: IPE − PE, IPE − (coordinates + cell)." in verdicts.visibility(sweep, asked)
    once = runs(tmp_path / "once", ROWS, seeds=[0])
    assert "In range: unknown, for want of two seeds: IPE − PE" in verdicts.visibility(once, asked)
    assert {cell.text for row in verdicts.resolution(once, asked).rows for cell in row[1:]} == {"–"}


def test_one_noisy_comparison_leaves_the_others_their_resolution(tmp_path):
    noisy = np.random.default_rng(1)
    sweep = runs(tmp_path / "runs", ROWS | {"PE": lambda scale: noisy.normal()}, noise=0.001)
    for row in verdicts.resolution(sweep, planned(tmp_path / "experiments")).rows[-2:]:
        assert not row[1].strong and row[2].strong


def test_the_report_has_the_verdicts_in_all_forms(tmp_path):
    runs(tmp_path / "runs", ROWS | {"IPE": level(0.085)}, noise=0.01)
    asked = planned(tmp_path / "experiments")
    for name in ("experiments", "elsewhere"):
        (tmp_path / name).mkdir(exist_ok=True)
        shutil.copy(EXPERIMENTS / "tables.yaml", tmp_path / name)
    made = report.build(tmp_path / "runs", tmp_path, tmp_path / "experiments")
    report.write(made, tmp_path / "out")
    page = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "Table 4, x2, x4<br>its PE row: decoder not told" in page and "**confirmed**" in page
    assert "16 runs that have ended well took 0.05 core-hours" in page and "rows have no run yet" in page
    assert "ipe-sr sweep evidence --params small" in page
    (picture,) = (block for block in made if isinstance(block, Picture) and block.name == "evidence-small-verdicts")
    assert (tmp_path / "out" / "evidence-small-verdicts.pdf").read_bytes() == picture.pdf
    assert re.search(r"IPE − PE, in range: \+0\.0\d+ dB, confirmed", picture.alt)
    tables = {block.name: block for block in made if isinstance(block, Table)}
    for kind in ("primary", "secondary", "resolution"):
        text = (tmp_path / "out" / f"evidence-small-{kind}.tex").read_text(encoding="utf-8")
        assert f"\\label{{tab:evidence-small-{kind}}}" in text and f"evidence-small-{kind}" in tables
    compared = {row[0].text for name, block in tables.items() if name.endswith("-differences") for row in block.rows}
    assert compared == {q.pair for q in asked.questions}
    other = report.build(tmp_path / "runs", tmp_path, tmp_path / "elsewhere")   # no evidence.yaml there
    assert not any(isinstance(block, Paragraph) and "core-hours" in block.text for block in other)


@pytest.mark.parametrize(("changes", "message"), [
    ({"colour": 1}, "key 'colour' is unknown; due: the keys table, params, block, sets"),
    ({"sets": []}, "sets: it is empty; due: a list of at least one evaluation set"),
    ({"ranges": {"in range": [0]}}, "ranges.in range[0]: 0 is not allowed; due: a number from 1 to 64"),
    ({"ranges": {"in range": []}}, "ranges.in range: it is empty; due: a list of at least one scale"),
    ({"alike": 0}, "alike: 0 is not allowed; due: a difference in dB above 0"),
    ({"primaries": []}, "primaries: it is empty; due: a list of at least one comparison"),
    ({"secondaries": [{"first": "IPE", "second": "PE"}]}, "secondaries[0]: key 'asks' is missing; due: a mapping with"),
    ({"secondaries": [{"first": "PE", "second": "IPE", "asks": "?"}]}, "'IPE' and 'PE' are compared twice or are the same"),
    ({"secondaries": [{"first": "PE", "second": "PE", "asks": "?"}]}, "'PE' and 'PE' are compared twice or are the same"),
])
def test_mistakes_in_the_file_are_one_line_that_names_file_and_key(tmp_path, changes, message):
    with pytest.raises(InputError, match=re.escape(f"{evidence.FILE}: {message}")) as caught:
        planned(tmp_path / "experiments", **changes)
    assert "\n" not in str(caught.value)


def test_the_committed_evidence_asks_for_rows_and_sets_that_its_table_has():
    asked, tables = evidence.read(EXPERIMENTS), yaml.safe_load((EXPERIMENTS / "tables.yaml").read_text(encoding="utf-8"))
    table, here = tables["tables"][asked.table], tables["params"][asked.params]["tables"][asked.table]
    assert {row for q in asked.questions for row in (q.first, q.second)} <= table["rows"].keys()
    assert {scale for scales in asked.ranges.values() for scale in scales} <= set(table["blocks"][asked.block]["scales"])
    assert set(asked.sets) <= set(here["data"]) and asked.primaries == 10


@pytest.mark.parametrize(("pair", "scales", "due"), [
    (("IPE", "PE"), (1.5, 2, 2.7, 3, 4), (0.26 / 3, "Table 4", "U(1,4)", (2, 3, 4))),
    (("IPE", "PE"), (6, 8, 12), (0.03, "Table 4", "U(1,4)", (6,))),
    (("IPE", "LIIF"), (1.5, 2, 2.7, 3, 4), (0.14 / 3, "Table 1", "U(1,4)", (2, 3, 4))),
    (("IPE", "LIIF"), (6, 8, 12), (0.04, "Table 1", "U(1,4)", (6, 12))),
    (("IPE-MetaSR", "MetaSR"), (1.5, 2, 2.7, 3, 4), (0.08 / 3, "Table 3", "U(1,6)", (2, 3, 4))),
    (("IPE-MetaSR", "MetaSR"), (6, 8, 12), None),   # x6 lies within the training scales of the paper's row, not of ours
    (("IPE", "coordinates + cell"), (2, 3, 4), None), (("field", "IPE"), (2,), None),
])
def test_the_papers_differences(pair, scales, due):
    found = evidence.printed(*pair, "U(1,4)", scales)
    assert found == due or (found.value, found.table, found.training, found.scales) == (pytest.approx(due[0]), *due[1:])
