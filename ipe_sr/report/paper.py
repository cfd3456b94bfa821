"""The paper's Tables 1 to 4 as data: `paper.yaml`, which says where they come from."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

SOURCE = "arXiv 2112.05756"
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figure:
    """psnr: dB.   ssim: 0 to 1, or None where the table gives none."""

    psnr: float
    ssim: float | None


@dataclass(frozen=True)
class Block:
    """training: the scales that the networks were trained on.   data: our name of the set that was scored.
    rows: label -> scale -> figure, without the table's dashes."""

    training: str
    data: str
    rows: dict[str, dict[float, Figure]]


@dataclass(frozen=True)
class Table:
    """scales: the columns.   better, alike: pairs of labels, of which the paper says that the first is ahead, or that they
    hardly differ."""

    caption: str
    scales: tuple[float, ...]
    better: Pairs
    alike: Pairs
    blocks: tuple[Block, ...]

    @property
    def with_ssim(self) -> bool:
        return any(figure.ssim for block in self.blocks for row in block.rows.values() for figure in row.values())


@dataclass(frozen=True)
class Paper:
    """steps, data: of every training.   tables: by name, table1 to table4."""

    steps: int
    data: tuple[str, ...]
    tables: dict[str, Table]


@cache
def read() -> Paper:
    content = yaml.safe_load((resources.files(__package__) / "paper.yaml").read_text(encoding="utf-8"))
    training = content["training"]
    tables = {name: _table(entry) for name, entry in content["tables"].items()}
    return Paper(training["steps"], tuple(training["data"]), tables)


def _table(entry: dict[str, Any]) -> Table:
    scales = tuple(entry["scales"])

    def row(given: dict[str, list]) -> dict[float, Figure]:
        columns = zip(scales, given["psnr"], given.get("ssim", [None] * len(scales)), strict=True)
        return {scale: Figure(psnr, ssim) for scale, psnr, ssim in columns if psnr is not None}

    blocks = [
        Block(block["training"], block["data"], {label: row(given) for label, given in block["rows"].items()})
        for block in entry["blocks"]
    ]
    better, alike = (tuple((first, second) for first, second in entry[kind]) for kind in ("better", "alike"))
    return Table(entry["caption"], scales, better, alike, tuple(blocks))
