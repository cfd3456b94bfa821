"""The log of a training: `metrics.csv`, and event files for TensorBoard if it is installed."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

from ipe_sr.files import replacing

HEADER = ("step", "name", "value")


class Log:
    """Writes one row (step, name, value) to `metrics.csv` for each value of each step.

    A resumed training repeats the steps after its checkpoint, so their rows are removed when the log is opened.

    out: the training's folder.   step: how many steps are done already.   progress: called with everything that is written.
    active: if False, nothing is written. It is True in the first process only.
    """

    def __init__(self, out: Path, step: int, progress: Callable[[int, dict[str, float]], None], active: bool):
        self.path, self.progress, self.active, self.board = out / "metrics.csv", progress, active, None
        if not active:
            return
        kept = self._rows_up_to(step) if step else []   # a new training writes the rows of step 0 itself
        with replacing(self.path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([HEADER, *kept])
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        # TensorBoard drops the events at `purge_step` and after it; those of the step that is done already are kept.
        self.board = SummaryWriter(os.fspath(out), purge_step=step + 1 if step else 0)

    def _rows_up_to(self, step: int) -> list[list[str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            return [row for row in csv.reader(file) if row and row[0] != HEADER[0] and int(row[0]) <= step]

    def write(self, step: int, values: dict[str, float]) -> None:
        """Add the values of a step, {name: value}."""
        if not self.active:
            return
        with self.path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows((step, name, value) for name, value in values.items())
        if self.board:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)
        self.progress(step, values)

    def close(self) -> None:
        """Wait until TensorBoard's events are on disk. Its writer is a thread of its own and may be behind."""
        if self.board:
            self.board.close()
