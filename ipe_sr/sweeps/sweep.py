"""Sweeps: a table as a plan of runs, the plan as papermill jobs of snakemake, and what became of them.

The folder of a sweep, OUT, holds TABLE-PARAMS/plan.json and a folder for each run (see `records`), and training/NAME,
where a training keeps its state and is found again by every table that needs it.
"""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from ipe_sr import files, provenance
from ipe_sr.errors import InputError, first_line, importing
from ipe_sr.imaging import datasets
from ipe_sr.series import documents
from ipe_sr.sweeps import cleanup, experiments, records
from ipe_sr.training import schedules

NOTEBOOK, SNAKEFILE, TABLES = "experiment.ipynb", "Snakefile", "tables.yaml"
LOG = "snakemake.log"
TABLE_KEYS = {"caption": str, "blocks": dict, "rows": dict}
PARAMS_KEYS = {"schedule": str, "settings": dict, "threads": int, "resources": dict, "tables": dict}


@dataclass(frozen=True)
class Outcome:
    """What became of the runs that were due.   failures: name -> one line.   out: where all lies."""

    due: int
    failures: dict[str, str]
    out: Path


def plan(folder: Path, table: str, params: str) -> dict[str, Any]:
    """The runs that a table asks for, as JSON data; everything that can be wrong with them is found here.

    folder: holds the notebook, the Snakefile and `tables.yaml`.
    """
    source = folder / TABLES
    tables = _tables(source)
    wanted = _entry(tables, "tables", table, source)
    chosen = _entry(tables, "params", params, source)
    for name, entry, due in ((table, wanted, TABLE_KEYS), (params, chosen, PARAMS_KEYS)):
        for key, kind in due.items():
            if type(entry.get(key)) is not kind:
                raise InputError(f"{source}: {name}: {key!r} must be {kind.__name__}, got {entry.get(key)!r}")
    notebook = {"name": NOTEBOOK, "sha256": provenance.notebook_digest(documents.read(folder / NOTEBOOK))}
    common = {"notebook": notebook, "code": provenance.digest(experiments.CODE)}
    runs: dict[str, Any] = {}
    for place, parameters in _runs(wanted, chosen, table, params, source):
        experiment = experiments.prepare(**parameters)   # refuses what cannot run
        name = _name(experiment.preset.name, parameters)
        if name in runs:
            raise InputError(f"{source}: {table} asks twice for {name}")
        asked = common | {"parameters": parameters, "place": place, **schedules.resolved(experiment.preset)}
        method = experiment.preset.name.partition("-")[2]
        full = place | {"method": method, "preset": experiment.preset.name, "seed": parameters["seed"]}
        runs[name] = {"place": full, "parameters": parameters, "identity": json.dumps(asked, sort_keys=True)}
    return {
        "table": table, "params": params, "caption": wanted["caption"],
        "notebook": notebook | {"path": str((folder / NOTEBOOK).resolve())},
        "threads": chosen["threads"], "resources": chosen["resources"], "runs": runs,
    }


def sweep(
    folder: Path, table: str, params: str, out: Path, jobs: int = 1, *, profile: Path | None = None, dry_run: bool = False,
    report: Callable[[str], None] = print,
) -> Outcome:
    """Run what a table needs and does not have yet, `jobs` at a time; a failed run does not stop the others.

    profile: of snakemake, for clusters.   dry_run: only say what would run, and why.   report: gets a line a run.
    Ends first what a killed sweep left in the folder. Raises InputError for bad input and where another sweep is at work.
    """
    if jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {jobs}")
    with importing("notebooks,train,sweep", "a sweep"):
        metadata.version("snakemake")   # it runs as a program; not to find it is a ModuleNotFoundError, too
    if profile and not profile.is_dir():
        raise InputError(f"--profile: {profile} is not a folder that holds a snakemake profile")
    made, out = plan(folder, table, params), out.resolve()
    home = out / f"{table}-{params}"
    files.make_folder(home)
    command = _command(folder.resolve() / SNAKEFILE, home, jobs, profile and profile.resolve())
    with cleanup.alone(out):
        with files.replacing(home / records.PLAN) as temporary:
            temporary.write_text(json.dumps(made, indent=1))
        if dry_run:
            subprocess.run([*command, "--dry-run"], cwd=out, env=_environment(out), check=False)
            return Outcome(len(made["runs"]), {}, out)
        cleanup.clear(out, command)
        for name, asked in made["runs"].items():
            (home / name / records.FAILURE).unlink(missing_ok=True)
            _drop_stale(home / name / records.RECORD, asked["identity"])
        code = _schedule(command, out, home, made["runs"], report)
    failures = {name: line for name in made["runs"] if (line := _failure(home / name, code, home / LOG))}
    return Outcome(len(made["runs"]), failures, out)


