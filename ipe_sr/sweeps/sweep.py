"""Runs the plan of a table: snakemake schedules the runs, papermill executes each, and this reports what became of them.

The folder of a sweep, OUT, holds TABLE-PARAMS/plan.json, a folder for each run (see `records`), and training/NAME, where a
training keeps its state. Every table that needs the same training finds it there.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from ipe_sr import files
from ipe_sr.errors import InputError, importing
from ipe_sr.sweeps import cleanup, plan, records

SNAKEFILE, LOG = "Snakefile", "snakemake.log"


@dataclass(frozen=True)
class Outcome:
    """due: how many runs the table has.   failures: name -> one line.   out: the sweep's folder."""

    due: int
    failures: dict[str, str]
    out: Path


def sweep(
    folder: Path, table: str, params: str, out: Path, jobs: int = 1, *, profile: Path | None = None, dry_run: bool = False,
    report: Callable[[str], None] = print,
) -> Outcome:
    """Runs what a table needs and does not have yet, `jobs` runs at a time. A failed run does not stop the others.

    folder: holds the notebook, the Snakefile and `tables.yaml`.   profile: of snakemake, for clusters.
    dry_run: only prints what would run, and why.   report: is called with one line when a run ends.
    First ends whatever a killed sweep left in the folder. Raises InputError for bad input, and if another sweep is running
    in the folder.
    """
    if jobs < 1:
        raise InputError(f"--jobs must be at least 1, got {jobs}")
    with importing("notebooks,train,sweep", "a sweep"):
        metadata.version("snakemake")   # it runs as a program; if it is missing, this raises a ModuleNotFoundError
    if profile and not profile.is_dir():
        raise InputError(f"--profile: {profile} is not a folder that holds a snakemake profile")
    made, out = plan.make(folder, table, params), out.resolve()
    if any(sign in str(out) for sign in (" #", ": ")):
        raise InputError(f"--out: {out}: snakemake reads paths as YAML, so this one must not hold ' #' or ': '; give another")
    home = out / f"{table}-{params}"
    files.make_folder(home)
    command = _command(folder.resolve() / SNAKEFILE, home, jobs, profile and profile.resolve())
    environment = os.environ | made["environment"] | {cleanup.MARK: str(out)}
    with cleanup.alone(out):
        files.write_json(home / records.PLAN, made)
        if dry_run:
            code = subprocess.run([*command, "--dry-run"], cwd=out, env=environment, check=False).returncode
            if code:
                raise InputError(f"--dry-run: snakemake ended with status {code}; it says above what is wrong")
            return Outcome(len(made["runs"]), {}, out)
        cleanup.clear(out, command)
        for name in made["runs"]:
            (home / name / records.FAILURE).unlink(missing_ok=True)
            path = home / name / records.RECORD
            if path.exists() and not plan.up_to_date(records.read(path), made, name):   # snakemake notices only runs it saw end
                path.unlink()
        code = _schedule(command, environment, home, made["runs"], report)
    failures = {name: line for name in made["runs"] if (line := _failure(home / name, code, home / LOG))}
    return Outcome(len(made["runs"]), failures, out)


def _command(snakefile: Path, home: Path, jobs: int, profile: Path | None) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--keep-going", "--rerun-incomplete"]
    command += ["--profile", str(profile), "--jobs", str(jobs)] if profile else ["--cores", str(jobs)]
    return [*command, "--config", f"plan={home / records.PLAN}"]


def _schedule(
    command: list[str], environment: dict[str, str], home: Path, names: Iterable[str], report: Callable[[str], None]
) -> int:
    """Runs snakemake to its end and reports each run as it ends. Returns snakemake's exit status.

    However this function is left, no process that it started goes on.
    """
    waiting = {name: _age(home / name / records.RECORD) for name in names}
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))   # so that `finally` ends our runs
    with open(home / LOG, "wb") as log:
        process = subprocess.Popen(command, cwd=home.parent, env=environment, stdout=log, stderr=log)
        try:
            while (code := process.poll()) is None:
                time.sleep(0.3)
                _report_ended(home, waiting, report)
        finally:
            signal.signal(signal.SIGTERM, before)
            cleanup.end_processes(home.parent)
            process.wait()
    _report_ended(home, waiting, report)
    return code


def _report_ended(home: Path, waiting: dict[str, float], report: Callable[[str], None]) -> None:
    """Reports the waiting runs that have ended and removes them from `waiting`: name -> the age of its former record."""
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


def _failure(home: Path, code: int, log: Path) -> str | None:
    """One line if the run in this folder failed or did not run, else None."""
    if (home / records.FAILURE).exists():
        return records.read(home / records.FAILURE).failure
    if not (home / records.RECORD).exists():
        return f"did not run (snakemake ended with status {code}; see {log})"
    return None
