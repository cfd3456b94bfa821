"""Store a trained network in 16 bits, as released weights are: `python -m ipe_sr.models.halve SOURCE OUT`.

The facts of the training are kept, and the SHA-256 of the source is added to them, so that the records of the training's
scores lead to the file.
"""

from pathlib import Path
from typing import Annotated

import typer

from ipe_sr import console, files
from ipe_sr.models import checkpoints


def halve(source: Path, out: Path) -> None:
    """Writes the network of a checkpoint as float16. Raises InputError if the source is not a checkpoint."""
    import torch

    model, facts = checkpoints.read(source), checkpoints.training_facts(source)
    checkpoints.save(model, out, facts | {"source_sha256": files.sha256(source)}, dtype=torch.float16)


def main(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", exists=True, dir_okay=False, help="A training's checkpoint.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write.")],
) -> None:
    """Store a trained network in 16 bits."""
    halve(source, out)


if __name__ == "__main__":
    app = typer.Typer(**console.OPTIONS)
    app.command()(main)
    console.run(app, "halve")
