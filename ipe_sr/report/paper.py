"""The paper's Tables 1 to 4 as data. `paper.yaml` holds them and states their source."""

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ipe_sr import files

SOURCE = "arXiv 2112.05756"
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Printed:
    """What the paper prints in one cell.   psnr: dB.   ssim: 0 to 1, or None if the table gives none."""

    psnr: float
    ssim: float | None


@dataclass(frozen=True)
class PaperBlock:
    """training: the range of scales that the networks were trained on, such as "U(1,4)".   data: our name of the set that
    was scored.   rows: label -> scale -> what is printed; cells with a dash are left out."""

    training: str
    data: str
    rows: dict[str, dict[float, Printed]]


@dataclass(frozen=True)
class PaperTable:
    """scales: the columns.   better: pairs of labels of which the paper says that the first is ahead of the second.
    alike: pairs of which it says that they hardly differ.   protocol, ssim: how its figures seem to have been computed, in our
    names (see `metrics`).   remarks: label -> what has to be known about the row."""

    caption: str
    scales: tuple[float, ...]
    better: Pairs
    alike: Pairs
    blocks: tuple[PaperBlock, ...]
    protocol: str
    ssim: str
    remarks: dict[str, str]

    @property
    def with_ssim(self) -> bool:
        """Whether the table prints SSIM too."""
        return any(printed.ssim for block in self.blocks for row in block.rows.values() for printed in row.values())


@dataclass(frozen=True)
class Paper:
    """steps, data: how long and on which sets every network was trained.   tables: by name, table1 to table4."""

    steps: int
    data: tuple[str, ...]
    tables: dict[str, PaperTable]


@cache
def read() -> Paper:
    """The content of `paper.yaml`."""
    source = resources.files(__package__) / "paper.yaml"
    content = files.parse_yaml(source.read_text(encoding="utf-8"), source.name)
    training = content["training"]
    tables = {name: _table(entry) for name, entry in content["tables"].items()}
    return Paper(training["steps"], tuple(training["data"]), tables)


def _table(entry: dict[str, Any]) -> PaperTable:
    scales = tuple(entry["scales"])

    def row(given: dict[str, list]) -> dict[float, Printed]:
        columns = zip(scales, given["psnr"], given.get("ssim", [None] * len(scales)), strict=True)
        return {scale: Printed(psnr, ssim) for scale, psnr, ssim in columns if psnr is not None}

    blocks = [
        PaperBlock(block["training"], block["data"], {label: row(given) for label, given in block["rows"].items()})
        for block in entry["blocks"]
    ]
    better, alike = (tuple((first, second) for first, second in entry[kind]) for kind in ("better", "alike"))
    scoring = entry["scoring"]["protocol"], entry["scoring"]["ssim"]
    return PaperTable(entry["caption"], scales, better, alike, tuple(blocks), *scoring, entry.get("remarks", {}))
