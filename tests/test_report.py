"""Reports of made-up runs whose truth is known, and of the committed records: tables, comparisons, pictures and messages."""

import dataclasses
import json
import re
import sys
from pathlib import Path

import pytest
import report_world as world
from report_world import BLOCK, CELL, FULL, SKIP, failed, place, plan, record, save, score

from ipe_sr import cli, provenance, report
from ipe_sr.errors import InputError
from ipe_sr.report import comparisons, intervals, learning, plots, prose, results, tables
from ipe_sr.report.document import Heading
from ipe_sr.sweeps import records


def section(folder, data="samples-valid"):
    found = [one for sweep in results.sweeps(folder) for one in results.sections(sweep)]
    return next(one for one in found if one.data == data)


def texts(table):
    return {row[0].text: [(entry.text, entry.below) for entry in row[1:]] for row in table.rows}


def test_the_table_has_the_papers_shape(tmp_path):
    table = tables.scores(section(world.sweep(tmp_path)))
    assert table.header == ("", "x2", "x3", "x4", "x6", "x18", "x30")
    assert [row[0].text for row in table.rows] == [FULL, CELL, SKIP]
    cells = texts(table)
    assert {below for row in table.rows for below in [row[0].below, *(cell.below for cell in row[1:])]} == {()}   # no SSIM
    assert [text == "–" for text, _ in cells[FULL]] == [False, True, False, True, True, True]
    assert re.fullmatch(r"\d\d\.\d\d ± 0\.\d\d", cells[FULL][0][0])
    assert "4 seeds" in table.caption and "3 pictures" in table.caption
    assert "scored by protocol div2k, SSIM convention rgb" in table.caption


def test_the_best_is_marked_only_where_that_is_sure(tmp_path):
    def strong(folder):
        return [(row[0].text, i) for row in tables.scores(section(folder)).rows for i, e in enumerate(row[1:]) if e.strong]

    assert strong(world.sweep(tmp_path / "sure")) == [(FULL, 0), (FULL, 2)]
    assert strong(world.sweep(tmp_path / "close", rows=[CELL, SKIP])) == []   # they hardly differ
    assert strong(world.sweep(tmp_path / "noisy", noise=1)) == []
    assert strong(world.sweep(tmp_path / "once", seeds=[0])) == []
    assert strong(world.sweep(tmp_path / "alone", rows=[FULL])) == []


def test_differences_hold_what_was_put_in(tmp_path):
    found = comparisons.by_scale(section(world.sweep(tmp_path)))
    assert [(c.first, c.second, c.scales) for c in found] == [(FULL, other, (s,)) for other in (CELL, SKIP) for s in (2, 4)]
    for c in found:
        assert c.difference.mean == pytest.approx(-world.TRUTH[c.second], abs=0.03)
        assert c.runs == 4
    assert [c.paper for c in found] == pytest.approx([0, 0, 0.05, 0.03])


def test_differences_stand_beside_the_papers_and_no_level_of_the_paper_does(tmp_path):
    here = section(world.sweep(tmp_path))
    table = tables.differences(comparisons.by_scale(here))
    assert table.header == ("", "x2", "x4") and "scored by protocol div2k, SSIM convention rgb" in table.caption
    assert [row[0].text for row in table.rows] == [f"{FULL} − ({CELL})", f"{FULL} − ({SKIP})"]
    assert [[cell.below[-1] for cell in row[1:]] for row in table.rows] == [["+0.00", "+0.00"], ["+0.05", "+0.03"]]
    assert table.rows[0][0].below == ("95% over seeds", "95% over seeds and pictures", "paper")
    page = report.write(report.build(tmp_path, tmp_path), tmp_path / "report").read_text(encoding="utf-8")
    levels = {f"{printed.psnr:.2f}" for row in here.reference.rows.values() for printed in row.values()}
    assert not levels & set(re.findall(r"\d\d\.\d\d(?!\d)", page)) and "ahead 100" not in page


def test_a_scoring_that_is_not_the_papers_is_noticed(tmp_path):
    def said(name, table, **changes):
        row = {"table4": FULL, "table1": "EDSR-baseline-LIIF"}[table]
        save(tmp_path / name, record(place(row, table=table), [score([30.0], "div2k-valid", **changes)]))
        return prose.notice(section(tmp_path / name, "div2k-valid"))

    assert "scored by" not in said("same", "table4")
    other = "scored by protocol benchmark, where the paper's figures seem to be of div2k"
    assert other in said("other", "table4", protocol="benchmark", ssim_convention="luma")
    assert "SSIM" not in said("no-ssim", "table4")   # the paper's Table 4 prints no SSIM
    assert "SSIM of convention rgb, where the paper's seems to be volume" in said("ssim", "table1")
    assert "SSIM of" not in said("volume", "table1", ssim_convention="volume")


