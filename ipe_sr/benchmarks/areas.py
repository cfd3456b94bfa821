"""Measure how much models use the area of a pixel: `python -m ipe_sr.benchmarks.areas MODEL... --out FOLDER`.

A MODEL is a released name or the path of a checkpoint. Each gets a record in the folder (see `ipe_sr.areas` for what is
measured); a model that has one already is left out. `python -m ipe_sr.report.areas FOLDER` makes tables and a figure of them.
The model.safetensors of a training is named after the training's folder.
"""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from ipe_sr import areas, files, models, provenance
from ipe_sr.benchmarks import command
from ipe_sr.imaging import datasets
from ipe_sr.report.areas import FORMAT
from ipe_sr.training import loop

SCALES = (1.5, 2, 2.7, 3, 4, 6, 8, 12)
GAPS = {1: (2, 4), 2: (2, 4), 3: (2, 4), 4: (2, 4)}   # scale -> how many parts a pixel is cut into, along each axis


def name_of(model: str) -> str:
    path = Path(model)
    return path.parent.name if path.name == loop.MODEL else path.stem


def measure(model: str, data: str, scales: list[float]) -> dict[str, Any]:
    """The record of one model, as JSON data."""
    pictures = datasets.find(data)
    with files.journal() as events:
        network = models.load(model)
        upright = [dataclasses.asdict(told) for told in areas.upright(network, pictures, scales)]
        views = [dataclasses.asdict(told) for told in areas.views(network, pictures)]
        gaps = [
            {"scale": scale, "parts": parts, "psnr": areas.gap(network, pictures, scale, parts)}
            for scale, cuts in GAPS.items() for parts in cuts
        ]
    return {
        "format": FORMAT, "model": name_of(model), "set": data, "upright": upright, "views": views, "gaps": gaps,
        "git": provenance.git(), "versions": provenance.versions(), "data": provenance.data(events),
    }


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="see above")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the records are written")
    parser.add_argument("--data", default="set5", metavar="SET", help="the pictures")
    parser.add_argument("--scales", type=float, nargs="+", default=list(SCALES), help="of the upright pictures")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    files.make_folder(asked.out)
    for model in asked.models:
        path = asked.out / f"{name_of(model)}.json"
        if path.exists():
            continue
        record = measure(model, asked.data, asked.scales)
        files.write_json(path, record)
        print(path, flush=True)


if __name__ == "__main__":
    command.run(main)
