"""Sweeps with real runs of a few steps: which runs are done, which are done again and why, also after a failure or a kill."""

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
import yaml

from ipe_sr.sweeps import plan, records
from tests import sweep_world

pytest.importorskip("snakemake", reason="sweeps need the extra `sweep`")
MICRO = ("--params", "micro")
METHODS = ("bicubic", "liif", "ipe-liif")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A world whose table `good` has been swept."""
    made = sweep_world.make(tmp_path_factory.mktemp("world"))
    done = made.sweep("good", *MICRO, "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r" ok, \d+\.\d s$", done.stdout, re.M)) == 3
    assert "3 of 3 runs done" in done.stdout
    return made


@pytest.fixture
def restored(world):
    """The world, put back as it was after the test changed its text files."""
    folders = (world.folder / "ipe_sr", world.experiments)
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    before = {path: path.read_bytes() for path in [*paths, world.folder / "README.md"]}
    yield world
    for path, content in before.items():
        if path.read_bytes() != content:
            path.write_bytes(content)


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def named(runs, *presets):
    """The runs of these presets."""
    return {name for name in runs if any(re.match(rf"tiny-{preset}-[0-9a-f]{{6}}-seed", name) for preset in presets)}


def test_records_tell_what_was_done(world):
    found = {record.method: record for record in records.collect(world.folder / "out" / "good-micro")}
    assert {place.method for place in records.due(world.folder / "out")} == found.keys() == {"bicubic", "liif", "ipe-liif"}
    trained = found["ipe-liif"]
    assert (trained.table, trained.block, trained.row, trained.seed, trained.status) == ("good", "U(1,4)", "IPE-LIIF", 0, "ok")
    assert trained.iterations == trained.schedule["steps"] == 4
    *_, last = (row for row in trained.curve if row["name"] == "seconds")
    assert (last["step"], round(last["value"], 1)) == (4, trained.seconds["train"]), "0.0 where four steps take under 50 ms"
    assert trained.model["encoding"] == "integrated" and trained.notebook == "experiment.ipynb"
    assert len({record.code_sha256 for record in found.values()}) == len({r.source_sha256 for r in found.values()}) == 1
    assert list(trained.data) == ["cup.png"] and len(trained.data["cup.png"]["sha256"]) == 64
    assert (world.folder / "out" / trained.checkpoint["path"]).is_file()
    assert {row["step"] for row in trained.curve} == {0, 2, 4}
    assert [image["name"] for score in trained.scores for image in score["images"]] == ["cup"]
    scored = {(score["protocol"], score["ssim_convention"]) for record in found.values() for score in record.scores}
    assert scored == {("edsr", "volume")}
    assert found["bicubic"].checkpoint is None and found["bicubic"].parameter_count == 0
    assert found["bicubic"].scores[0]["psnr"] > trained.scores[0]["psnr"], "four steps do not beat bicubic"


def test_a_record_is_kept_only_for_the_run_that_it_is_of(world):
    """A record answers its run of the plan until the plan asks for something else."""
    home = world.folder / "out" / "good-micro"
    made = json.loads((home / "plan.json").read_text(encoding="utf-8"))
    for name, run in made["runs"].items():
        record = records.read(home / name / "record.json")
        assert plan.up_to_date(record, made, name)
        for key in ("parameters", "schedule", "model"):
            changed = made | {"runs": {name: run | {key: run[key] | {"seed": 7}}}}
            assert not plan.up_to_date(record, changed, name)
        assert not plan.up_to_date(record, made | {"runs": {name: run | {"place": run["place"] | {"row": "other"}}}}, name)
        assert not plan.up_to_date(record, made | {"code_sha256": "0" * 64}, name)
        assert not plan.up_to_date(record, made | {"notebook": made["notebook"] | {"sha256": "0" * 64}}, name)


def save_outputs(world):
    path = world.experiments / "experiment.ipynb"
    notebook = nbformat.read(path, 4)
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.outputs = [nbformat.v4.new_output("stream", text="played through by hand\n")]
    nbformat.write(notebook, path)


def add_seed(world):
    tables = world.tables()
    tables["params"]["micro"]["tables"]["good"]["seeds"] = [0, 1]
    world.write_tables(tables)


def remove_method(world):
    tables = world.tables()
    del tables["tables"]["good"]["rows"]["LIIF"]
    world.write_tables(tables)


def change_preset(world):
    path = world.folder / "ipe_sr" / "presets" / "methods" / "ipe-liif.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text(encoding="utf-8")) | {"frequencies": 6}), encoding="utf-8")


def change_what_does_not_matter(world):
    save_outputs(world)
    remove_method(world)
    edit(world.folder / "README.md", "# ipe_sr", "# A new title")
    edit(world.folder / "ipe_sr" / "training" / "loop.py", '"""Training: ', '# a comment\n"""On training: ')
    edit(world.folder / "ipe_sr" / "figures.py", "WIDTH = ", "WIDTH = 1 + ")