def test_beside_the_row_with_pe_stands_what_the_paper_does_not_tell(tmp_path):
    rows = ("LIIF w/ PE (L = 10)", FULL)
    for row in rows:
        save(tmp_path, record(place(row), [score([30.0])]))
    page = report.write(report.build(tmp_path, tmp_path), tmp_path / "report").read_text(encoding="utf-8")
    assert f"{rows[0]}: the paper does not tell which decoder this row has." in page


def order(folder, source=None):
    (sweep,) = results.sweeps(folder, source)
    return results.sections(sweep)[0].rows


def test_rows_stand_in_the_order_of_the_plan_or_of_the_tables(tmp_path):
    """A plan beside the records decides; without one, the nearest tables.yaml does; without both, the records' folders."""
    labels = ["zebra", "horse", "ant"]
    for row in labels:
        save(tmp_path / "records", record(place(row, table="own"), [score([30.0])]))
    assert order(tmp_path / "records") == ("ant", "horse", "zebra")
    tables_file = tmp_path / results.TABLES
    tables_file.write_text("tables: {own: {rows: {horse: [liif], zebra: [liif], bee: [liif]}}}", encoding="utf-8")
    assert order(tmp_path / "records") == ("horse", "zebra", "ant")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / results.TABLES).write_text("tables: {own: {rows: {ant: [liif], zebra: [liif]}}}", encoding="utf-8")
    assert order(tmp_path / "records", tmp_path / "other") == ("ant", "zebra", "horse")
    plan(tmp_path / "records", [place(row, table="own") for row in labels])
    assert order(tmp_path / "records", tmp_path / "other") == ("zebra", "horse", "ant")


def test_committed_rows_stand_in_the_order_of_tables_yaml():
    (sweep,) = results.sweeps(COMMITTED / "decoders-frozen")
    labels = ["LIIF", "LIIF + skip", "LIIF w/ PE", FULL, "IPE-LIIF (w = 2^k pi)", "MetaSR", "IPE-MetaSR (ours)"]
    assert list(results.sections(sweep)[0].rows) == labels


def test_resolution(tmp_path):
    def said(**options):
        return comparisons.resolution(comparisons.by_scale(section(world.sweep(tmp_path / str(options), **options))))

    assert "0.05 dB? Yes." in said(noise=0.005) and "would need" not in said(noise=0.001)
    coarse = said(noise=0.5)
    assert "0.05 dB? No." in coarse
    middling, least, most = map(int, re.search(r"would need (\d+) seeds .* from (\d+) to (\d+),", coarse).groups())
    assert 4 < least < middling < most
    assert "unknown" in said(seeds=[0])


def test_failed_and_missing_cells_are_marked(tmp_path):
    places = [place(row, seed) for row in (FULL, CELL, SKIP) for seed in range(3)]
    for where in places[:4]:
        save(tmp_path, record(where, [score([30.0 + where.seed / 10, 32])]))
    for where in places[4:6]:
        save(tmp_path, failed(where))
    plan(tmp_path, places)
    shown = tables.scores(section(tmp_path))
    cells = texts(shown)
    assert cells[FULL][0][0].startswith("31.05 ± ")
    assert cells[CELL][0][0] == "31.00 (2 failed)"
    assert cells[SKIP][0][0] == "3 missing" and cells[SKIP][1][0] == "–"   # no run is asked for x3
    assert [row[1].bad for row in shown.rows] == [False, True, True]
    page = (report.write(report.build(tmp_path, tmp_path), tmp_path / "report")).read_text(encoding="utf-8")
    assert "4 runs ended well, 2 failed, 3 missing" in page
    assert page.count("experiment.ipynb, cell 4: Diverged") == 2
    assert page.count(f"missing: table4-tiny, {BLOCK}, {SKIP}") == 3


def test_a_sweep_of_failures_is_still_a_report(tmp_path):
    save(tmp_path, failed(place(FULL)))
    page = report.write(report.build(tmp_path, tmp_path), tmp_path / "report").read_text(encoding="utf-8")
    assert "No run has ended well yet" in page and "1 failed" in page


