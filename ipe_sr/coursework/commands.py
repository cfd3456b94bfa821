"""`ipe-sr course`: lay out a course, hand out exercises, let students check them, collect and grade the submissions."""

from pathlib import Path
from typing import Annotated

import typer

from ipe_sr import console, options
from ipe_sr.console import err, out
from ipe_sr.coursework.limits import MB, Limits
from ipe_sr.errors import InputError, importing

DEFAULT = Limits()

app = typer.Typer(no_args_is_help=True, help="Exercises: hand out, check, grade.", **console.OPTIONS)

ExercisesOption = Annotated[Path, typer.Option("--exercises", help="The folder that holds the master notebooks.")]
OnlyOption = Annotated[list[str] | None, typer.Option(metavar="NUMBERS", help="Notebooks, separated by commas: 01,02.")]
TimeoutOption = Annotated[int, typer.Option(min=1, help="Seconds that a cell may take.")]
RosterOption = Annotated[
    Path | None, typer.Option("--students", metavar="FILE", help="Student ids, one per line, or a table from Canvas or Moodle.")
]
MASTERS = Path("notebooks/exercises")


@app.command()
def init(
    target: Annotated[Path, typer.Argument(metavar="COURSE", help="The folder for the course.")],
    due: Annotated[
        list[str] | None, typer.Option(metavar="NUMBER=TIME", help="When a notebook is due, in UTC: 01=2026-12-01T18:00.")
    ] = None,
    students: RosterOption = None,
    only: OnlyOption = None,
    exercises: ExercisesOption = MASTERS,
) -> None:
    """Lay out a course of nbgrader: masters, student copies, its configuration and its gradebook. Run `grade` into it later."""
    with importing("course", "a course"):
        from ipe_sr.coursework import course_folder, masters

    chosen = masters.chosen(exercises, options.listed(only, "--only"))
    course_folder.init(chosen, target, options.listed(due, "--due"), students)
    out.print(f"{len(chosen)} notebooks in {target}; hand out what is in {target / 'release'}")


@app.command()
def release(
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the student copies.")],
    students: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Student ids, one per line; each gets a folder, with the id filled in.")
    ] = None,
    only: OnlyOption = None,
    exercises: ExercisesOption = MASTERS,
) -> None:
    """Make student copies of the master notebooks: with empty answers and without hidden tests."""
    with importing("course", "handing out"):
        from ipe_sr.coursework import masters, release, roster

    chosen = masters.chosen(exercises, options.listed(only, "--only"))
    made = release.release(chosen, target, roster.read(students).ids if students else [])
    out.print(f"{len(made)} student copies in {target}")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(metavar="NOTEBOOK", help="A student copy with answers.")],
    timeout: TimeoutOption = DEFAULT.cell,
) -> None:
    """Run a notebook in a fresh kernel and say which visible tests pass; the exit status is 1 if one fails."""
    with importing("notebooks", "checking"):
        from ipe_sr.coursework import checking

    checks, warnings = checking.check(notebook, Limits(cell=timeout))
    for check in checks:
        state = check.failure or ("a person reads this answer" if check.written else "passes the visible tests")
        out.print(f"{check.exercise}  {state}")
    for warning in warnings:
        out.print(f"note: {warning}")
    if any(check.failure for check in checks):
        raise typer.Exit(1)


@app.command()
def collect(
    archive: Annotated[Path, typer.Argument(metavar="ZIP", help="The download of all submissions from Moodle or Canvas.")],
    target: Annotated[Path, typer.Argument(metavar="SUBMITTED", help="The folder for the submissions.")],
    students: RosterOption = None,
    only: OnlyOption = None,
    exercises: ExercisesOption = MASTERS,
) -> None:
    """Sort what Moodle or Canvas downloads into SUBMITTED/STUDENT/NAME.ipynb; the exit status is 1 if a file fits nowhere."""
    with importing("course", "collecting"):
        from ipe_sr.coursework import collecting, masters, roster

    names = [path.stem for path in masters.chosen(exercises, options.listed(only, "--only"))]
    known = roster.read(students) if students else None
    collected, unsettled = collecting.collect(archive, target, names, known, DEFAULT)
    out.print(f"{collected} notebooks in {target}")
    for line in unsettled:
        err.print(line)
    if unsettled:
        raise typer.Exit(1)


@app.command()
def grade(
    submitted: Annotated[Path, typer.Argument(metavar="SUBMITTED", help="Submissions: SUBMITTED/STUDENT/NAME.ipynb.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for tables, feedback and the gradebook.")],
    only: OnlyOption = None,
    timeout: TimeoutOption = DEFAULT.cell,
    notebook_timeout: Annotated[int, typer.Option(min=1, help="Seconds that a notebook may take.")] = DEFAULT.notebook,
    memory: Annotated[int, typer.Option(min=256, help="Megabytes that a notebook may use.")] = DEFAULT.memory // MB,
    sandbox: Annotated[str, typer.Option(help="auto, bwrap or none; auto takes bubblewrap if it works here.")] = "auto",
    students: RosterOption = None,
    lms: Annotated[str | None, typer.Option(help="canvas or moodle: write a table of points to import there.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Run notebooks again that could not be run to their end.")] = False,
    exercises: ExercisesOption = MASTERS,
) -> None:
    """Run all submissions with the hidden tests; write points and feedback."""
    with importing("course", "grading"):
        from ipe_sr.coursework import grading, lms_tables, masters, roster
        from ipe_sr.coursework import sandbox as sandboxes

    chosen = masters.chosen(exercises, options.listed(only, "--only"))
    known = roster.read(students) if students else None
    if lms:
        lms_tables.check(lms, known)
    sandboxed = sandboxes.chosen(sandbox, [submitted, target, exercises])
    limits = Limits(cell=timeout, notebook=notebook_timeout, memory=memory * MB)
    result = grading.grade(
        chosen, submitted, target, limits, report=lambda line: out.print(line), sandboxed=sandboxed,
        roster=known.ids if known else None, again=again,
    )
    if lms:
        out.print(f"{lms_tables.write(lms, target, result, known)}: to import into {lms}")
    count = len({mark.student for mark in result.marks})
    out.print(f"{count} students, {len(result.marks)} marks: {target / 'grades.csv'}, {target / 'questions.csv'}")
    waiting = sum(len(mark.cells) for mark in result.marks)
    if waiting:
        table = target / "by_hand.csv"
        err.print(f"{waiting} cells wait for a person: enter points in {table} or in formgrader, then run this command again")
    if result.unsettled:
        err.print(f"{len(result.unsettled)} things could not be graded; see the lines above")
    if waiting or result.unsettled:
        raise typer.Exit(1)


@app.command()
def challenge(
    entries: Annotated[Path, typer.Argument(metavar="ENTRIES", help="Entries: ENTRIES/NAME.safetensors.")],
    pictures: Annotated[Path, typer.Argument(metavar="PICTURES", help="The hidden pictures, which nobody else has.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for leaderboard.csv and leaderboard.html.")],
    seconds: Annotated[int, typer.Option(min=1, help="Seconds that an entry may take for all pictures.")] = 600,
) -> None:
    """Score the entries of the challenge: the mean PSNR at x2.7 and x7 of models with less than half a million parameters."""
    from ipe_sr.coursework import challenge

    board = challenge.score_all(entries, pictures, target, seconds, report=lambda line: out.print(line))
    if not any(entry.psnr for entry in board):
        raise InputError(f"{entries}: none of the entries could be scored; see {target / 'leaderboard.csv'}")
    out.print(f"{len(board)} entries: {target / 'leaderboard.csv'}, {target / 'leaderboard.html'}")
