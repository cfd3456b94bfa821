"""One run of a sweep's plan, as a process of its own: `python -m ipe_sr.sweeps.job PLAN NAME RECORD EXECUTED`.

It imports no torch: the notebook's kernel does, and this waits beside it.
"""

import json
import sys
from pathlib import Path

from ipe_sr.series import documents, execution
from ipe_sr.sweeps import records


def run(plan: Path, name: str, record: Path, executed: Path) -> str | None:
    """Execute the notebook, which writes the run's record; returns one line for a failure, or None.

    plan: its folder gets the record of a failure, and the folder above keeps the training; on a cluster both are shared.
    record, executed: what the scheduler expects, which may be a copy on the node.
    """
    made = json.loads(plan.read_text(encoding="utf-8"))
    asked, notebook = made["runs"][name], Path(made["notebook"]["path"])
    place = {key: asked["place"][key] for key in ("table", "block", "row", "params")}
    paths = {"record_file": record.resolve(), "training": plan.resolve().parents[1] / "training" / name}
    given = asked["parameters"] | {"place": place} | {key: str(path) for key, path in paths.items()}
    given = documents.resolve(documents.declared(documents.read(notebook), notebook), given, notebook)
    failure, _ = execution.execute(notebook, executed.resolve(), given)
    if failure:
        from ipe_sr.sweeps import experiments

        experiment, home = experiments.prepare(**asked["parameters"]), plan.parent / name
        home.mkdir(parents=True, exist_ok=True)
        source = {key: made["notebook"][key] for key in ("name", "sha256")}
        experiments.failed(experiment, place, source, failure).write(home / records.FAILURE)
    return failure


if __name__ == "__main__":
    plan, name, record, executed = sys.argv[1:]
    if failed := run(Path(plan), name, Path(record), Path(executed)):
        print(failed, file=sys.stderr)
        raise SystemExit(1)