def test_what_the_plan_dropped_is_left_out(tmp_path):
    world.sweep(tmp_path)
    plan(tmp_path, [place(row, seed) for row in (FULL, SKIP) for seed in range(4)])
    assert section(tmp_path).rows == (FULL, SKIP)


def test_a_fixed_scale_has_a_run_a_scale_and_bicubic_one_for_all_seeds(tmp_path):
    def at(row, method, seed=0):
        return place(row, seed, table="table1", method=method, preset=f"tiny-{method}")

    for scale in (2, 3):
        save(tmp_path, record(at("EDSR-baseline", f"edsr-x{scale}"), [score([30.0, 31], scale=scale)]))
    save(tmp_path, failed(at("EDSR-baseline", "edsr-x4"), scales=[4]))
    scales = [score([20.0, 21], scale=s) for s in (2, 3, 4)]
    save(tmp_path, record(at("Bicubic", "bicubic"), scales, checkpoint=None))
    for seed in range(3):
        save(tmp_path, record(at("Mine", "liif", seed), [score([22.0, 23 + seed / 100], scale=s) for s in (2, 3, 4)]))
    here = section(tmp_path)
    assert here.rows == ("Bicubic", "EDSR-baseline", "Mine")
    cells = texts(tables.scores(here))
    assert [text for text, _ in cells["EDSR-baseline"][:4]] == ["30.50", "30.50", "1 failed", "–"]
    assert cells["Bicubic"][0] == ("20.50", ("0.9000",)) and cells["Mine"][0][1] == ("0.9000",)
    mine = [c for c in comparisons.by_scale(here) if c.second == "Bicubic"]
    assert [(c.first, c.runs) for c in mine] == [("Mine", 3)] * 3
    assert all(c.difference.mean == pytest.approx(2.005) and c.difference.seeds.sign == 1 for c in mine)


def test_the_papers_own_set_stands_beside_itself_only(tmp_path):
    for row in ("RDN-LIIF", "RDN-IPE-LIIF (ours)"):
        where = place(row, table="table2", method=row.lower()[:8])
        save(tmp_path, record(where, [score([30.0], "set5"), score([25.0], "samples-valid")]))
    papers = {data: [c.paper for c in comparisons.by_scale(section(tmp_path, data))] for data in ("set5", "samples-valid")}
    assert papers == {"set5": [pytest.approx(0.04)], "samples-valid": [None]}


def test_it_says_that_the_data_is_not_the_papers(tmp_path):
    page = report.write(report.build(world.sweep(tmp_path), tmp_path), tmp_path / "report").read_text(encoding="utf-8")
    assert "trained on samples-train, not on DIV2K; for 20 steps, not 1,000,000; scored on samples-valid, not on DIV2K" in page


def test_claims_of_the_paper_against_what_was_seen(tmp_path):
    def kinds(**options):
        found = comparisons.claims(section(world.sweep(tmp_path / str(options), **options)))
        return {entry.id.rpartition(".")[2]: (entry.kind, entry.detail) for entry in found}

    seen = kinds()
    assert seen["1"] == ("reported", "no runs here at its scales")   # the cell hurts the paper's at x18 and x30 only
    assert seen["2"][0] == "reproduced" and "+0.2" in seen["2"][1]
    assert kinds(noise=3)["2"][1].startswith("nothing decided: ")
    assert kinds(seeds=[0])["2"][1].startswith("nothing decided: ")


@pytest.mark.parametrize(("interval", "better", "outcome"), [
    ((0.1, 0.2), True, 1), ((-0.1, 0.2), True, 0), ((-0.2, -0.1), True, -1),
    ((-0.01, 0.04), False, 1), ((-0.01, 0.06), False, 0), ((0.06, 0.08), False, -1), ((-0.08, -0.06), False, -1),
])
def test_outcomes(interval, better, outcome):
    seeds = intervals.Interval(*interval)
    difference = intervals.Difference(sum(interval) / 2, seeds, None, None)
    seen = comparisons.Comparison("A", "B", (2,), 4, difference, None, "")
    assert comparisons.Statement("A", "B", better, seen).outcome == outcome


