"""python -m tests.exercises.plain_nbgrader [COUNT]: grade the same submissions with plain nbgrader and with this engine.

Prints the points of the first two exercises by both. Each difference has its explanation in `EXPLAINED`; any other is a fault.
"""

import logging
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from traitlets.config import Config

from tests.exercises import attacks, course_world
from tests.exercises.course_world import NAME

KINDS = ("process", "bomb", "endless", "ignores", "sleeps", "kills", "stops", "GB", "memory", "output", "large", "MB")
SECONDS = 20   # for a cell
NO_FILES = ("file:", "a link", "a pipe", "a zip", "a sparse", "a folder", "nothing")
STDERR = "nbgrader takes a warning on stderr for a failure"
SKIPPED = "nbgrader does not run a cell with this tag, and gives full points to a test without an error"
VALUE = "nbgrader takes the value for partial credit"
UNREAD = "nbgrader gives up on a notebook with copied cells: no points are entered"
SPLIT = "nbgrader runs the halves of a split cell as two cells; here they are joined"
ORDER = "nbgrader runs cells in the student's order; here in the master's"
EXPLAINED = {
    "prints on stderr": STDERR, "warns": STDERR, "tag skip-execution": SKIPPED,
    "displayhook(99.0)": VALUE, "displayhook(2.0) and right": VALUE,
    "answer was split, no metadata": SPLIT, "answer behind its tests": ORDER,
}


def chosen(count: int) -> list[attacks.Attack]:
    """The first submissions that are files of the right name and that do not attack the process."""
    found = [attack for attack in attacks.attacks() if attack.due != attacks.NONE and not attack.name.startswith(NO_FILES)]
    return [attack for attack in found if not any(kind in attack.name for kind in KINDS)][:count]


def plain(folder: Path, chosen: list[attacks.Attack]) -> dict[str, tuple[float | None, float | None]]:
    """The points by nbgrader alone; None where nbgrader entered no grades."""
    from nbgrader.api import Gradebook, MissingEntry
    from nbgrader.apps import NbGraderAPI

    course = folder / "course"
    (course / "source" / NAME).mkdir(parents=True)
    nbformat.write(course_world.master(), course / "source" / NAME / f"{NAME}.ipynb")
    for student, attack in enumerate(chosen, 1):
        place = course / "submitted" / f"s{student:03}" / NAME
        place.mkdir(parents=True)
        attack.write(place)
    config = Config({
        "CourseDirectory": {"root": str(course)}, "Execute": {"timeout": SECONDS},
        "ClearSolutions": {"code_stub": {"python": course_world.release.RULES["ClearSolutions"]["code_stub"]["python"]}},
        "OverwriteCells": {"add_missing_cells": True},
    })
    api = NbGraderAPI(config=config)
    api.log.setLevel(logging.CRITICAL)
    assert api.generate_assignment(NAME)["success"]
    points = {}
    for number in range(1, len(chosen) + 1):
        student = f"s{number:03}"
        api.autograde(NAME, student)
        with Gradebook(f"sqlite:///{course / 'gradebook.db'}") as book:
            try:
                grades = {g.name: g.score for g in book.find_submission_notebook(NAME, NAME, student).grades}
                made = (course / "autograded" / student).exists()
            except MissingEntry:
                made = False
        points[student] = tuple(
            sum(grades[f"ex-01-{i}-{part}"] for part in ("visible", "hidden")) if made else None for i in (1, 2)
        )
    return points


def main(arguments: list[str]) -> None:
    from ipe_sr.coursework import grading, sandbox
    from ipe_sr.coursework.limits import Limits

    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    picked = chosen(int(arguments[0]) if arguments else 40)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        theirs = plain(folder, picked)
        attacks.hand_in(folder / "submitted", picked, folder / "out")
        master = course_world.write_master(folder / "masters")
        result = grading.grade([master], folder / "submitted", folder / "out", Limits(cell=SECONDS), report=lambda line: None,
                               sandboxed=sandbox.chosen("auto", []))
    equal = unexplained = 0
    for number, attack in enumerate(picked, 1):
        student = f"s{number:03}"
        ours = tuple(mark.points for mark in result.marks if mark.student == student)[:2]
        same = ours == theirs[student]
        why = "" if same else EXPLAINED.get(attack.name) or (UNREAD if theirs[student] == (None, None) else "UNEXPLAINED")
        equal, unexplained = equal + same, unexplained + (why == "UNEXPLAINED")
        print(f"{attack.name:<42} ours {attacks._points(ours):<12} nbgrader {attacks._points(theirs[student]):<12} {why}")
    print(f"{len(picked)} submissions, {equal} equal, {len(picked) - equal - unexplained} explained, {unexplained} unexplained")
    sys.exit(bool(unexplained))


if __name__ == "__main__":
    main(sys.argv[1:])