CHANGES = {   # what changes: (the change, the methods that run again, why)
    "outputs, a removed method, a docstring, a comment, a README, a figure's width": (change_what_does_not_matter, (), ""),
    "a code cell": (
        lambda w: edit(w.experiments / "experiment.ipynb", "show(demos", "show(  demos"), METHODS, "Params have changed",
    ),
    "one preset": (change_preset, ("ipe-liif",), "Params have changed"),
    "an added seed": (add_seed, ("liif", "ipe-liif"), "Missing output files"),
    "a loss function": (
        lambda w: edit(w.folder / "ipe_sr" / "training" / "loop.py", "F.l1_loss", "F.smooth_l1_loss"), METHODS,
        "Params have changed",
    ),
}


@pytest.mark.parametrize(("change", "methods", "why"), CHANGES.values(), ids=CHANGES)
def test_what_runs_again_after_a_change_of(restored, change, methods, why):
    change(restored)
    due = restored.due("good")
    assert len(due) == len(methods) and due.keys() == named(due, *methods)
    assert all(reason.startswith(why) for reason in due.values())
    if why == "Missing output files":
        assert all(name.endswith("-seed1") for name in due)


def test_kubernetes_would_run_what_is_missing(world):
    """The profile as it is but for the folder; no cluster is asked."""
    pytest.importorskip("snakemake_executor_plugin_kubernetes", reason="needs snakemake-executor-plugin-kubernetes")
    pytest.importorskip("snakemake_storage_plugin_fs", reason="needs snakemake-storage-plugin-fs")
    profile, out = world.experiments / "profiles" / "kubernetes", world.folder / "pods"
    edit(profile / "config.yaml", "/shared/sweep", str(out))
    done = world.sweep("good", *MICRO, "--profile", str(profile), "--jobs", "2", "--dry-run", out="pods")
    assert done.returncode == 0, done.stderr
    assert len(re.findall(r"output: .*record\.json \(send to storage\)", done.stdout + done.stderr)) == 3


