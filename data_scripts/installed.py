"""Manifests: a list of the files that were installed from an archive, so that they can be checked later."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from data_scripts.catalogue import writing
from ipe_sr import files
from ipe_sr.errors import InputError

FOLDER = ".installed"   # below the data folder: NAME.json


@dataclass(frozen=True)
class Manifest:
    """name, hash: the archive's.   files: path below the data folder -> {"bytes", "sha256"}."""

    name: str
    hash: str
    files: dict[str, dict]

    def under(self, destination: str) -> dict[str, dict]:
        """The files of one destination, which is a folder or a file."""
        return {path: facts for path, facts in self.files.items() if Path(path).is_relative_to(destination)}


def read(root: Path, name: str) -> Manifest | None:
    """The manifest of an archive, None if it was never installed. Raises InputError if the manifest is damaged."""
    path = root / FOLDER / f"{name}.json"
    if not path.is_file():
        return None
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError):
        raise InputError(f"{path}: damaged; remove it and the data that it lists, then download {name} again") from None


def names(root: Path) -> list[str]:
    """The archives that were installed, sorted by name."""
    return sorted(path.stem for path in (root / FOLDER).glob("*.json"))


def write(root: Path, manifest: Manifest) -> Path:
    """Writes the manifest atomically and returns its path."""
    path = root / FOLDER / f"{manifest.name}.json"
    with writing(root):
        path.parent.mkdir(parents=True, exist_ok=True)
    with files.replacing(path) as temporary:
        temporary.write_text(json.dumps(asdict(manifest), indent=0, sort_keys=True), encoding="utf-8")
    return path


def faults(root: Path, expected: dict[str, dict], content: bool = True) -> dict[str, str]:
    """Path -> "missing" or "damaged", for each file that differs from `expected`.

    content: whether to compare hashes, too; without them the check is fast.
    """
    found = {}
    for path, facts in expected.items():
        file = root / path
        if not file.is_file():
            found[path] = "missing"
        elif file.stat().st_size != facts["bytes"] or (content and files.sha256(file) != facts["sha256"]):
            found[path] = "damaged"
    return found
