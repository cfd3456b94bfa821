"""What goes to and comes from other programs: the table of points for Moodle, and student copies that nbgrader itself made."""

import csv
import shutil
import subprocess
import sys

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="grading needs nbgrader: pip install 'ipe_sr[course]'")

from ipe_sr.coursework import grading, lms_tables, masters, roster, tables
from tests.exercises import course_world as world
from tests.exercises.course_world import ipe_sr

MOODLE = """Identifier,Full name,ID number,Email address,Status
Participant 501,Jörg Größer,jörg größer,jg@x.org,Submitted
Participant 502,=1+1,@sum,sum@x.org,Submitted
Participant 503,Ada Lovelace,ada,ada@x.org,Submitted
"""


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def mark(student, notebook, exercise, points):
    return tables.Mark(student, notebook, exercise, points, 4.0, tables.OPEN if points is None else tables.GRADED)


@pytest.mark.parametrize(("text", "column", "ids"), [
    (MOODLE, "ID number", ["jörg größer", "'@sum", "ada"]),
    (MOODLE.replace(",jörg größer,", ",,"), "Email address", ["jg@x.org", "sum@x.org", "ada@x.org"]),
])
def test_moodle_gets_points_by_its_own_ids_without_formulas_and_without_open_notebooks(tmp_path, text, column, ids):
    (tmp_path / "ids.csv").write_text(text, encoding="utf-8-sig")
    known = roster.read(tmp_path / "ids.csv")
    first, second, third = known.ids
    result = grading.Result(
        marks=[
            mark(first, "01_a", "01.1", 3.0), mark(first, "01_a", "01.2", 2.5), mark(first, "02_b", "02.1", 4.0),
            mark(second, "01_a", "01.1", 4.0), mark(second, "01_a", "01.2", None), mark(second, "02_b", "02.1", 1.0),
            mark(third, "01_a", "01.1", 0.0), mark(third, "01_a", "01.2", 0.0), mark(third, "02_b", "02.1", None),
        ],
        late={(first, "01_a"): 1.0},
    )
    lms_tables.check("moodle", known)
    written = rows_of(lms_tables.write("moodle", tmp_path, result, known))
    points = [["4.5", "4"], ["", "1"], ["0", ""]]
    assert written == [[column, "01_a", "02_b"], *([id, *row] for id, row in zip(ids, points, strict=True))]


def test_the_command_writes_moodles_table_for_a_student_with_umlauts(tmp_path, monkeypatch, capsys):
    world.write_master(tmp_path / "masters")
    (tmp_path / "ids.csv").write_text(MOODLE.replace("@sum", "grace"), encoding="utf-8")
    (tmp_path / "submitted/jörg größer").mkdir(parents=True)
    nbformat.write(world.answered(world.GOOD | {"01.3": "*Your answer here.*"}),
                   tmp_path / "submitted/jörg größer" / f"{world.NAME}.ipynb")
    status = ipe_sr("grade", tmp_path / "submitted", tmp_path / "out", "--exercises", tmp_path / "masters",
                    "--students", tmp_path / "ids.csv", "--lms", "moodle", monkeypatch=monkeypatch)
    assert status == 0 and "to import into moodle" in capsys.readouterr().out
    assert rows_of(tmp_path / "out/moodle.csv") == [
        ["ID number", world.NAME], ["ada", "0"], ["grace", "0"], ["jörg größer", "6"],
    ]


def test_check_reads_copies_that_nbgraders_own_command_made(tmp_path, monkeypatch, capsys):
    world.write_master(tmp_path / "masters")
    course = tmp_path / "course"
    assert ipe_sr("init", course, "--exercises", tmp_path / "masters", monkeypatch=monkeypatch) == 0
    shutil.rmtree(course / "release")
    program = "import sys; from nbgrader.apps.nbgraderapp import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "generate_assignment", world.NAME]
    made = subprocess.run(command, cwd=course, capture_output=True, text=True, check=False, timeout=120)
    path = course / "release" / world.NAME / f"{world.NAME}.ipynb"
    assert made.returncode == 0 and path.is_file(), made.stderr
    copy = nbformat.read(path, 4)
    assert "ipe_sr" not in copy.metadata, "nbgrader made it, not `ipe-sr course release`"

    def check():
        status = ipe_sr("check", path, "--timeout", 20, monkeypatch=monkeypatch)
        said = capsys.readouterr()
        return status, said.out + said.err

    status, said = check()
    assert status == 1 and "01.1  NotImplementedError: this exercise is not answered yet" in said, said
    nbformat.write(world.fill(copy, world.GOOD), path)
    status, said = check()
    assert status == 0 and "01.1  passes the visible tests" in said and "01.2  passes the visible tests" in said, said
    (test,) = [cell for cell in copy.cells if masters.grade_id(cell) == "ex-01-2-visible"]
    test.source = "assert True"
    nbformat.write(copy, path)
    status, said = check()
    assert status == 1 and "the cell ex-01-2-visible was changed" in said, said
