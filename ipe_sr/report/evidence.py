"""What a table of evidence is to decide: `evidence.yaml`, written before the runs, and the paper's own differences."""

import statistics
from dataclasses import dataclass
from pathlib import Path

from ipe_sr import files
from ipe_sr.errors import InputError, importing
from ipe_sr.report import paper, prose

FILE, SCHEMA = "evidence.yaml", "evidence.schema.yaml"
# Our row -> its labels in the paper. Its Table 1 names the encoder too, and its Table 4 the number of frequencies.
LABELS = {
    "IPE": ("EDSR-baseline-IPE-LIIF (ours)", "IPE-LIIF (ours)"),
    "PE": ("LIIF w/ PE (L = 10)", "LIIF w/ PE"),
    "LIIF": ("EDSR-baseline-LIIF", "LIIF"),
    "IPE + cell": ("IPE-LIIF + cell",),
    "IPE - skip": ("IPE-LIIF - skip",),
    "IPE (L = 4)": ("IPE-LIIF (L = 4)",),
    "IPE (L = 16)": ("IPE-LIIF (L = 16)",),
    "MetaSR": ("EDSR-baseline-MetaSR", "MetaSR"),
    "MetaSR w/ PE": ("MetaSR w/ PE",),
    "IPE-MetaSR": ("IPE-MetaSR (ours)",),
}
UNTOLD = "PE"   # the paper does not tell which decoder this row has


@dataclass(frozen=True)
class Question:
    """A comparison first - second of two rows.   asks: the question that it answers.   primary: whether its test is corrected
    for the number of tests."""

    first: str
    second: str
    asks: str
    primary: bool

    @property
    def pair(self) -> str:
        """The difference in words."""
        return prose.difference(self.first, self.second)


@dataclass(frozen=True)
class Evidence:
    """The content of `evidence.yaml`, which explains it.   ranges: name -> scales.   alike: in dB."""

    table: str
    params: str
    block: str
    sets: tuple[str, ...]
    ranges: dict[str, tuple[float, ...]]
    alike: float
    questions: tuple[Question, ...]

    @property
    def primaries(self) -> int:
        """How many tests the correction counts: the primary comparisons in every range."""
        return len(self.ranges) * sum(question.primary for question in self.questions)


@dataclass(frozen=True)
class PaperDifference:
    """value: the mean difference in dB over these scales of the paper's table.   training: its range of training scales."""

    value: float
    table: str
    training: str
    scales: tuple[float, ...]


def read(folder: Path) -> Evidence | None:
    """The evidence that a folder of experiments plans; None if it has no such file.

    Raises InputError, naming the file and the key, for what the schema does not allow, and for a comparison that occurs twice.
    """
    source = folder / FILE
    if not source.is_file():
        return None
    with importing("sweep", source.name):
        from ipe_sr.sweeps import checked

    content = checked.read(source, folder / SCHEMA)
    questions = tuple(
        Question(**entry, primary=kind == "primaries") for kind in ("primaries", "secondaries") for entry in content.pop(kind)
    )
    pairs = [(question.first, question.second) for question in questions]
    for first, second in pairs:
        if first == second or pairs.count((first, second)) + pairs.count((second, first)) > 1:
            raise InputError(f"{source}: {first!r} and {second!r} are compared twice or are the same; name each pair once")
    ranges = {name: tuple(scales) for name, scales in content.pop("ranges").items()}
    return Evidence(**content | {"sets": tuple(content["sets"])}, ranges=ranges, questions=questions)


def printed(first: str, second: str, block: str, scales: tuple[float, ...]) -> PaperDifference | None:
    """The paper's difference of two of our rows, at those of the scales that it prints; None if it prints none of them.

    block: our range of training scales, such as "U(1,4)". A table of the same range is taken where there is one, else one of
    the narrowest range. A scale counts only if it lies within the paper's training scales just as it lies within ours.
    """
    inside = last_scale(block)
    found = []
    for name, table in paper.read().tables.items():
        for part in table.blocks:
            rows, theirs = [_row(part, row) for row in (first, second)], last_scale(part.training)
            shared = tuple(s for s in scales if all(s in row for row in rows) and (s <= inside) == (s <= theirs))
            if shared:
                value = statistics.fmean(rows[0][scale].psnr - rows[1][scale].psnr for scale in shared)
                found.append(PaperDifference(value, name.replace("table", "Table "), part.training, shared))
    return min(found, key=lambda each: (each.training != block, last_scale(each.training)), default=None)


def last_scale(training: str) -> float:
    """The largest training scale of a range such as U(1,4)."""
    return files.parse_yaml(training.removeprefix("U(1,").removesuffix(")"), training)


def _row(part: paper.PaperBlock, row: str) -> dict[float, paper.Printed]:
    """What the paper prints of a row, ours or its own; nothing if the row is not in this block."""
    return next((part.rows[label] for label in LABELS.get(row, (row,)) if label in part.rows), {})
