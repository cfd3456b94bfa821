"""What an evaluation leaves to look at: pictures, error maps, a table of every picture, and a page that compares two models."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from ipe_sr import files
from ipe_sr.evaluation import Observation, Score
from ipe_sr.inspection import pictures, versus

PAGE, TABLE = "index.html", "pictures.csv"


class Inspection:
    """Observes an evaluation. Use it in a `with` block.

    folder: for pictures, the table and the page; None writes none.   table: another place for the table.   names: of the model
    that is compared with and of the model that is evaluated. `keep` observes the first of them, `observe` the second.
    """

    def __init__(self, folder: Path | None, table: Path | None, names: tuple[str, str]):
        self.folder, self.table, self.rows = folder, table, []
        if folder:
            files.make_folder(folder)
        for path in filter(None, (table, folder and folder / TABLE, folder and folder / PAGE)):
            files.check_writable(path)   # fails before the work, not after
        self.versus = versus.Versus(names)
        self._kept: list[Path] = []

    def __enter__(self) -> "Inspection":
        self._scratch = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.cleanup()

    def keep(self, seen: Observation) -> None:
        path = Path(self._scratch.name) / f"{len(self._kept)}.npy"
        np.save(path, seen.sr.numpy())
        self._kept.append(path)

    def observe(self, seen: Observation) -> None:
        if self._kept:   # in the order in which they were made
            self.versus.observe(seen, torch.from_numpy(np.load(self._kept[len(self.rows)])))
        self.rows.append(pictures.row(seen))
        if self.folder:
            pictures.save(seen, self.folder)

    def finish(self, first: list[Score], second: list[Score]) -> None:
        """Write the table, and the page if a first model was evaluated.   first, second: the scores of both."""
        for path in filter(None, (self.table, self.folder and self.folder / TABLE)):
            pictures.write_csv(self.rows, path)
        if self._kept and self.folder:
            with files.replacing(self.folder / PAGE) as temporary:
                temporary.write_text(self.versus.page(first, second), encoding="utf-8")