def _tables(source: Path) -> dict[str, Any]:
    try:
        tables = yaml.safe_load(source.read_text(encoding="utf-8"))
    except OSError:
        raise InputError(f"{source}: no such file; run this in a checkout, or give --experiments FOLDER") from None
    except yaml.YAMLError as error:
        raise InputError(f"{source}: not readable as YAML ({first_line(error)})") from None
    if not isinstance(tables, dict) or not all(isinstance(tables.get(key), dict) for key in ("tables", "params")):
        raise InputError(f"{source}: holds no mappings `tables` and `params`")
    return tables


def _entry(tables: dict[str, Any], kind: str, name: str, source: Path) -> dict[str, Any]:
    what = {"tables": "table", "params": "parameter set"}[kind]
    if name not in tables[kind]:
        raise InputError(f"{what} {name!r} is unknown in {source}: use one of {', '.join(tables[kind])}")
    if not isinstance(tables[kind][name], dict):
        raise InputError(f"{source}: {what} {name!r} holds no mapping; the file's head says what is due")
    return tables[kind][name]


def _runs(
    wanted: dict, chosen: dict, table: str, params: str, source: Path
) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """(place, parameters of the notebook) of each run of a table."""
    try:
        here = chosen["tables"][table]
        sets = [*here["data"], *(name for name in here["optional"] if _present(name))]
        for block, how in wanted["blocks"].items():
            settings = chosen["settings"] | how.get("settings", {})
            for row, methods in wanted["rows"].items():
                place = {"table": table, "block": block, "row": row, "params": params}
                for method in methods:
                    preset = f"{chosen['schedule']}{how['range']}-{method}"
                    known = schedules.preset(preset, settings)
                    fixed = getattr(known.model, "scale", None)
                    seeds = here["seeds"] if experiments.trains(known) else here["seeds"][:1]
                    common = {"preset": preset, "settings": settings, "data": sets, "threads": chosen["threads"]}
                    for seed in seeds:
                        yield place, common | {"scales": [fixed] if fixed else how["scales"], "seed": seed}
    except (KeyError, TypeError, AttributeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(f"{source}: {table} with {params}: {what}; the file's head says what is due") from None


def _present(name: str) -> bool:
    try:
        return bool(datasets.find(name))
    except InputError:
        return False


def _name(preset: str, parameters: dict[str, Any]) -> str:
    """PRESET-seedN; settings on top of the preset leave a short hash in it, so that trainings do not meet in one folder."""
    mark = hashlib.sha256(json.dumps(parameters["settings"], sort_keys=True).encode()).hexdigest()[:6]
    return f"{preset}{f'-{mark}' if parameters['settings'] else ''}-seed{parameters['seed']}"


def _command(snakefile: Path, home: Path, jobs: int, profile: Path | None) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--keep-going", "--rerun-incomplete"]
    command += ["--profile", str(profile), "--jobs", str(jobs)] if profile else ["--cores", str(jobs)]
    return [*command, "--config", f"plan={home / records.PLAN}"]


def _environment(out: Path) -> dict[str, str]:
    return os.environ | {cleanup.MARK: str(out), "IPE_SR_DATA": str(files.data_root().resolve())}


def _schedule(command: list[str], out: Path, home: Path, names: Any, report: Callable[[str], None]) -> int:
    """Run snakemake to its end, reporting each run as it ends; nothing is left running when this is left."""
    waiting = {name: _age(home / name / records.RECORD) for name in names}
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))   # end our runs as well
    with open(home / LOG, "wb") as log:
        process = subprocess.Popen(command, cwd=out, env=_environment(out), stdout=log, stderr=log)
        try:
            while (code := process.poll()) is None:
                time.sleep(0.3)
                _tell(home, waiting, report)
        finally:
            signal.signal(signal.SIGTERM, before)
            cleanup.end_processes(out)
            process.wait()
    _tell(home, waiting, report)
    return code


def _tell(home: Path, waiting: dict[str, float], report: Callable[[str], None]) -> None:
    for name in list(waiting):
        path = home / name / records.RECORD
        ended = [path] if _age(path) > waiting[name] else [p for p in (home / name / records.FAILURE,) if p.exists()]
        for each in ended:
            record = records.read(each)
            outcome = f"FAILED {record.failure}" if record.failure else f"ok, {sum(record.seconds.values()):.1f} s"
            report(f"{name:<40} {outcome}")
            del waiting[name]


def _age(path: Path) -> float:
    return path.stat().st_mtime if path.exists() else 0.0


def _drop_stale(path: Path, identity: str) -> None:
    """Remove a record that answers another question. Snakemake knows that only of runs that it lived to see the end of."""
    if path.exists():
        record = records.read(path)
        told = {
            "notebook": {"name": record.notebook, "sha256": record.source_sha256}, "code": record.code_sha256,
            "parameters": record.parameters, "schedule": record.schedule, "model": record.model,
            "place": {key: getattr(record, key) for key in ("table", "block", "row", "params")},
        }
        if json.dumps(told, sort_keys=True) != identity:
            path.unlink()


def _failure(home: Path, code: int, log: Path) -> str | None:
    if (home / records.FAILURE).exists():
        return records.read(home / records.FAILURE).failure
    if not (home / records.RECORD).exists():
        return f"did not run (snakemake ended with status {code}; see {log})"
    return None
