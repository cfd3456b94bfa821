"""The paper's Tables 1 to 4 as data: `paper.yaml`, which says where they come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

import yaml

SOURCE = "Liu, Guo, Zhang, arXiv 2112.05756"
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Row:
    """method: of our presets.   psnr (dB), ssim: one for each of the table's scales, None for a dash."""

    method: str
    label: str
    psnr: tuple[float | None, ...]
    ssim: tuple[float | None, ...]


@dataclass(frozen=True)
class Block:
    """data: our name of the set.   training: appendix of the schedules that train on this block's scales, or ""."""

    name: str
    data: str
    training: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Table:
    """better, alike: pairs of methods of which the paper says that the first is ahead, or that they hardly differ."""

    name: str
    caption: str
    scales: tuple[float, ...]
    better: Pairs
    alike: Pairs
    blocks: tuple[Block, ...]

    @property
    def title(self) -> str:
        return f"Table {self.name.removeprefix('table')}"

    @property
    def rows(self) -> Iterator[tuple[Block, Row]]:
        return ((block, row) for block in self.blocks for row in block.rows)


@cache
def tables() -> MappingProxyType[str, Table]:
    """By name: table1 to table4."""
    data = yaml.safe_load((resources.files("ipe_sr") / "paper.yaml").read_text())
    return MappingProxyType({name: _table(name, entry) for name, entry in data.items()})


def _table(name: str, entry: dict) -> Table:
    dashes = [None] * len(entry["scales"])

    def row(given: dict) -> Row:
        return Row(given["method"], given["label"], tuple(given["psnr"]), tuple(given.get("ssim", dashes)))

    blocks = [Block(b["name"], b["data"], b.get("training", ""), tuple(map(row, b["rows"]))) for b in entry["blocks"]]
    pairs = {kind: tuple((first, second) for first, second in entry[kind]) for kind in ("better", "alike")}
    return Table(name, entry["caption"], tuple(entry["scales"]), **pairs, blocks=tuple(blocks))