def test_runs_of_different_code_in_one_table_are_refused(tmp_path):
    save(tmp_path, record(place(FULL), [score([30.0])]))
    save(tmp_path, failed(place(SKIP, 1)))
    results.sweeps(tmp_path)
    save(tmp_path, record(place(CELL, 7), [score([30.0])], code_sha256="9" * 64))
    with pytest.raises(InputError, match=r"different code.*IPE-LIIF \+ cell.*seed 7") as caught:
        results.sweeps(tmp_path)
    assert FULL in str(caught.value) and "\n" not in str(caught.value)


def test_tables_of_different_code_may_stand_in_one_report(tmp_path):
    for params, code in (("tiny", "1" * 64), ("hour", "9" * 64)):
        save(tmp_path, record(place(FULL, params=params), [score([30.0])], code_sha256=code))
    assert [sweep.params for sweep in results.sweeps(tmp_path)] == ["hour", "tiny"]


COMMITTED = Path(__file__).parents[1] / "notebooks" / "experiments" / "records"


@pytest.mark.parametrize("name", sorted(path.name for path in COMMITTED.iterdir() if list(path.rglob(records.RECORD))))
def test_committed_records_report_the_commit_that_made_them(tmp_path, name):
    """The records stay useful when the package's code has changed since they were made."""
    page = report.write(report.build(COMMITTED / name, tmp_path), tmp_path / "report").read_text(encoding="utf-8")
    today, found = provenance.digest(records.CODE), records.collect(COMMITTED / name)
    assert f"{sum(run.status == 'ok' for run in found)} runs ended well" in page
    assert all(f"commit {run.git['commit'][:12]}" in page for run in found)
    old = [run.started[:10] for run in found if run.code_sha256 != today]
    assert bool(old) == ("by other code than this package&#x27;s, from commit" in page)
    assert not old or f"made on {min(old)}" in page


def test_sweeps_of_different_code_stand_in_one_report(tmp_path):
    """The committed tables were made by different commits; each says its own."""
    headings = [block.text for block in report.build(COMMITTED, tmp_path) if isinstance(block, Heading) and block.level == 2]
    assert {text.split(" (")[0] for text in headings} >= {"decoders", "Table 3", "Table 4", "The ledger of claims"}
    assert len({run.code_sha256 for run in records.collect(COMMITTED)}) > 1


def test_records_of_todays_code_need_no_remark(tmp_path):
    today = provenance.digest(records.CODE)
    save(tmp_path / "a", record(place(FULL), [score([30.0])], code_sha256=today))
    save(tmp_path / "b", record(place(FULL), [score([30.0])], git={"commit": None, "dirty": None}))
    same, other = (results.sweeps(tmp_path / name)[0] for name in "ab")
    assert prose.other_code(same) == ""
    assert "by other code than this package's, from an unknown commit" in prose.other_code(other)


def test_a_family_that_this_process_does_not_know_is_reported(tmp_path):
    """A record may name a plugin that is not loaded: a report needs its scores and no model."""
    model = {"kind": "no-such-family", "encoder": {"name": "no-such-encoder"}}
    for seed in range(3):
        save(tmp_path, record(place("Mine", seed, method="no-such-method"), [score([31.0 + seed, 32])], model=model))
        save(tmp_path, record(place(FULL, seed), [score([30.0, 31])]))
    save(tmp_path, failed(place("Mine", 3, method="no-such-method")))
    plan(tmp_path, [*(place(row, seed, method=method) for row, method in (("Mine", "no-such-method"), (FULL, "ipe-liif"))
                      for seed in range(5))])
    cells = texts(tables.scores(section(tmp_path)))
    assert cells["Mine"][0][0].startswith("32.00 ± ") and cells["Mine"][0][0].endswith("(1 failed, 1 missing)")
    assert "Mine" in report.write(report.build(tmp_path, tmp_path), tmp_path / "report").read_text(encoding="utf-8")


def test_a_run_counts_as_missing_only_at_the_scales_that_it_is_asked_for(tmp_path):
    save(tmp_path, record(place(FULL), [score([30.0], scale=2), score([29.0], scale=4)]))
    plan(tmp_path, [place(FULL)], scales=(2, 4))
    missing = place(SKIP, method="edsr-x4", preset="tiny-edsr-x4", params="tiny")
    home = tmp_path / "table4-tiny" / records.PLAN
    made = json.loads(home.read_text(encoding="utf-8"))
    made["runs"]["other"] = {"place": dataclasses.asdict(missing), "parameters": {"scales": [4]}}
    home.write_text(json.dumps(made), encoding="utf-8")
    cells = texts(tables.scores(section(tmp_path)))
    assert [text for text, _ in cells[SKIP][:3]] == ["–", "–", "1 missing"]


