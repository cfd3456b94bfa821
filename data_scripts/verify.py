"""python -m data_scripts.verify [NAME...] : check that the installed files are still there and unchanged."""

from pathlib import Path
from typing import Annotated

import typer

from data_scripts import catalogue, installed
from data_scripts.catalogue import counted
from ipe_sr import console
from ipe_sr.errors import InputError

SHOWN = 3   # how many faulty files an error message names
app = typer.Typer(**console.OPTIONS)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: all that is installed.")] = None,
    out: Annotated[Path | None, typer.Option(help="The data folder; default: where ipe_sr looks for data.")] = None,
) -> None:
    """Compare every file with its state when it was installed: presence, size, sha256."""
    root = catalogue.root(out)
    chosen = [entry.name for entry in catalogue.named(names or [])] or installed.names(root)
    if not chosen:
        raise InputError(f"{root}: nothing was installed there; see python -m data_scripts.download, or give --out")
    complaints = []
    for name in chosen:
        manifest = installed.read(root, name)
        if manifest is None:
            complaints.append(f"{name} is not installed in {root}: python -m data_scripts.download {name}")
            continue
        faults = installed.faults(root, manifest.files)
        total = sum(facts["bytes"] for facts in manifest.files.values())
        state = "complete" if not faults else f"{len(faults)} missing or damaged"
        console.out.print(f"{name}: {counted(len(manifest.files), 'file')}, {total} bytes: {state}")
        if faults:
            listed = ", ".join(f"{path} is {fault}" for path, fault in list(faults.items())[:SHOWN])
            more = f" and {counted(len(faults) - SHOWN, 'more file')}" if len(faults) > SHOWN else ""
            complaints.append(f"{name}: {listed}{more}; remove its remaining files from {root}, then download it again")
    if complaints:
        raise InputError("; ".join(complaints))


if __name__ == "__main__":
    console.run(app, "verify")
