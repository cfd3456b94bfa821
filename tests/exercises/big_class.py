"""python -m tests.exercises.big_class [STUDENTS]: grade a class (of 60) with three notebooks each, killed in the middle.

Two of three students are good; the others make a mistake, and every tenth attacks. Grading is killed by SIGKILL after half of
the notebooks and started again. Prints time, memory and disk, and whether everybody has the points that are due.
"""

import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from tests.exercises import course_world as world

ANSWERS = {   # the points of the first two exercises -> the answers
    (3, 3): world.GOOD,
    (1, 3): world.GOOD | {"01.1": "def twice(n):\n    return abs(2 * n)"},
    (3, None): world.GOOD | {"01.2": "def sign(n):\n    os._exit(1)"},
}


def renamed(notebook: nbformat.NotebookNode, number: str) -> nbformat.NotebookNode:
    """The made-up notebook 01 as the notebook of another number."""
    text = nbformat.writes(notebook).replace("01.", f"{number}.").replace("ex-01", f"ex-{number}")
    return nbformat.reads(text, as_version=4)


def due_of(student: int) -> tuple:
    return (3, None) if student % 10 == 9 else (1, 3) if student % 3 == 2 else (3, 3)


def lay_out(folder: Path, students: int) -> list[str]:
    names = [f"{number}{world.NAME[2:]}" for number in ("01", "02", "03")]
    for name in names:
        (folder / "masters").mkdir(exist_ok=True)
        nbformat.write(renamed(world.master(), name[:2]), folder / "masters" / f"{name}.ipynb")
        for student in range(students):
            place = folder / "submitted" / f"s{student:02}"
            place.mkdir(parents=True, exist_ok=True)
            nbformat.write(renamed(world.answered(ANSWERS[due_of(student)]), name[:2]), place / f"{name}.ipynb")
    return names


def grade(folder: Path, kill_after: int | None) -> tuple[float, str | None]:
    """Run the command; returns its seconds, and the notebook that ran when it was killed."""
    start, done, running = time.monotonic(), 0, None
    command = [sys.executable, "-m", "ipe_sr", "course", "grade", "submitted", "out", "--exercises", "masters"]
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        done += ": graded" in line or ": OPEN" in line
        if kill_after is not None and done == kill_after and " of " in line:
            running = line.split(": ")[1].strip()
            time.sleep(1)
            process.kill()
    process.wait()
    return time.monotonic() - start, running


def main(arguments: list[str]) -> None:
    students = int(arguments[0]) if arguments else 60
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        names = lay_out(folder, students)
        first, running = grade(folder, students * len(names) // 2)
        second, _ = grade(folder, None)
        third, _ = grade(folder, None)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        with open(folder / "out" / "questions.csv", newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        wrong = []
        for row in rows:
            due = due_of(int(row["student"][1:]))
            part = int(row["exercise"][-1])
            expected = "" if part == 3 or due[part - 1] is None else str(due[part - 1])
            if f"{row['student']}/{row['notebook']}.ipynb" == running:
                expected = ""   # it ran when the program was killed, and waits for a person
            wrong += [row] if row["points"] != expected else []
        size = sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.is_file()) / 2**20
        print(f"{students} students x {len(names)} notebooks, {len(rows)} marks, {len(rows) - len(wrong)} as due")
        print(f"killed after {first:.0f} s while {running} ran; gone on and finished in {second:.0f} s")
        print(f"a run in which nothing is new: {third:.0f} s")
        print(f"largest process {peak:.0f} MB; results {size:.0f} MB")
        print(json.dumps(wrong[:3], indent=1) if wrong else "")
        sys.exit(bool(wrong) or len(rows) != students * len(names) * 3)


if __name__ == "__main__":
    main(sys.argv[1:])
