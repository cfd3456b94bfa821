"""python -m data_scripts.prepare FOLDER --scales 2,3,4 : make MATLAB-exact low-resolution pictures.
python -m data_scripts.prepare FOLDER --store : decode the pictures once, into the file that training reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from data_scripts.catalogue import counted, writing
from ipe_sr import console, options
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets, images, resample

app = typer.Typer(**console.OPTIONS)


@app.command()
def prepare(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with pictures, or with HR/.")],
    scales: Annotated[
        list[str], typer.Option(metavar="FACTORS", help="Separated by commas: 2,3,4; fractions are fine.")
    ] = ("2,3,4",),
    out: Annotated[Path | None, typer.Option(help="Folder for X2, X3, ...; default: FOLDER/LR_bicubic.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
    store: Annotated[bool, typer.Option("--store", help="Only decode into the cache for training.")] = False,
) -> None:
    """Write X{s}/NAMEx{s}.png for each picture: HR cropped to whole LR pixels, then MATLAB's imresize, 8 bits.

    Files are written atomically, and existing files are kept, so an interrupted run can be continued.
    """
    factors = [_factor(text) for text in options.listed(scales, "--scales")]
    if store and out:
        raise InputError("--out: the store goes into the cache; set IPE_SR_CACHE to choose another folder")
    if not folder.is_dir():
        raise InputError(f"{folder}: " + ("is a file; give the folder" if folder.exists() else "no such folder"))
    pictures = datasets.find(folder.absolute()).hr   # absolute, so that it is not taken for the name of a set
    if store:
        _store(pictures)
    else:
        _shrink(pictures, factors, out or (folder.parent if folder.name == "HR" else folder) / "LR_bicubic", overwrite)


def _store(pictures: Sequence[Path]) -> None:
    from ipe_sr.training import batches  # only here: it imports torch

    with console.progress() as bar:
        task = bar.add_task("prepare", total=len(pictures))
        made = batches.Store.of(pictures, batches.cache_folder(), lambda: bar.advance(task))
    console.out.print(f"{batches.cache_folder()}: {counted(len(made), 'picture')}, {made.pixels.numel() / 1e9:.2f} GB")


def _shrink(pictures: Sequence[Path], factors: list[float], target: Path, overwrite: bool) -> None:
    if twins := datasets.twins(pictures):
        raise InputError(f"{twins[1]}: would get the same name as {twins[0].name}; rename one of them")
    made = 0
    with console.progress() as bar:
        task = bar.add_task("prepare", total=len(pictures) * len(factors))
        for path in pictures:
            files = {s: target / f"X{s:g}" / f"{path.stem}x{s:g}.png" for s in factors}
            due = {s: file for s, file in files.items() if overwrite or not file.is_file()}
            pixels = datasets.colours(path) if due else None
            for s, file in due.items():
                hr, lr_size = datasets.fit(path, pixels, s)
                with writing(target):
                    file.parent.mkdir(parents=True, exist_ok=True)
                images.write(file, images.Picture(resample.imresize(hr, lr_size)))
                made += 1
            bar.advance(task, len(factors))
    kept = len(pictures) * len(factors) - made
    console.out.print(f"{target}: {counted(made, 'picture')} made" + (f", {kept} kept" if kept else ""))


def _factor(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"--scales: {text!r} is not a number; give factors such as 2,3,4") from None
    if not 1 < value <= 100:   # NaN fails as well
        raise InputError(f"--scales: {text!r} is out of range; factors are above 1 and at most 100")
    return value


if __name__ == "__main__":
    console.run(app, "prepare")
