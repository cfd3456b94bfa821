"""One run of a sweep's plan, as a process of its own: `python -m ipe_sr.sweep_job PLAN NAME NOTEBOOK`.

It imports no torch: the notebook's kernel does, and this waits beside it.
"""

import json
import sys
from pathlib import Path

from ipe_sr import execution, records, series

EXECUTED = "executed.ipynb"


def run(plan: Path, name: str, notebook: Path) -> str | None:
    """Execute the notebook, which writes the run's record; on failure write that. Returns one line for a failure, or None."""
    made = json.loads(plan.read_text(encoding="utf-8"))
    asked, home = made["runs"][name], plan.resolve().parent / name
    place = {key: asked["place"][key] for key in ("table", "block", "row", "params")}
    home.mkdir(parents=True, exist_ok=True)
    given = asked["parameters"] | {"place": place, "folder": str(home), "training": str(home.parents[1] / "training" / name)}
    given = series.resolve(series.declared(series.read(notebook), notebook), given, notebook)
    failure, _ = execution.execute(notebook, home / EXECUTED, given)
    if failure:
        from ipe_sr import experiments

        experiment = experiments.prepare(**asked["parameters"])
        experiments.failed(experiment, place, made["notebook"], failure).write(home / records.FAILURE)
    return failure


if __name__ == "__main__":
    failed = run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    if failed:
        print(failed, file=sys.stderr)
        raise SystemExit(1)
