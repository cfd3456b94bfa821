"""Run the series. Papermill executes each notebook in a process of its own; a record says what ran and what came of it.

Neither the command nor its workers load torch: they only start kernels.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from ipe_sr import files, options, provenance
from ipe_sr.errors import InputError
from ipe_sr.series import documents, execution

CELL_TIMEOUT = 3600   # seconds


@dataclass(frozen=True)
class Job:
    """One notebook to run.

    notebook: its source.   parameters: all values.   overrides: the values that differ from the notebook's defaults.
    """

    notebook: Path
    preset: str
    parameters: dict[str, Any]
    overrides: dict[str, Any]


@dataclass(frozen=True)
class Result:
    """What came of a job.

    executed: the copy with outputs.   failure: None, or one line that names the notebook and the cell.
    record: the content of `OUT/NAME.json`.
    """

    job: Job
    executed: Path
    failure: str | None
    record: dict[str, Any]


def plan(folder: Path, preset: str, only: Sequence[str] = (), settings: Sequence[str] = ()) -> list[Job]:
    """The notebooks to run, with their parameters. Nothing runs yet.

    folder: of the series.   preset: "smoke", "teach" or "paper".   only: numbers of notebooks, such as "03"; empty for all.
    settings: texts KEY=VALUE, which override the preset in every notebook that runs.
    Raises InputError for an unknown preset, number or parameter, for a value of the wrong type, and for a notebook that
    breaks the rules of `documents.declared`.
    """
    found = documents.notebooks(folder)
    table = documents.preset(folder, preset)
    numbers = {path.name[:2]: path for path in found}
    if unknown := [key for key in (*only, *table) if key not in numbers and key != documents.EVERYWHERE]:
        raise InputError(f"there is no notebook {unknown[0]!r} in {folder}: use one of {', '.join(numbers)}")
    jobs = []
    for number, path in numbers.items():
        if only and number not in only:
            continue
        defaults = documents.declared(documents.read(path), path)
        given = table.get(documents.EVERYWHERE, {}) | table.get(number, {}) | dict(options.setting(text) for text in settings)
        parameters = documents.resolve(defaults, given, path)
        changed = {name: value for name, value in parameters.items() if value != defaults[name]}
        jobs.append(Job(path, preset, parameters, changed))
    return jobs


def execute(jobs: list[Job], out: Path, workers: int = 1, report: Callable[[str], None] = print) -> list[Result]:
    """Run the jobs and write executed copies, logs and records into a folder.

    out: the folder; it is made if necessary.   workers: how many notebooks run at once.
    report: called with one line when a notebook has ended.
    Raises InputError for fewer than one worker, or if the folder cannot be made.
    """
    out = out.resolve()   # workers and kernels may start in other folders
    if workers < 1:
        raise InputError(f"--jobs must be at least 1, got {workers}")
    files.make_folder(out)
    results = []
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        futures = [pool.submit(_run_in_worker, job, out) for job in jobs]
        for future in as_completed(futures):
            result = future.result()
            results.append(result)
            state = f"FAILED {result.failure}" if result.failure else f"ok, {len(result.record['claims'])} claims"
            report(f"{result.job.notebook.stem:<40} {result.record['seconds']:6.1f} s   {state}")
    results.sort(key=lambda result: result.job.notebook.name)
    return results


def _run_in_worker(job: Job, out: Path) -> Result:
    """Run a job, and send the kernel's stderr to a log beside the executed copy."""
    with open(out / f"{job.notebook.stem}.log", "wb") as log:
        os.dup2(log.fileno(), 2)
    return run(job, out)


def run(job: Job, out: Path) -> Result:
    """Execute one notebook of the series in this process, and write its record. A failure is in the result, not raised."""
    executed, started = out / job.notebook.name, time.time()
    os.environ["IPE_SR_DATA"] = str(files.data_root().resolve())   # absolute, since the kernel works in another folder
    failure, events = execution.execute(job.notebook, executed, job.overrides, CELL_TIMEOUT)
    record = _record(job, time.time() - started, failure, events)
    files.write_json(executed.with_suffix(".json"), record)
    return Result(job, executed, failure, record)


def check_write_back(jobs: list[Job]) -> None:
    """Raises InputError unless all jobs have the preset `teach` without --set: those are the notebooks' own defaults."""
    for job in jobs:
        if job.preset != "teach" or job.overrides:
            raise InputError("--write-back stores outputs of the teach preset without --set; run it so")


def write_back(results: list[Result]) -> None:
    """Store the outputs in the source notebooks. Raises InputError as `check_write_back`."""
    check_write_back([result.job for result in results])
    for result in results:
        minutes, seconds = divmod(round(result.record["seconds"]), 60)
        text = f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
        text += f" measured (preset teach, {result.record['cores']} cores, kernel start included)"
        notebook = documents.with_outputs(documents.read(result.job.notebook), documents.read(result.executed), text)
        with files.replacing(result.job.notebook) as temporary:
            nbformat.write(notebook, temporary)


def _record(job: Job, seconds: float, failure: str | None, events: list[dict]) -> dict[str, Any]:
    return {
        "notebook": job.notebook.name,
        "preset": job.preset,
        "parameters": job.parameters,
        "seed": job.parameters.get("seed"),
        "threads": job.parameters.get("threads"),
        "failure": failure,
        "seconds": round(seconds, 2),
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - seconds)),
        "source_sha256": provenance.notebook_digest(documents.read(job.notebook)),
        "package_sha256": provenance.package_digest(),
        "versions": provenance.versions(),
        **provenance.machine(),
        "data": provenance.data(events),
        "claims": [{k: v for k, v in event.items() if k != "event"} for event in events if event["event"] == "claim"],
    }