def test_a_failed_run_stops_no_other_and_is_named(world):
    done = world.sweep("bad", *MICRO)
    assert done.returncode == 1
    failed = [line for line in done.stderr.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1
    where = r"FAILED tiny12-liif-\w+-seed0: experiment.ipynb, cell \d+: InputError: "
    assert re.match(where + ".*crops of 144x144 are due", failed[0])
    assert "1 of 2 runs done" in done.stdout
    states = {record.block: record.status for record in records.collect(world.folder / "out" / "bad-micro")}
    assert states == {"U(1,4)": "ok", "U(1,12)": "failed"}
    (home,) = (path.parent for path in world.folder.glob("out/bad-micro/*/failure.json"))
    assert "crops of 144x144" in (home / "executed.ipynb").read_text(encoding="utf-8"), "what was executed survives the failure"
    assert "loaded: 4 steps" in "".join(
        path.read_text(encoding="utf-8") for path in world.folder.glob("out/bad-micro/tiny-liif-*/executed.ipynb")
    ), "a training that another table has made is used again"


def test_the_recipe_for_cron_works_as_cron_would_run_it(world):
    """cron gives a bare environment and /bin/sh."""
    text = (world.experiments / "README.md").read_text(encoding="utf-8")
    recipe = re.search(r"^0 3 \* \* \* (cd .*ipe-sr sweep .*)$", text, re.M)[1]
    words = {"$HOME/ipe_sr": str(world.folder), ".venv/bin/ipe-sr": f"{sys.executable} -m ipe_sr",
             "table4 --params tiny": f"good --params micro --experiments {world.experiments} --out {world.folder / 'out'}"}
    for old, new in words.items():
        assert old in recipe
        recipe = recipe.replace(old, new)
    (world.folder / ".out").mkdir(exist_ok=True)
    bare = {"HOME": str(world.folder), "LOGNAME": "nobody", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(["/bin/sh", "-c", recipe], env=bare, cwd="/", capture_output=True, text=True, check=False)
    log = (world.folder / ".out" / "sweep.log").read_text(encoding="utf-8")
    assert done.returncode == 0 and done.stdout == done.stderr == "", log
    assert "3 of 3 runs done" in log


PLUGIN = """
from dataclasses import dataclass
from typing import ClassVar
from torch import nn
from torch.nn import functional as F
from ipe_sr.models.registry import FamilyConfig, register

@register("nearest")
@dataclass(frozen=True)
class NearestConfig(FamilyConfig):
    trainable: ClassVar[bool] = False

    def build(self):
        return Nearest(self)

class Nearest(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def forward(self, lr, size):
        return F.interpolate(lr, size, mode="nearest")
"""


def test_a_plugin_reaches_the_kernels_whatever_a_scheduler_passes_on(world):
    """A row may name a family outside the package; its module is found from any folder and without our variables."""
    tables = world.tables()
    tables["tables"]["plugged"] = tables["tables"]["good"] | {"rows": {"Nearest": ["nearest"]}}
    tables["params"]["micro"]["tables"]["plugged"] = tables["params"]["micro"]["tables"]["good"]
    before = (world.experiments / "tables.yaml").read_bytes()
    world.write_tables(tables)
    (world.folder / "mine").mkdir()
    (world.folder / "mine" / "my_plugin.py").write_text(PLUGIN, encoding="utf-8")
    path = os.pathsep.join([str(world.folder), "mine"])   # "mine" is relative to the folder that the command starts in
    done = world.sweep("plugged", *MICRO, PYTHONPATH=path, IPE_SR_PLUGINS="my_plugin")
    assert done.returncode == 0, done.stdout + done.stderr
    home = world.folder / "out" / "plugged-micro"
    (made,) = records.collect(home)
    assert (made.method, made.model["kind"], made.status) == ("nearest", "nearest", "ok")

    (name,) = json.loads((home / "plan.json").read_text(encoding="utf-8"))["runs"]
    node = home / "node"   # as a scheduler starts it on a node, whose folders need not exist
    words = [home / "plan.json", name, node / "again.json", node / "again.ipynb"]
    again = world.run([sys.executable, "-m", "ipe_sr.sweeps.job", *map(str, words)])
    assert again.returncode == 0, again.stderr
    assert records.read(node / "again.json").code_sha256 == made.code_sha256
    (world.experiments / "tables.yaml").write_bytes(before)


def test_paths_may_hold_spaces(tmp_path):
    """Python, the data and the sweep's folder may lie where a path holds spaces and signs that a shell reads."""
    world = sweep_world.make(tmp_path / "my $world's")
    tables = world.tables()
    tables["tables"]["good"]["rows"] = {"Bicubic": ["bicubic"]}
    world.write_tables(tables)
    environment = tmp_path / "my python"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / ("Scripts" if os.name == "nt" else "bin") / "python"
    path = os.pathsep.join([str(world.folder), *filter(None, sys.path)])
    done = world.run([str(python), *world.command("good", *MICRO)[1:]], PYTHONPATH=path)
    assert done.returncode == 0 and "1 of 1 runs done" in done.stdout, done.stdout + done.stderr
