"""python -m tests.exercises.term [03 ...]: hand out real masters, let six made-up students answer, grade them, and time it.

`good` solves everything, `empty` writes nothing, and `wrong` gives a wrong answer wherever the bank has one. The three others
solve all exercises but the first: there they write a syntax error, an endless loop, or code that kills the kernel.
"""

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from ipe_sr.coursework import masters
from tests.exercises.course_world import fill
from tests.exercises.runner import MASTERS, Case, cases

FIRST = {"crashing": "def unfinished(", "endless": "while True:\n    pass", "killing": "import os\nos._exit(1)"}
STUDENTS = ("good", "empty", "wrong", *FIRST)
TIMEOUT = 10   # seconds a cell


def answers(student: str, exercises: list[Case]) -> dict[str, str]:
    """The answers of this student in one notebook, by exercise; exercises without an answer stay empty."""
    if student == "empty":
        return {}
    solutions = {case.exercise.id: case.solution for case in exercises}
    if student in FIRST:
        return solutions | {min(solutions): FIRST[student]}
    wrong = {case.exercise.id: case.filled(case.bank()[0]) for case in exercises if case.bank()}
    return solutions | (wrong if student == "wrong" else {})


@contextlib.contextmanager
def timed(step: str):
    start = time.perf_counter()
    yield
    print(f"{step:<40}{time.perf_counter() - start:6.1f} s", flush=True)


def course(*arguments, fine: tuple[int, ...]) -> None:
    """Run one of the course commands. If its exit status is not in `fine`, this program ends with the same status."""
    own = ["--exercises", MASTERS[0].parent]
    status = subprocess.run([sys.executable, "-m", "ipe_sr", "course", *map(str, arguments), *own], check=False).returncode
    if status not in fine:
        sys.exit(status)


def main(numbers: list[str]) -> None:
    numbers = numbers or [path.name[:2] for path in MASTERS]
    with tempfile.TemporaryDirectory() as folder:
        handed_in, graded, ids = Path(folder) / "submitted", Path(folder) / "graded", Path(folder) / "students.txt"
        ids.write_text("\n".join(STUDENTS), encoding="utf-8")
        with timed("release"):
            course("release", handed_in, "--students", ids, "--only", ",".join(numbers), fine=(0,))
        for number in numbers:
            exercises = list(cases([number]))
            for path in handed_in.glob(f"*/{number}_*.ipynb"):
                copy = fill(masters.read(path), answers(path.parent.name, exercises))
                nbformat.write(copy, path)
        with timed(f"grade {len(STUDENTS)} x {len(numbers)} notebooks"):
            own = ["--only", ",".join(numbers), "--timeout", TIMEOUT]
            course("grade", handed_in, graded, *own, fine=(0, 1))   # 1: something waits for a person
        print((graded / "grades.csv").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main(sys.argv[1:])
