"""Execute one notebook by papermill, in the notebook's own folder. The series and the sweeps both use this."""

from pathlib import Path
from typing import Any

from ipe_sr import files
from ipe_sr.series import documents


def execute(
    notebook: Path, executed: Path, parameters: dict[str, Any], timeout: int | None = None
) -> tuple[str | None, list[dict]]:
    """Execute a notebook. Failures are returned, not raised.

    executed: the file for the copy with outputs, which is written after a failure, too.
    timeout: the longest time for one cell, in seconds; None for no limit.
    Returns (failure, events). failure: None, or one line that names the notebook and the cell. events: what the kernel
    noted in the journal (see `files.journal`).
    """
    import papermill
    from papermill.exceptions import PapermillExecutionError

    failure = None
    with files.journal() as events:
        try:
            papermill.execute_notebook(
                str(notebook), str(executed), parameters, kernel_name="python3", language="python",
                cwd=str(notebook.parent), progress_bar=False, execution_timeout=timeout,
            )
        except PapermillExecutionError as error:
            failure = f"cell {error.exec_count}: {error.ename}: {error.evalue}"
        except Exception as error:   # such as a dead kernel or a timeout: the other notebooks still run
            failure = f"{type(error).__name__}: {error}"
    if failure is None and (found := documents.failures(documents.read(executed))):
        failure = found[0]
    return (f"{notebook.name}, " + " ".join(failure.split()) if failure else None), events
