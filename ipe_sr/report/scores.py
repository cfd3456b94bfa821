"""Records of whole evaluations: the scores of a model on sets of pictures, and where they came from.

`ipe-sr evaluate --json FILE` writes one record. `scores_table` makes the table of the released weights from many.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ipe_sr import files, provenance
from ipe_sr.errors import InputError
from ipe_sr.evaluation import Score
from ipe_sr.report import intervals

FORMAT = "ipe_sr-scores/1"
ENSEMBLE = ", self-ensemble"   # is appended to the name of a model that was evaluated with its self-ensemble


@dataclass(frozen=True)
class ScoreRecord:
    """model: as it was asked for, without folders.   data: file name -> {"bytes", "sha256"} of every file read, weights
    included.   code_sha256: see `provenance.digest`.   scores: `evaluation.Score.record()` of each set and scale."""

    model: str
    self_ensemble: bool
    seconds: float
    code_sha256: str
    git: dict[str, Any]
    versions: dict[str, str]
    device: str
    data: dict[str, dict[str, Any]]
    scores: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """The model's name in tables."""
        return self.model + ENSEMBLE if self.self_ensemble else self.model


def record(model: str, self_ensemble: bool, seconds: float, scores: Iterable[Score], events: list[dict]) -> ScoreRecord:
    """The record of an evaluation.   events: of the journal that was kept during it (see `files.journal`)."""
    return ScoreRecord(
        Path(model).name, self_ensemble, round(seconds, 1), provenance.digest("ipe_sr.evaluation"), provenance.git(),
        provenance.versions(), provenance.machine()["device"], provenance.data(events), [score.record() for score in scores],
    )


def write(scores: ScoreRecord, path: Path) -> None:
    """Writes a record to a temporary path that `files.replacing` gave."""
    path.write_text(json.dumps({"format": FORMAT} | asdict(scores), indent=1, allow_nan=False), encoding="utf-8")


def read(path: Path) -> ScoreRecord:
    """The record in a file. Raises InputError if the file is missing, damaged or not such a record."""
    data = files.read_json(path)
    names = {field.name for field in fields(ScoreRecord)}
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT or data.keys() != names:
        raise InputError(f"{path}: not a record of ipe-sr evaluate --json (its format is not {FORMAT!r})")
    return ScoreRecord(**data)


def collect(folder: Path) -> dict[str, dict[tuple[str, float], dict[str, Any]]]:
    """Model -> (set, scale) -> score, from all records in a folder.

    Raises InputError if there is no record, if two records hold a score of one model on one set at one scale, and if two models
    were scored there by different protocols.
    """
    found: dict[str, dict[tuple[str, float], dict[str, Any]]] = {}
    protocols: dict[tuple[str, float], tuple[str, Path]] = {}
    for path in sorted(folder.glob("*.json")):
        scores = read(path)
        cells = found.setdefault(scores.name, {})
        for score in scores.scores:
            if (key := (score["data"], score["scale"])) in cells:
                raise InputError(f"{path}: {scores.name} on {key[0]} x{key[1]:g} is in another record, too")
            protocol, other = protocols.setdefault(key, (score["protocol"], path))
            if score["protocol"] != protocol:
                raise InputError(
                    f"{path}: {key[0]} x{key[1]:g} is scored by protocol {score['protocol']}, in {other.name} by {protocol}; "
                    "evaluate one of them again"
                )
            cells[key] = score
    if not found:
        raise InputError(f"{folder}: holds no records; make some with ipe-sr evaluate --json")
    return found


def difference(first: dict[str, Any], second: dict[str, Any]) -> tuple[float, intervals.Interval]:
    """The mean difference first - second in PSNR, in dB, and its 95% interval for other pictures of the same kind.

    Raises InputError unless both scores are of the same pictures by the same protocol, and finite.
    """
    rows = [{image["name"]: image["psnr"] for image in score["images"]} for score in (first, second)]
    if rows[0].keys() != rows[1].keys() or first["protocol"] != second["protocol"]:
        raise InputError(f"the scores on {first['data']} x{first['scale']:g} are not of the same pictures and protocol")
    if None in (*rows[0].values(), *rows[1].values()):
        raise InputError(f"the scores on {first['data']} x{first['scale']:g} hold an infinite PSNR, which has no difference")
    return intervals.over_pictures([rows[0][name] - rows[1][name] for name in rows[0]])
