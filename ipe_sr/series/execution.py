"""One notebook, executed by papermill in its own folder; for the series and for sweeps alike."""

from pathlib import Path
from typing import Any

from ipe_sr import files
from ipe_sr.series import documents


def execute(
    notebook: Path, executed: Path, parameters: dict[str, Any], timeout: int | None = None
) -> tuple[str | None, list[dict]]:
    """Execute a notebook; failures are returned, not raised.

    executed: gets the copy with outputs, also of a failure.   timeout: of a cell, seconds; None for none.
    Returns one line that names the notebook and the cell that failed, or None; and what was noted (see `files.journal`).
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
        except Exception as error:   # a dead kernel, a time-out: reported like a failing cell, the others go on
            failure = f"{type(error).__name__}: {error}"
    if failure is None and (found := documents.failures(documents.read(executed))):
        failure = found[0]
    return (f"{notebook.name}, " + " ".join(failure.split()) if failure else None), events
