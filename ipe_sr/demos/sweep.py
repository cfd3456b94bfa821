"""What notebook 11 reads of a sweep: its rows and seeds, the questions about it, and a copy in which one run is stale."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from ipe_sr.errors import InputError
from ipe_sr.report import evidence, prose, results
from ipe_sr.report.evidence import Evidence, Question
from ipe_sr.report.results import Section, Sweep
from ipe_sr.sweeps import records


class Ablation(NamedTuple):
    """A sweep and what can be compared in it.

    made: the sweep.   sections: one for each set of pictures, all of the same trainings.   first: the label of the method
    itself.   others: the labels that share at least two seeds with it.   seeds: label -> the seeds of its trainings.
    ranges: "in range" and "beyond" the scales of the training -> scales; a range without scales is left out.
    """

    made: Sweep
    sections: list[Section]
    first: str
    others: list[str]
    seeds: dict[str, set[int]]
    ranges: dict[str, tuple[float, ...]]

    def summary(self) -> str:
        """A few lines: what was trained, how many runs there are, and what they took."""
        section, seconds = self.sections[0], sum(sum(run.seconds.values()) for run in self.made.runs)
        run = section.runs(self.first)[0]
        return "\n".join((
            prose.title(self.made), prose.counts(self.made),
            f"{len(section.rows)} rows with {', '.join(str(len(section.runs(row))) for row in section.rows)} runs, "
            f"scored on {', '.join(part.data for part in self.sections)}",
            f"one run: {run.preset}, seed {run.seed}, {run.iterations} steps, {run.parameter_count:,} weights",
            f"all runs together: {seconds / 3600:.1f} h of one process",
        ))

    def questions(self, effect: float) -> Evidence:
        """The method less each other row, in each range, over all sets of pictures.   effect: in dB, of the word "alike"."""
        asked = tuple(Question(self.first, row, "", True) for row in self.others)
        sets = tuple(section.data for section in self.sections)
        return Evidence(self.made.table, self.made.params, self.sections[0].block, sets, self.ranges, effect, asked)


def ablation(folder: Path) -> Ablation:
    """The first sweep below a folder. Raises InputError if no row shares two seeds with the method itself."""
    made = results.sweeps(folder)[0]
    section, *rest = results.sections(made)
    seeds = {row: {run.seed for run in section.runs(row) if run.checkpoint} for row in section.rows}
    trained = [row for row in section.rows if seeds[row]]
    first = next((row for row in trained if "(ours)" in row), trained[0])
    others = [row for row in trained if row != first and len(seeds[row] & seeds[first]) > 1]
    if not others:
        raise InputError(f"{folder}: no two rows have two seeds in common yet, so there are no intervals")
    end, scales = evidence.last_scale(section.block), section.scored(first)
    ranges = {"in range": tuple(s for s in scales if s <= end), "beyond": tuple(s for s in scales if s > end)}
    sections = [section, *(part for part in rest if part.block == section.block)]
    return Ablation(made, sections, first, others, seeds, {name: found for name, found in ranges.items() if found})


def with_stale_run(table: Ablation, folder: Path, target: Path, row: str, gain: float) -> Path:
    """Copy a sweep's folder to `target`, and let one run of a row be of other code that scores `gain` dB higher."""
    shutil.copytree(folder, target)
    forgotten = table.sections[0].runs(row)[0]
    path = next(path for path in target.rglob(records.RECORD) if records.read(path) == forgotten)
    stale = json.loads(path.read_text(encoding="utf-8"))
    stale["code_sha256"] = "0" * 64
    for score in stale["scores"]:
        score["psnr"] += gain
        for picture in score["images"]:
            picture["psnr"] += gain
    path.write_text(json.dumps(stale), encoding="utf-8")
    return target
