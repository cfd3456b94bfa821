"""`ipe-sr course`: hand out exercises, let students check them, grade the submissions."""

from pathlib import Path
from typing import Annotated

import typer

from ipe_sr import console
from ipe_sr.console import err, out
from ipe_sr.errors import importing

TIMEOUT = 60   # seconds

app = typer.Typer(no_args_is_help=True, help="Exercises: hand out, check, grade.", **console.OPTIONS)

ExercisesOption = Annotated[Path, typer.Option("--exercises", help="The folder that holds the master notebooks.")]
OnlyOption = Annotated[list[str] | None, typer.Option(metavar="NUMBERS", help="Notebooks, separated by commas: 01,02.")]
TimeoutOption = Annotated[int, typer.Option(min=1, help="Seconds that a cell may take.")]


@app.command()
def release(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the student copies.")],
    students: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Student ids, one per line; each gets a folder, with the id filled in.")
    ] = None,
    only: OnlyOption = None,
    exercises: ExercisesOption = Path("notebooks/exercises"),
) -> None:
    """Make student copies of the master notebooks: with empty answers and without hidden tests."""
    with importing("course", "handing out"):
        from ipe_sr.coursework import masters, release

    chosen = masters.chosen(exercises, console.listed(only, "--only"))
    made = release.release(chosen, target, release.student_ids(students) if students else [])
    out.print(f"{len(made)} student copies in {target}")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="A student copy with answers.")],
    timeout: TimeoutOption = TIMEOUT,
) -> None:
    """Run a notebook in a fresh kernel and say which visible tests pass; the exit status is 1 if one fails."""
    with importing("notebooks", "checking"):
        from ipe_sr.coursework import checking

    checks = checking.check(notebook, timeout)
    for check in checks:
        state = check.failure or ("a person reads this answer" if check.written else "passes the visible tests")
        out.print(f"{check.exercise}  {state}")
    if any(check.failure for check in checks):
        raise typer.Exit(1)


@app.command()
def grade(
    submitted: Annotated[Path, typer.Argument(metavar="SUBMITTED", help="Submissions: SUBMITTED/STUDENT/NAME.ipynb.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for tables, feedback and the gradebook.")],
    only: OnlyOption = None,
    timeout: TimeoutOption = TIMEOUT,
    exercises: ExercisesOption = Path("notebooks/exercises"),
) -> None:
    """Run all submissions with the hidden tests; write points and feedback. Student code is executed without a sandbox."""
    with importing("course", "grading"):
        from ipe_sr.coursework import grading, masters

    chosen = masters.chosen(exercises, console.listed(only, "--only"))
    marks = grading.grade(chosen, submitted, target, timeout, report=lambda line: out.print(line))
    students = {mark.student for mark in marks}
    out.print(f"{len(students)} students, {len(marks)} marks: {target / 'grades.csv'}, {target / 'questions.csv'}")
    if waiting := sum(len(mark.cells) for mark in marks):
        table = target / "by_hand.csv"
        err.print(f"{waiting} cells wait for a person: enter points in {table}, then run this command again")
        raise typer.Exit(1)
