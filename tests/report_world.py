"""A folder of made-up runs, as a sweep would write them, with scores whose true differences are known."""

import dataclasses
import json
from pathlib import Path

import numpy as np

from ipe_sr.sweeps import records
from ipe_sr.sweeps.records import Place, Record

BLOCK = "U(1,4)"
FULL, CELL, SKIP = "IPE-LIIF (ours)", "IPE-LIIF + cell", "IPE-LIIF - skip"
METHODS = {FULL: "ipe-liif", CELL: "ipe-liif-cell", SKIP: "ipe-liif-no-skip"}
TRUTH = {FULL: 0.0, CELL: -0.2, SKIP: -0.21}   # dB, relative to the first


def place(row=FULL, seed=0, **changes) -> Place:
    method = changes.pop("method", METHODS.get(row, "liif"))
    base = Place("table4", BLOCK, row, method, "tiny", f"tiny-{method}", seed)
    return dataclasses.replace(base, **changes)


def score(psnr, data="samples-valid", scale=2, **changes) -> dict:
    """psnr: one for each picture."""
    images = [{"name": f"picture{i}", "psnr": value, "ssim": 0.9} for i, value in enumerate(psnr)]
    return {
        "data": data, "scale": scale, "protocol": "div2k", "ssim_convention": "rgb", "lr": "matlab",
        "psnr": None if None in psnr else float(np.mean(psnr)), "ssim": 0.9, "images": images,
    } | changes


def record(where: Place, scores=(), **changes) -> Record:
    curve = [{"step": step, "name": name, "value": float(value)} for step in (10, 20)
             for name, value in (("seconds", step / 2), ("psnr_x2", 20 + step / 10))]
    parameters = {"seed": where.seed, "scales": [each["scale"] for each in scores] or [2, 4]}
    facts = {
        "parameters": parameters, "status": "ok", "failure": None, "model": {}, "notebook": "experiment.ipynb",
        "schedule": {"data": ["samples-train"], "steps": 20}, "source_sha256": "0" * 64, "code_sha256": "1" * 64,
        "git": {"commit": "2" * 40, "dirty": False}, "started": "2026-01-01T00:00:00Z", "versions": {"torch": "2.13"},
        "device": "cpu (x86_64)", "threads": 1, "cores": 2, "seconds": {"train": 10.0, "evaluate": 1.0}, "iterations": 20,
        "peak_memory_bytes": 2**29, "checkpoint": {"path": "model.safetensors", "sha256": "3" * 64}, "parameter_count": 12345,
        "scores": list(scores), "curve": curve, "decode": {"picture": "64 x 64 to 256 x 256", "seconds": 0.1},
    }
    return Record(**dataclasses.asdict(where), **facts | changes)


def failed(where: Place, failure="experiment.ipynb, cell 4: Diverged", scales=(2, 4)) -> Record:
    changes = {"status": "failed", "failure": failure, "checkpoint": None, "decode": None, "curve": [], "seconds": {}}
    parameters = {"seed": where.seed, "scales": list(scales)}
    return record(where, parameters=parameters, **changes, iterations=0, peak_memory_bytes=None, parameter_count=None)


def save(folder: Path, run: Record) -> Path:
    target = folder / f"{run.table}-{run.params}" / _name(run)
    target.mkdir(parents=True, exist_ok=True)
    path = target / (records.RECORD if run.status == "ok" else records.FAILURE)
    run.write(path)
    return path


def _name(where: Place) -> str:
    return f"{where.block}-{where.row}-{where.method}-{where.seed}".replace("/", "").replace(" ", "-")


def plan(folder: Path, places: list[Place], scales=(2, 4)) -> None:
    target = folder / f"{places[0].table}-{places[0].params}"
    target.mkdir(parents=True, exist_ok=True)
    runs = {_name(one): {"place": dataclasses.asdict(one), "parameters": {"scales": list(scales)}} for one in places}
    (target / records.PLAN).write_text(json.dumps({"runs": runs}), encoding="utf-8")


def sweep(folder: Path, seeds=range(4), rows=METHODS, noise=0.02, pictures=3, data=("samples-valid",)) -> Path:
    """Writes three rows of Table 4 at x2 and x4. The first is ahead of the others by `TRUTH`; the others hardly differ."""
    rng = np.random.default_rng(0)
    base = {(name, scale): 34 - 2 * scale + 3 * rng.normal(size=pictures) for name in data for scale in (2, 4)}
    places = [place(row, seed) for row in rows for seed in seeds]
    for where in places:
        scores = [
            score([float(v) for v in mean + TRUTH[where.row] + noise * rng.normal(size=pictures)], name, scale)
            for (name, scale), mean in base.items()
        ]
        save(folder, record(where, scores))
    plan(folder, places)
    return folder