@pytest.mark.parametrize("change", [{"protocol": "benchmark"}, {"lr": "pil"}, {"ssim_convention": "luma"}])
def test_scores_of_two_kinds_are_refused(tmp_path, change):
    save(tmp_path, record(place(FULL), [score([30.0])]))
    save(tmp_path, record(place(FULL, 1), [score([30.0], **change)]))
    with pytest.raises(InputError, match="not scored on the same pictures in the same way"):
        section(tmp_path)


def test_rows_scored_on_other_pictures_are_refused(tmp_path):
    save(tmp_path, record(place(FULL), [score([30.0, 31])]))
    save(tmp_path, record(place(SKIP), [score([30.0])]))
    with pytest.raises(InputError, match="not scored on the same pictures in the same way"):
        section(tmp_path)


def test_equal_pictures_have_no_interval(tmp_path):
    for seed in range(2):
        save(tmp_path, record(place(FULL, seed), [score([None, 31.0])]))
        save(tmp_path, record(place(SKIP, seed), [score([30.0, 31.0])]))
    assert texts(tables.scores(section(tmp_path)))[FULL][0][0] == "∞"
    assert comparisons.by_scale(section(tmp_path)) == []


def test_pictures_say_what_they_show(tmp_path):
    here = section(world.sweep(tmp_path))
    scale, time = plots.all_of(here)
    assert scale.png.startswith(b"\x89PNG") and time.png.startswith(b"\x89PNG") and scale.name != time.name
    assert scale.pdf.startswith(b"%PDF") and plots.all_of(here)[0].pdf == scale.pdf
    for row in here.rows:
        assert f"{row} {here.cells[row, 2].scores.psnr.mean():.2f} dB at x2 to" in scale.alt
        assert re.search(re.escape(row) + r" \d\d\.\d\d dB in 100 ms", time.alt)
    assert learning.curve(here.runs(FULL)[0]).tolist() == [[10, 5, 21], [20, 10, 22]]


def test_the_front_is_what_nothing_beats():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    plots._front(ax, [(3, 30), (1, 20), (2, 25), (2, 24), (4, 29)])
    assert ax.lines[0].get_xydata().tolist() == [[1, 20], [2, 25], [3, 30]]


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["ipe-sr", "report", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        return caught.value.code or 0, captured.out, captured.err

    return call


def test_the_command_writes_three_forms_and_the_pictures(tmp_path, run):
    status, out, err = run(world.sweep(tmp_path / "sweep"), "--series", tmp_path)
    assert (status, err) == (0, "") and out == f"open {tmp_path / 'sweep' / 'report' / 'report.html'}\n"
    names = {path.name for path in (tmp_path / "sweep" / "report").iterdir()}
    here = "table4-tiny-U-1-4--samples-valid"
    pictures = {f"{here}-{kind}.{suffix}" for kind in ("scale", "time") for suffix in ("png", "pdf")}
    files = {f"{here}-{kind}.tex" for kind in ("scores", "differences", "learning", "costs")}
    assert names == {"report.html", "report.md", "report.tex"} | pictures | files
    table = (tmp_path / "sweep" / "report" / f"{here}-scores.tex").read_text(encoding="utf-8")
    assert f"\\label{{tab:{here}-scores}}" in table and table.count(r"\begin{tabular}") == table.count(r"\end{table}") == 1
    assert run(tmp_path / "sweep", "--series", tmp_path)[0] == 0   # its own output is not in its way


@pytest.mark.parametrize("mistake", ["none", "empty", "foreign", "out", "twice"])
def test_mistakes_are_one_line(tmp_path, run, mistake):
    folder, more = world.sweep(tmp_path / "sweep", seeds=[0]), []
    if mistake == "none":
        folder = tmp_path / "nonesuch"
    elif mistake == "empty":
        (folder := tmp_path / "empty").mkdir()
    elif mistake == "foreign":
        next(folder.rglob(records.RECORD)).write_text("{}")
    elif mistake == "out":
        (tmp_path / "file").touch()
        more = ["--out", tmp_path / "file"]
    else:
        path = next(folder.rglob(records.RECORD))
        (folder / "copy").mkdir()
        (folder / "copy" / path.name).write_bytes(path.read_bytes())
    status, out, err = run(folder, *more)
    assert status == 2 and out == "" and err.startswith("ipe-sr: ") and len(err.splitlines()) == 1
