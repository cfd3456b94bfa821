"""The records of an executed series, and the ledger: the claims of a series and of sweeps, by kind (`claims.KINDS`)."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ipe_sr.claims import KINDS
from ipe_sr.errors import InputError

RECORDS = "[0-9][0-9]_*.json"   # the names of the records that `ipe-sr notebooks` writes


@dataclass(frozen=True)
class Claim:
    """kind: one of `claims.KINDS`.   detail: value and bounds, or the source.   where: the notebook or the table.
    holds: None for a claim that is only reported."""

    id: str
    text: str
    kind: str
    detail: str
    where: str
    holds: bool | None = None

    @property
    def state(self) -> str:
        return {True: "holds", False: "FAILS", None: "reported"}[self.holds]

    def __str__(self) -> str:
        return f"[{self.id}] {self.state}: {self.text}: {self.detail} ({self.where})"


@dataclass(frozen=True)
class Record:
    """What `ipe-sr notebooks` wrote about one run.

    path: of the record.   notebook: the name of its file.   seconds: how long the run took.
    failure: None, or one line that names the notebook and the cell.   claims: all of the notebook; a failed notebook may lack
    the claims after its failure.
    """

    path: Path
    notebook: str
    preset: str
    seconds: float
    failure: str | None
    claims: tuple[Claim, ...]


def records(folder: Path) -> list[Record]:
    """The records in a folder, in the order of the notebooks.

    Raises InputError for a file that has the name of a record and is none.
    """
    return [_record(path) for path in sorted(folder.glob(RECORDS))]


def read(folder: Path) -> tuple[list[Claim], list[str]]:
    """(claims, failures) of the executed series in a folder; both are empty without records. Raises InputError as `records`."""
    found = records(folder)
    return [claim for record in found for claim in record.claims], [record.failure for record in found if record.failure]


def by_kind(entries: Iterable[Claim]) -> dict[str, list[Claim]]:
    """Every kind of `claims.KINDS` with its claims, in the order of their ids. Raises InputError if two claims have one id."""
    known: dict[str, Claim] = {}
    for entry in entries:
        if other := known.get(entry.id):
            raise InputError(f"claim {entry.id} stands twice, in {other.where} and in {entry.where}: give each its own id")
        known[entry.id] = entry
    ordered = [known[id] for id in sorted(known, key=_natural)]
    return {kind: [entry for entry in ordered if entry.kind == kind] for kind in KINDS}


def _natural(id: str) -> list[str | int]:
    """A key that sorts 03.2 before 03.10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", id)]


def _record(path: Path) -> Record:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        claims = tuple(_claim(claim, read["notebook"]) for claim in read["claims"])
        return Record(path, read["notebook"], read["preset"], float(read["seconds"]), read["failure"], claims)
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path}: not a record of ipe-sr notebooks; run the notebook again") from None


def _claim(noted: dict, notebook: str) -> Claim:
    if noted["kind"] not in KINDS:
        raise ValueError(f"kind {noted['kind']!r} is unknown")
    detail = noted["source"] if noted["kind"] == "reported" else noted["bounds"]
    return Claim(noted["id"], noted["text"], noted["kind"], detail, notebook, noted.get("holds"))
