"""The challenge: who enlarges hidden pictures best, by 2.7 and by 7, with a small model?  notebooks/exercises/challenge.md

An entry is a checkpoint of this package: weights and a config, no code. Each entry is scored in a process with limits.
"""

import csv
import html
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ipe_sr import files
from ipe_sr.coursework import sandbox, supervisor
from ipe_sr.coursework.limits import MB, Limits
from ipe_sr.coursework.submissions import shown
from ipe_sr.coursework.tables import safe
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets

SCALES = (2.7, 7.0)
MOST_PARAMETERS = 500_000
MOST_BYTES = 16 * MB
PROTOCOL = "div2k"
BASELINES = ("ipe-field-light", "small-ipe-liif", "bicubic")
PAGE = """<!DOCTYPE html><html lang=en><meta charset=utf-8><title>Leaderboard</title>
<meta http-equiv=Content-Security-Policy content="default-src 'none'; style-src 'unsafe-inline'">
<style>
body {{ font: 16px sans-serif; margin: 2em }}
table {{ border-collapse: collapse }}
td, th {{ padding: .3em 1em; text-align: left; border-bottom: 1px solid #ccc }}
td:nth-child(2) {{ white-space: nowrap }}
td:nth-child(n+3):nth-last-child(n+2), th:nth-child(n+3):nth-last-child(n+2) {{ text-align: right }}
</style>
<h1>Leaderboard</h1>
<p>Mean PSNR in dB over the hidden pictures (protocol {protocol}).
The mean of the scales decides. The seconds are those of all pictures.
<table><tr>{head}{body}</table></html>
"""


@dataclass(frozen=True)
class Entry:
    """One row of the leaderboard.

    psnr: the mean over the pictures in dB, for each scale; empty if the entry could not be scored.   problem: why, in one line.
    seconds: that enlarging all pictures took.
    """

    name: str
    psnr: tuple[float, ...] = ()
    parameters: int = 0
    seconds: float = 0.0
    problem: str = ""

    @property
    def mean(self) -> float:
        """The figure that counts: the mean of the scales."""
        return sum(self.psnr) / len(self.psnr) if self.psnr else -math.inf


def score_all(
    entries: Path, pictures: Path, out: Path, seconds: int, report: Callable[[str], None] = print, baselines: bool = True
) -> list[Entry]:
    """Score every ENTRIES/NAME.safetensors and the baselines; write OUT/leaderboard.csv and OUT/leaderboard.html.

    seconds: that an entry may take.   Returns the entries, the best first.
    Raises InputError, before anything is scored, if there are no entries or no pictures.
    """
    paths = sorted(path for path in entries.glob("*.safetensors")) if entries.is_dir() else []
    if not paths:
        raise InputError(f"{entries}: holds no entries; an entry is a file {entries}/NAME.safetensors")
    datasets.find(pictures)
    files.make_folder(out)
    board = []
    for model in [*map(str, paths), *(BASELINES if baselines else ())]:
        entry = score_entry(model, pictures, seconds)
        report(f"{shown(entry.name)}: " + (entry.problem or f"{entry.mean:.2f} dB"))
        board.append(entry)
    board.sort(key=lambda entry: -entry.mean)
    _write(out, board)
    return board


def score_entry(model: str, pictures: Path, seconds: int) -> Entry:
    """Score one entry, given by its path, or a baseline, given by its name."""
    name = f"{model} (baseline)" if model in BASELINES else Path(model).stem
    entry = Entry(name)
    path = Path(model)
    if model not in BASELINES and (path.is_symlink() or not path.is_file() or path.stat().st_size > MOST_BYTES):
        return replace(entry, problem=f"is no file of at most {MOST_BYTES // MB} MB")
    said: list[dict[str, Any]] = []
    job = {"model": model if model in BASELINES else str(path.resolve()), "pictures": str(pictures.resolve())}
    why = supervisor.run("score", job, seconds, Limits(processes=8), said.append, sandbox.Sandbox())
    found = said[-1] if said else {"problem": why or "no score was computed"}
    if why or "problem" in found:
        return replace(entry, problem=str(found.get("problem") or why))
    return replace(entry, psnr=tuple(found["psnr"]), parameters=found["parameters"], seconds=found["seconds"])


def measure(model: str, pictures: str) -> dict[str, Any]:
    """Load a model and score it; `score` calls this in a process of its own. Returns the fields of an `Entry`."""
    from ipe_sr import evaluation, models
    from ipe_sr.imaging import metrics

    try:
        network = models.load(model)
        parameters = sum(weights.numel() for weights in network.parameters())
        if parameters >= MOST_PARAMETERS:
            return {"problem": f"has {parameters} parameters; fewer than {MOST_PARAMETERS} are allowed"}
        start = time.monotonic()
        scores = evaluation.evaluate(network, datasets.find(pictures), SCALES, metrics.PROTOCOLS[PROTOCOL])
    except InputError as error:
        return {"problem": str(error).removeprefix(f"{model}: ")}   # entrants do not see the instructor's folders
    except (MemoryError, RuntimeError) as error:
        return {"problem": f"cannot be computed ({str(error)[:100] or type(error).__name__})"}
    psnr = [one.psnr for one in scores]
    if not all(map(math.isfinite, psnr)):
        return {"problem": "its pictures hold numbers that are not finite"}
    return {"psnr": psnr, "parameters": parameters, "seconds": time.monotonic() - start}


def _write(out: Path, board: list[Entry]) -> None:
    header = ["rank", "entry", *(f"x{scale:g}" for scale in SCALES), "mean", "parameters", "seconds", "problem"]
    rows = []
    for rank, entry in enumerate(board, 1):
        figures = [f"{value:.3f}" for value in (*entry.psnr, entry.mean)] if entry.psnr else [""] * (len(SCALES) + 1)
        counts = [str(entry.parameters), f"{entry.seconds:.1f}"] if entry.psnr else ["", ""]
        rows.append([str(rank) if entry.psnr else "", shown(entry.name), *figures, *counts, entry.problem])
    with files.replacing(out / "leaderboard.csv") as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *([safe(cell) for cell in row] for row in rows)])
    head = "".join(f"<th>{name}" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) for row in rows)
    page = PAGE.format(protocol=PROTOCOL, head=head, body=body)
    with files.replacing(out / "leaderboard.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
