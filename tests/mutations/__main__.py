"""Run each fault's notebook with the fault, which must fail a check, and each notebook without faults, which must pass.

`python -m tests.mutations [--jobs 2] [--only 03,06] [--json FILE]` exits with status 1 if a fault survives.
"""

import argparse
import dataclasses
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from ipe_sr import files
from tests.mutations.faults import FAULTS
from tests.mutations.trial import Outcome, attempt


def outcomes(numbers: set[str], jobs: int) -> list[Outcome]:
    """The outcomes for the notebooks with these numbers, first without faults. Each is printed as soon as it is known."""
    faults = [fault for fault in FAULTS if fault.notebook in numbers]
    trials = [*((None, number) for number in sorted(numbers)), *((fault, fault.notebook) for fault in faults)]
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        futures = [pool.submit(attempt, *trial) for trial in trials]
        for future in as_completed(futures):
            print(row(future.result()), flush=True)
        return [future.result() for future in futures]


def row(outcome: Outcome) -> str:
    name = outcome.fault.name if outcome.fault else f"(none, notebook {outcome.notebook})"
    return f"{name:<50} {outcome.where:<64} {outcome.verdict}"


def as_record(outcome: Outcome) -> dict:
    """An outcome as the JSON file holds it. `fault` is null for a notebook without a fault."""
    own = {"notebook": outcome.notebook, "where": outcome.where, "failure": outcome.failure}
    fault = dataclasses.asdict(outcome.fault) if outcome.fault else None
    return own | {"fault": fault, "claim": outcome.claim, "as_expected": outcome.as_expected}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1, help="how many notebooks to run at once")
    parser.add_argument("--only", help="numbers of notebooks, separated by commas: 03,06")
    parser.add_argument("--json", type=Path, help="where to store the outcomes")
    given = parser.parse_args()
    known = {fault.notebook for fault in FAULTS}
    numbers = set(given.only.split(",")) if given.only else known
    if numbers - known:
        parser.error(f"no fault is for notebook {min(numbers - known)}: use {', '.join(sorted(known))}")
    found = outcomes(numbers, given.jobs)
    if given.json:
        with files.replacing(given.json) as temporary:
            temporary.write_text(json.dumps([as_record(outcome) for outcome in found], indent=1), encoding="utf-8")
    wrong = [outcome for outcome in found if not outcome.as_expected]
    print(f"\n{len(found) - len(wrong)} of {len(found)} as expected")
    for outcome in wrong:
        print(row(outcome))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
