"""python -m tests.exercises.term [03 ...] : real masters handed out, handed in by six students, graded; and how long it took.

One student each: solves everything; writes nothing; is wrong wherever the bank has a wrong answer; and, with solutions in all
other places, writes first a syntax error, a loop without end, what kills the kernel.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from ipe_sr.coursework import masters
from tests.exercises.runner import MASTERS, Case, cases

FIRST = {"crashing": "def unfinished(", "endless": "while True:\n    pass", "killing": "import os\nos._exit(1)"}
STUDENTS = ("good", "empty", "wrong", *FIRST)
TIMEOUT = 10   # seconds a cell


def answers(student: str, exercises: list[Case]) -> dict[str, str]:
    """Exercise -> this student's answer, of one notebook; what is missing stays as it was handed out."""
    if student == "empty":
        return {}
    solutions = {case.exercise.id: case.solution for case in exercises}
    if student in FIRST:
        return solutions | {min(solutions): FIRST[student]}
    wrong = {case.exercise.id: case.wrong(case.bank()[0]) for case in exercises if case.bank()}
    return solutions | (wrong if student == "wrong" else {})


def answer(path: Path, student: str, exercises: list[Case]) -> None:
    """Fill this student's answers into a copy that was handed out."""
    copy, given = nbformat.read(path, as_version=4), answers(student, exercises)
    for cell in copy.cells:
        exercise = masters.exercise_of(masters.grade_id(cell))
        if exercise in given and masters.metadata(cell).get("solution"):
            cell.source = given[exercise]
    nbformat.write(copy, path)


@contextlib.contextmanager
def timed(step: str):
    start = time.perf_counter()
    yield
    print(f"{step:<40}{time.perf_counter() - start:6.1f} s", flush=True)


def course(*arguments) -> None:
    own = ["--exercises", MASTERS[0].parent]
    subprocess.run([sys.executable, "-m", "ipe_sr", "course", *map(str, arguments), *own], check=False)


def main(numbers: list[str]) -> None:
    numbers = numbers or [path.name[:2] for path in MASTERS]
    with tempfile.TemporaryDirectory() as folder:
        handed_in, graded, ids = Path(folder) / "submitted", Path(folder) / "graded", Path(folder) / "students.txt"
        ids.write_text("\n".join(STUDENTS))
        with timed("release"):
            course("release", handed_in, "--students", ids, "--only", ",".join(numbers))
        for path in handed_in.rglob("*.ipynb"):
            answer(path, path.parent.name, [case for case in cases() if case.exercise.id[:2] == path.name[:2]])
        with timed(f"grade {len(STUDENTS)} x {len(numbers)} notebooks"):
            course("grade", handed_in, graded, "--only", ",".join(numbers), "--timeout", TIMEOUT)
        print((graded / "grades.csv").read_text())


if __name__ == "__main__":
    main(sys.argv[1:])
