"""The claims ledger: every claim of the series and of the sweeps, by what stands behind it (`claims.KINDS`)."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ipe_sr.claims import KINDS
from ipe_sr.errors import InputError

SERIES = "[0-9][0-9]_*.json"   # the records that `ipe-sr notebooks` writes


@dataclass(frozen=True)
class Claim:
    """kind: one of `claims.KINDS`.   detail: value and bounds, or the source.   where: the notebook or table.
    holds: None for what is only reported."""

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


def read(folder: Path) -> tuple[list[Claim], list[str]]:
    """(claims, failures) of an executed series; a failed notebook may lack the claims that come after its failure.

    folder: where `ipe-sr notebooks` wrote its records; without any there are no claims. Raises InputError for a file
    of that name which is no such record.
    """
    entries, failures = [], []
    for path in sorted(folder.glob(SERIES)):
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            entries += [_entry(claim, record["notebook"]) for claim in record["claims"]]
            failures += [record["failure"]] if record["failure"] else []
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(f"{path}: not a record of ipe-sr notebooks; run the notebook again") from None
    return entries, failures


def by_kind(entries: Iterable[Claim]) -> dict[str, list[Claim]]:
    """Every kind of `claims.KINDS` with its claims, by id. Raises InputError where two claims have one id."""
    known: dict[str, Claim] = {}
    for entry in entries:
        if other := known.get(entry.id):
            raise InputError(f"claim {entry.id} stands twice, in {other.where} and in {entry.where}: give each its own id")
        known[entry.id] = entry
    ordered = [known[id] for id in sorted(known, key=_natural)]
    return {kind: [entry for entry in ordered if entry.kind == kind] for kind in KINDS}


def _natural(id: str) -> list[str | int]:
    """A key that puts 03.2 before 03.10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", id)]


def _entry(claim: dict, notebook: str) -> Claim:
    if claim["kind"] not in KINDS:
        raise ValueError(f"kind {claim['kind']!r} is unknown")
    detail = claim["source"] if claim["kind"] == "reported" else claim["bounds"]
    return Claim(claim["id"], claim["text"], claim["kind"], detail, notebook, claim.get("holds"))
