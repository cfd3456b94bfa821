"""One run of a sweep's plan, as a process of its own: `python -m ipe_sr.sweeps.job PLAN NAME RECORD EXECUTED`.

It imports no torch, because it only waits for the notebook's kernel, which does.
"""

import os
import sys
from pathlib import Path

from ipe_sr import files
from ipe_sr.series import documents, execution
from ipe_sr.sweeps import experiments, records
from ipe_sr.sweeps.records import Place, Record


def run(plan: Path, name: str, record: Path, executed: Path) -> str | None:
    """Executes the notebook, which writes the run's record. Returns one line if it fails, else None.

    plan: if the run fails, a folder beside this file gets the record of the failure. The training is kept in the folder
    above. On a cluster, both folders are shared.   record, executed: the files that the scheduler expects, which may lie in a
    copy on the node.
    """
    made = files.read_json(plan)
    os.environ.update(made["environment"])   # a scheduler does not pass all variables on
    asked, notebook = made["runs"][name], Path(made["notebook"]["path"])
    place = {key: asked["place"][key] for key in ("table", "block", "row", "params")}
    paths = {"record_file": record.resolve(), "training": plan.resolve().parents[1] / "training" / name}
    given = asked["parameters"] | {"place": place} | {key: str(path) for key, path in paths.items()}
    given = documents.resolve(documents.declared(documents.read(notebook), notebook), given, notebook)
    for path in (record, executed):   # snakemake has made their folders; who calls this by hand need not
        files.make_folder(path.resolve().parent)
    failure, _ = execution.execute(notebook, executed.resolve(), given)
    if failure:
        known = experiments.identity(
            Place(**asked["place"]), asked["parameters"], asked, made["notebook"], made["code_sha256"]
        )
        files.make_folder(plan.parent / name)
        Record(**known, status="failed", failure=failure).write(plan.parent / name / records.FAILURE)
    return failure


if __name__ == "__main__":
    plan, name, record, executed = sys.argv[1:]
    if failed := run(Path(plan), name, Path(record), Path(executed)):
        print(failed, file=sys.stderr)
        raise SystemExit(1)
