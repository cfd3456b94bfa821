"""The plan of a sweep: what `tables.yaml` may hold, which runs it asks for, and that planning loads no torch."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from ipe_sr import provenance
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.report import evidence
from ipe_sr.sweeps import experiments, plan, records, sweep
from tests import sweep_world

EXPERIMENTS = sweep_world.ROOT / "notebooks" / "experiments"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return sweep_world.make(tmp_path_factory.mktemp("world"))


def block(tables):
    return tables["tables"]["good"]["blocks"]["U(1,4)"]


def rows(tables):
    return tables["tables"]["good"]["rows"]


def micro(tables):
    return tables["params"]["micro"]


def only(tables, labels):
    """In the set micro, the table `good` has these rows only."""
    micro(tables)["tables"]["good"] = micro(tables)["tables"]["good"] | {"rows": labels}


BAD = [   # what is changed in the tables, and the message after the name of the file
    (lambda t: t.pop("params"), "key 'params' is missing; due: the keys tables and params, and nothing else"),
    (lambda t: t.update(param={}), "key 'param' is unknown; due: the keys tables and params, and nothing else"),
    (lambda t: t.update(tables=None), "tables: it is empty; due: a mapping from the name of each table"),
    (lambda t: t["tables"].update({"a/b": t["tables"]["good"]}), "tables: 'a/b' is not allowed; due: a name of letters"),
    (lambda t: t["tables"].update(good=["liif"]), "tables.good: ['liif'] is not allowed; due: a mapping with the keys caption"),
    (lambda t: t["tables"]["good"].pop("rows"), "tables.good: key 'rows' is missing; due: a mapping with the keys"),
    (lambda t: t["tables"]["good"].pop("caption"), "tables.good: key 'caption' is missing"),
    (lambda t: t["tables"]["good"].update(colour="red"), "tables.good: key 'colour' is unknown"),
    (lambda t: t["tables"]["good"].update(caption=7), "tables.good.caption: 7 is not allowed; due: one line of text"),
    (lambda t: t["tables"]["good"].update(scoring={}), "tables.good.scoring: it is empty; due: a mapping"),
    (lambda t: t["tables"]["good"].update(scoring={"psnr": 1}), "tables.good.scoring: key 'psnr' is unknown; due:"),
    (lambda t: t["tables"]["good"].update(scoring={"protocol": "imagenet"}), "tables.good.scoring.protocol: 'imagenet' is "
     "not allowed; due: one of div2k, benchmark, edsr, srcnn and paper-table2"),
    (lambda t: t["tables"]["good"].update(scoring={"ssim": 1}), "tables.good.scoring.ssim: 1 is not allowed; due: one of"),
    (lambda t: t["tables"]["good"].update(blocks={}), "tables.good.blocks: it is empty; due: a mapping"),
    (lambda t: block(t).pop("scales"), "tables.good.blocks.U(1,4): key 'scales' is missing; due: a mapping"),
    (lambda t: block(t).update(scales=[2, 0]), "tables.good.blocks.U(1,4).scales[1]: 0 is not allowed; due: a number from 1"),
    (lambda t: block(t).update(scales=["2"]), "tables.good.blocks.U(1,4).scales[0]: '2' is not allowed; due: a number"),
    (lambda t: block(t).update(scales=[]), "tables.good.blocks.U(1,4).scales: it is empty; due: a list of at least"),
    (lambda t: block(t).update(scales=2), "tables.good.blocks.U(1,4).scales: 2 is not allowed; due: a list"),
    (lambda t: block(t).update(scales=[2, 2]), "tables.good.blocks.U(1,4).scales: [2, 2] is not allowed; due: a list"),
    (lambda t: block(t).update(range=6), "tables.good.blocks.U(1,4).range: 6 is not allowed; due: text that is appended"),
    (lambda t: block(t).update(rang=block(t).pop("range")), "tables.good.blocks.U(1,4): key 'rang"),
    (lambda t: block(t).update(range="5"), "tables.good.blocks.U(1,4).range: with the schedule 'tiny' of params.micro it makes "
     "'tiny5', which is unknown; due: one of"),
    (lambda t: rows(t).update(New=[]), "tables.good.rows.New: it is empty; due: a list of at least one method"),
    (lambda t: rows(t).update(New=None), "tables.good.rows.New: it is empty; due: a list of at least one method"),
    (lambda t: rows(t).update(New="liif"), "tables.good.rows.New: 'liif' is not allowed; due: a list of at least one method"),
    (lambda t: rows(t).update({6: ["liif"]}), "tables.good.rows: 6 is not allowed; due: a name, as text"),
    (lambda t: rows(t).update(New=["no-such"]), "tables.good.rows.New: method 'no-such' is unknown; due: one of bicubic,"),
    (lambda t: rows(t).update(Again=["liif"]), "tables.good asks twice for tiny-liif"),
    (lambda t: micro(t).pop("resources"), "params.micro: key 'resources' is missing"),
    (lambda t: micro(t).update(resources={"mem_mb": [1]}), "params.micro.resources.mem_mb: [1] is not allowed; due: a whole"),
    (lambda t: micro(t).update(resources={"mem mb": 1}), "params.micro.resources: 'mem mb' is not allowed; due: letters"),
    (lambda t: micro(t).update(threads="many"), "params.micro.threads: 'many' is not allowed; due: a whole number of threads"),
    (lambda t: micro(t).update(threads=0), "params.micro.threads: 0 is not allowed; due: a whole number of threads"),
    (lambda t: micro(t).update(threads=2.0), "params.micro.threads: 2.0 is not allowed; due: a whole number of threads"),
    (lambda t: micro(t).update(threads=True), "params.micro.threads: True is not allowed; due: a whole number of threads"),
    (lambda t: micro(t)["settings"].update(learning_rat=1), "good with micro, row 'Bicubic': option 'learning_rat' is"),
    (lambda t: micro(t)["tables"].pop("good"), "params.micro.tables: key 'good' is missing; micro has bad"),
    (lambda t: micro(t)["tables"].update(god=micro(t)["tables"]["bad"]), "params.micro.tables: table 'god' is unknown"),
    (lambda t: micro(t)["tables"]["good"].update(seeds=[]), "params.micro.tables.good.seeds: it is empty; due: a list"),
    (lambda t: micro(t)["tables"]["good"].update(seeds=[-1]), "params.micro.tables.good.seeds[0]: -1 is not allowed; due: a"),
    (lambda t: only(t, []), "params.micro.tables.good.rows: it is empty; due: a list of at least"),
    (lambda t: only(t, ["LIIFF"]), "params.micro.tables.good.rows: row 'LIIFF' is unknown; due: rows "
     "of tables.good, which are Bicubic"),
    (lambda t: micro(t)["tables"]["good"].update(data=["no-such"]), "good with micro, row 'Bicubic': data 'no-such' is"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_tables_are_refused_in_one_line_that_names_file_and_key(world, tmp_path, change, message):
    folder = tmp_path / "experiments"
    shutil.copytree(world.experiments, folder)
    tables = yaml.safe_load(yaml.safe_dump(world.tables()))
    change(tables)
    (folder / "tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(f"{folder / 'tables.yaml'}: {message}")) as caught:
        plan.make(folder, "good", "micro")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "message"), [
    (b"tables: [", "not readable as YAML"), (b"- one", "['one'] is not allowed; due: the keys tables and params"),
    (b"", "it is empty; due: the keys tables and params"), (b"\xff", "is not UTF-8 text"),
])
def test_a_damaged_file_is_one_line(world, tmp_path, content, message):
    shutil.copytree(world.experiments, tmp_path / "e")
    (tmp_path / "e" / "tables.yaml").write_bytes(content)
    source = re.escape(str(tmp_path / "e" / "tables.yaml"))
    with pytest.raises(InputError, match=f"{source}: .*{re.escape(message)}") as caught:
        plan.make(tmp_path / "e", "good", "micro")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [plan.SCHEMA, evidence.SCHEMA])
def test_the_schema_is_a_schema_and_says_what_is_due_everywhere(name):
    """Each part of the schema that can be violated has a description, since messages quote it."""
    schema = yaml.safe_load((EXPERIMENTS / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)

    def without(part, where):
        if isinstance(part, dict):
            if isinstance(part.get("type"), str | list) and "description" not in part:
                yield where
            for key, value in part.items():
                yield from without(value, f"{where}.{key}")

    assert list(without(schema, "")) == []


def test_the_schema_knows_the_protocols_and_conventions():
    schema = yaml.safe_load((EXPERIMENTS / plan.SCHEMA).read_text(encoding="utf-8"))
    assert schema["$defs"]["scoring"]["properties"].keys() == experiments.SCORING.keys()
    for key, part in schema["$defs"]["scoring"]["properties"].items():
        assert part["enum"] == list(experiments.SCORING[key]) and all(name in part["description"] for name in part["enum"])


def test_planning_and_dry_running_load_no_torch(world):
    """The command's process plans, and starts snakemake, without waiting for torch."""
    pytest.importorskip("snakemake", reason="sweeps need the extra `sweep`")
    code = "import sys; from ipe_sr import cli\ntry: cli.main()\nfinally: print('torch loaded:', 'torch' in sys.modules)"
    command = [sys.executable, "-c", code, *world.command("good", "--params", "micro", "--dry-run")[3:]]
    done = world.run(command)
    assert done.returncode == 0, done.stderr
    assert "torch loaded: False" in done.stdout and len(re.findall(r"^ +wildcards: run=", done.stdout + done.stderr, re.M)) == 3


