"""python -m data_scripts.manifest FOLDER : write or check the list of a folder's pictures, with their hashes.

The first call writes FOLDER/manifest.json: of each picture its path, bytes, SHA-256 and size in pixels. Later calls compare the
folder with it. So a set of one's own can be handed on, and everyone can see that it is the same.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from data_scripts.catalogue import counted
from ipe_sr import console, files
from ipe_sr.errors import InputError
from ipe_sr.imaging.datasets import SUFFIXES

NAME, FORMAT = "manifest.json", "ipe_sr-manifest/1"
SHOWN = 3   # how many differences the error message names
app = typer.Typer(**console.OPTIONS)


@app.command()
def manifest(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of pictures; folders inside count, too.")],
    update: Annotated[bool, typer.Option("--update", help="Replace the list that is there.")] = False,
) -> None:
    """Write the list of a folder's pictures, or compare the folder with it."""
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    there, path = facts(folder), folder / NAME
    if not there:
        raise InputError(f"{folder}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    total = f"{counted(len(there), 'picture')}, {sum(fact['bytes'] for fact in there.values())} bytes"
    if update or not path.exists():
        with files.replacing(path) as temporary:
            temporary.write_text(json.dumps({"format": FORMAT, "files": there}, indent=1) + "\n", encoding="utf-8")
        console.out.print(f"{path}: {total}: written")
        return
    if found := differences(read(path), there):
        more = f" and {counted(len(found) - SHOWN, 'more picture')}" if len(found) > SHOWN else ""
        raise InputError(f"{folder}: {', '.join(found[:SHOWN])}{more}; --update accepts the folder as it is")
    console.out.print(f"{path}: {total}: unchanged")


def facts(folder: Path) -> dict[str, dict[str, Any]]:
    """Path below the folder -> what the list holds of the picture. Raises InputError for an unreadable one."""
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()):
        try:
            with Image.open(path) as picture:
                width, height = picture.size
        except (OSError, ValueError, Image.DecompressionBombError):
            raise InputError(f"{path}: not a readable picture") from None
        found[path.relative_to(folder).as_posix()] = {
            "bytes": path.stat().st_size, "sha256": files.sha256(path), "height": height, "width": width,
        }
    return found


def read(path: Path) -> dict[str, dict[str, Any]]:
    """The list in a file. Raises InputError for any other content."""
    data = files.read_json(path)
    if not isinstance(data, dict) or data.get("format") != FORMAT or not isinstance(data.get("files"), dict):
        raise InputError(f"{path}: its format is not {FORMAT!r}; --update replaces it")
    return data["files"]


def differences(listed: dict[str, dict[str, Any]], there: dict[str, dict[str, Any]]) -> list[str]:
    """One text for each picture that is missing, new or changed."""
    kinds = {name: "missing" if name not in there else "new" if name not in listed else "changed"
             for name in sorted(listed.keys() | there.keys()) if listed.get(name) != there.get(name)}
    return [f"{name} is {kind}" for name, kind in kinds.items()]


if __name__ == "__main__":
    console.run(app, "manifest")
