"""What a training leaves to read: `metrics.csv`, and events for TensorBoard where that is installed."""

import csv
import os
from collections.abc import Callable
from pathlib import Path


class Log:
    """One row for each step, name and value; a resumed run drops what came after its checkpoint, and repeats it.

    out: a folder.   step: what is done already.   progress: called with all that is written.   active: else nothing is
    written, as in all processes but the first.
    """

    def __init__(self, out: Path, step: int, progress: Callable[[int, dict[str, float]], None], active: bool):
        self.path, self.progress, self.active, self.board = out / "metrics.csv", progress, active, None
        if not active:
            return
        rows = [row for row in csv.reader(self.path.open()) if row and row[0] != "step"] if self.path.exists() else []
        kept = [row for row in rows if int(row[0]) <= step] if step else []   # a new run says again what is true before it
        with self.path.open("w", newline="") as file:
            csv.writer(file).writerows([("step", "name", "value"), *kept])
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return
        self.board = SummaryWriter(os.fspath(out), purge_step=step)

    def write(self, step: int, values: dict[str, float]) -> None:
        if not self.active:
            return
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerows((step, name, value) for name, value in values.items())
        if self.board:
            for name, value in values.items():
                self.board.add_scalar(name, value, step)
        self.progress(step, values)

    def close(self) -> None:
        """Events are written by a thread, which is late otherwise."""
        if self.board:
            self.board.close()