def test_a_dry_run_that_snakemake_refuses_ends_with_status_2(world, tmp_path):
    pytest.importorskip("snakemake", reason="sweeps need the extra `sweep`")
    (tmp_path / "config.yaml").write_text("executor: no-such-executor\n", encoding="utf-8")
    done = world.sweep("good", "--params", "micro", "--profile", str(tmp_path), "--dry-run")
    assert done.returncode == 2 and "no-such-executor" in done.stderr
    assert re.fullmatch(r"ipe-sr: --dry-run: snakemake ended with status \d+; .*", done.stderr.splitlines()[-1])


def test_a_job_waits_without_torch():
    code = "import sys; from ipe_sr.sweeps import job; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("module", ["encoders", "liif", "fast/liif"])
def test_a_change_of_a_models_code_changes_the_digest_of_a_run(tmp_path, module):
    """Configs import their models only when they build one; the digest follows these imports, too."""
    package = tmp_path / "ipe_sr"
    shutil.copytree(sweep_world.ROOT / "ipe_sr", package, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    before = provenance.digest(records.CODE, package=package)
    with (package / "models" / f"{module}.py").open("a", encoding="utf-8") as file:
        file.write("\nCHANGED = True\n")
    assert provenance.digest(records.CODE, package=package) != before


def test_the_scoring_of_a_table_is_that_of_each_of_its_runs(world):
    for table, due in (("good", {"protocol": "edsr", "ssim": "volume"}), ("bad", {})):
        made = plan.make(world.experiments, table, "micro")
        assert [run["parameters"]["scoring"] for run in made["runs"].values()] == [due] * len(made["runs"])


def test_a_parameter_set_may_leave_out_rows_of_a_table(world, tmp_path):
    """The rows that stay keep the order of the table, whatever order they are listed in."""
    folder = tmp_path / "experiments"
    shutil.copytree(world.experiments, folder)
    tables = world.tables()
    only(tables, ["IPE-LIIF", "Bicubic"])
    (folder / "tables.yaml").write_text(yaml.safe_dump(tables, sort_keys=False), encoding="utf-8")
    assert [run["place"]["row"] for run in plan.make(folder, "good", "micro")["runs"].values()] == ["Bicubic", "IPE-LIIF"]


PAPER = {"table1": 8, "table2": 4, "table3": 12, "table4": 6}   # rows of all blocks


@pytest.mark.parametrize(("params", "due"), [
    ("tiny", PAPER), ("hour", PAPER), ("paper", PAPER), ("small", {"table1": 5, "table3": 12, "table4": 6}),
])
def test_the_tables_of_the_paper_make_plans(params, due, monkeypatch):
    """Every row of Tables 1 to 4 is a run, in the set `small` those with the small encoder. Sets that are not on this machine
    are replaced by what the package brings."""
    find = datasets.find
    monkeypatch.setattr(datasets, "find", lambda name: find("samples-valid"))
    counts = {}
    for table in due:
        made = plan.make(sweep_world.ROOT / "notebooks" / "experiments", table, params)
        places = [run["place"] for run in made["runs"].values()]
        counts[table] = len({(place["block"], place["row"]) for place in places})
        assert {place["table"] for place in places} == {table} and made["caption"]
        for run in made["runs"].values():
            assert run["schedule"]["seed"] == run["place"]["seed"] == run["parameters"]["seed"]
        scoring = {"table1": {"ssim": "volume"}, "table2": {"protocol": "paper-table2"}}.get(table, {})
        assert all(run["parameters"]["scoring"] == scoring for run in made["runs"].values())
    assert counts == due


def test_no_experiments_here(tmp_path):
    with pytest.raises(InputError, match="run this in a checkout"):
        plan.make(tmp_path, "table4", "tiny")


@pytest.mark.parametrize(
    ("table", "params", "options", "message"),
    [
        ("table9", "micro", {}, "table 'table9' is unknown"),
        ("good", "huge", {}, "parameter set 'huge' is unknown"),
        ("good", "micro", {"jobs": 0}, "--jobs must be at least 1"),
        ("good", "micro", {"profile": Path("nowhere")}, "nowhere is not a folder that holds a snakemake profile"),
        ("good", "micro", {"out": Path("my #1 sweep")}, "--out: .*my #1 sweep: snakemake reads paths as YAML"),
        ("good", "micro", {"out": Path("my: sweep")}, "--out: .*my: sweep: snakemake reads paths as YAML"),
    ],
)
def test_bad_requests_are_refused_before_any_work(world, tmp_path, table, params, options, message):
    with pytest.raises(InputError, match=message):
        sweep.sweep(world.experiments, table, params, tmp_path / options.pop("out", "out"), **options)
    assert list(tmp_path.iterdir()) == []


def test_a_mistake_is_one_line_and_status_2(world):
    done = world.sweep("table9", "--params", "micro")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "table 'table9' is unknown" in done.stderr


def test_a_row_may_have_settings_and_a_number_of_seeds_of_its_own(world):
    made = plan.make(EXPERIMENTS, "evidence", "small") if plan._present("b100:30") else None
    if made is None:
        pytest.skip("the table of evidence needs photographs, BSDS500 and the benchmarks in IPE_SR_DATA")
    rows = ("IPE", "IPE - skip, equal size")
    of = {row: [run for run in made["runs"].values() if run["place"]["row"] == row] for row in rows}
    assert [run["place"]["seed"] for run in of["IPE"]] == [0, 1, 2, 3]
    assert [run["place"]["seed"] for run in of["IPE - skip, equal size"]] == [0, 1]
    assert {run["model"]["width"] for run in of["IPE - skip, equal size"]} == {132}
    assert {run["model"]["width"] for run in of["IPE"]} == {64}
