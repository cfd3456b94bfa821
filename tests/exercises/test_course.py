"""The course commands end to end, with nbgrader and real kernels: the points of each kind of submission to a made-up master."""

import csv
import json
import re
import shutil
import subprocess
import sys

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="grading needs nbgrader: pip install 'ipe_sr[course]'")

from ipe_sr.coursework import masters, release, roster, tables
from ipe_sr.errors import InputError
from tests.exercises import course_world as world
from tests.exercises.course_world import ipe_sr
from tests.exercises.runner import MASTERS, cases

TIMEOUT = 3


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fill_in(path, change):
    """Change every row of a table by hand: `change` gets the row."""
    rows = table(path)
    for row in rows:
        change(row)
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The finished grading of submissions of every kind, and its folder: masters/, submitted/ and out/."""
    folder = tmp_path_factory.mktemp("course")
    world.write_master(folder / "masters")
    world.hand_in(folder / "submitted")
    command = [sys.executable, "-m", "ipe_sr", "course", "grade", "submitted", "out", "--exercises", "masters"]
    done = subprocess.run([*command, "--timeout", str(TIMEOUT)], cwd=folder, capture_output=True, text=True, check=False)
    return folder, done


OPEN = ""   # points that a person has to give


@pytest.mark.parametrize(("student", "first", "second", "says"), [
    ("good", "3", "3", ""),
    ("told", "3", "3", ""),
    ("empty", "0", "0", "not answered yet"),
    ("wrong", "1", "3", "negative numbers too."),
    ("crashing", "0", "3", "SyntaxError: expected ':' (line 1)"),
    ("warning", "3", "3", ""),
    ("endless", "0", "3", "no end within 3 s"),
    ("stubborn", "3", OPEN, "did not stop when interrupted"),
    ("killing", "3", OPEN, "the kernel died in exercise 01.2, visible"),
    ("leaving", "3", OPEN, "the kernel died in exercise 01.2"),
    ("deleting", "0", "3", "twice 2 is 4."),
    ("tampering", "0", "3", "twice 2 is 4."),
    ("pasting", OPEN, OPEN, "none of its cells is an answer cell"),
    ("cut", OPEN, OPEN, "not a readable notebook"),
    ("absent", OPEN, OPEN, "is missing, but the folder holds notes.ipynb"),
    ("missing", "0", "0", ""),
])
def test_every_submission_gets_its_points_and_a_sentence(course, student, first, second, says):
    folder, _ = course
    rows = {row["exercise"]: row for row in table(folder / "out/questions.csv") if row["student"] == student}
    assert (rows["01.1"]["points"], rows["01.2"]["points"]) == (first, second), rows
    assert says in rows["01.1"]["says"] + rows["01.2"]["says"]
    state = {"missing": "not handed in"}.get(student)
    for row in rows.values():
        assert row["state"] == (state or ("open" if row["points"] == OPEN else "graded"))


def test_a_written_answer_waits_for_a_person_and_no_answer_does_not(course):
    rows = {row["student"]: row for row in table(course[0] / "out/questions.csv") if row["exercise"] == "01.3"}
    assert (rows["good"]["points"], rows["good"]["says"]) == (OPEN, "waits for a person")
    assert (course[0] / "out/by_hand.md").read_text(encoding="utf-8").startswith("### Exercise 01.3 · ")
    assert (rows["empty"]["points"], rows["empty"]["state"]) == ("0", "graded")


def test_totals_and_what_is_open_stand_in_one_table(course):
    rows = {row["student"]: row for row in table(course[0] / "out/grades.csv")}
    assert rows.keys() == {*world.SUBMISSIONS, "cut", "absent", "missing"}
    assert rows["empty"] == {"student": "empty", world.NAME: "0", "late": "0", "points": "0", "of": "8", "open": ""}
    assert rows["killing"] == {"student": "killing", world.NAME: "", "late": "0", "points": "3", "of": "8", "open": "01.2 01.3"}


def test_the_command_says_which_submissions_need_a_person(course):
    _, done = course
    assert done.returncode == 1, "cells wait for a person"
    said = done.stdout
    assert re.search(r"^killing/01_made_up.ipynb: OPEN, the kernel died in exercise 01.2, visible$", said, re.M)
    assert re.search(r"^good/01_made_up.ipynb: graded$", said, re.M)
    assert "absent/notes.ipynb: not graded, there is no master of that name" in said
    lines = said.splitlines()
    named = next(i for i, line in enumerate(lines) if line.endswith("killing/01_made_up.ipynb"))
    assert lines[named + 1].startswith("killing/01_made_up.ipynb: OPEN"), "who is graded is said before"


def test_a_first_grading_says_nothing_else_on_stderr(course):
    """nbgrader's libraries warn on stderr if they are used in the wrong order."""
    folder, done = course
    waiting = sum(not row["points"] for row in table(folder / "out/by_hand.csv"))
    assert done.stderr == (
        f"{waiting} cells wait for a person: enter points in out/by_hand.csv or in formgrader, then run this command again\n"
        "2 things could not be graded; see the lines above\n"
    )


GOOD_ROW = f"good,{world.NAME},ex-01-3,2,1,"
HEADER = ",".join(tables.COLUMNS) + "\n"
UNKNOWN = "is unknown, or a person has nothing to grade there"


@pytest.mark.parametrize(("text", "line", "words"), [
    (f"good,{world.NAME},ex-01-3,400,300,", 2, "a number from 0 to 2, such as 1; not '300'"),
    (f"good,{world.NAME},ex-01-3,2,-0.5,", 2, "a number from 0 to 2"),
    (f"good,{world.NAME},ex-01-3,nan,nan,", 2, "a number from 0 to 2"),
    (f"good,{world.NAME},ex-01-3,inf,inf,", 2, "a number from 0 to 2"),
    (f'good,{world.NAME},ex-01-3,2,"1,5",', 2, "not '1,5'"),
    (f"good,{world.NAME},ex-01-3,2,many,", 2, "not 'many'"),
    (f"good,{world.NAME},ex-01-9,2,1,", 2, f"the cell 'ex-01-9' {UNKNOWN}; use ex-01-3, or delete the row"),
    (f"good,{world.NAME},ex-01-1-hidden,2,1,", 2, f"the cell 'ex-01-1-hidden' {UNKNOWN}; use ex-01-3, or delete the row"),
    (f"{GOOD_ROW}\n\ngodo,{world.NAME},ex-01-3,2,1,", 4, f"the student 'godo' {UNKNOWN}; use good"),
    (f"empty,{world.NAME},ex-01-3,2,1,", 2, f"the student 'empty' {UNKNOWN}"),
    ("good,01_mad_up,ex-01-3,2,1,", 2, f"the notebook '01_mad_up' {UNKNOWN}; use {world.NAME}, or delete the row"),
    (f"{GOOD_ROW}\n{GOOD_ROW}", 3, f"the second row with points for good {world.NAME} ex-01-3"),
    (f'{GOOD_ROW}"two\nlines"\n{GOOD_ROW}', 4, "the second row"),
    (f"good,{world.NAME},ex-01-3,2,,Well done.", 2, "a comment without points"),
    (f"good,{world.NAME}", 2, "must have 6 entries"),
    (f"{GOOD_ROW},,", 2, "must have 6 entries"),
    (f'{GOOD_ROW}"open', 2, "not readable as CSV"),
])
def test_a_wrong_row_of_a_person_is_refused_and_nothing_is_changed(course, tmp_path, capsys, monkeypatch, text, line, words):
    folder, _ = course
    shutil.copytree(folder / "out", tmp_path / "out")
    (tmp_path / "out/by_hand.csv").write_text(HEADER + text, encoding="utf-8")
    before = contents(tmp_path)
    again = ("grade", folder / "submitted", tmp_path / "out", "--exercises", folder / "masters")
    assert ipe_sr(*again, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert f"by_hand.csv, line {line}: " in said and words in said and len(said.splitlines()) == 1, said
    assert contents(tmp_path) == before


@pytest.mark.parametrize(("table_bytes", "words"), [
    (b"", "line 1: the columns must be student,notebook,cell,of,points,comment"),
    (HEADER.replace(",", ";").encode(), "line 1: the columns must be"),
    (HEADER.replace("comment", "remark").encode(), "line 1: the columns must be"),
    (f"{HEADER}{GOOD_ROW}Übung".encode("latin-1"), "by_hand.csv: is not UTF-8"),
    (f"{HEADER}{GOOD_ROW}".encode(), "line 2: the student 'good' is unknown"),
])
def test_a_table_that_fits_no_gradebook_is_refused_and_nothing_is_written(tmp_path, capsys, monkeypatch, table_bytes, words):
    world.write_master(tmp_path / "masters")
    (tmp_path / "submitted/good").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/by_hand.csv").write_bytes(table_bytes)
    before = contents(tmp_path)
    arguments = ("grade", tmp_path / "submitted", tmp_path / "out", "--exercises", tmp_path / "masters")
    assert ipe_sr(*arguments, monkeypatch=monkeypatch) == 2
    said = capsys.readouterr().err
    assert words in said and len(said.splitlines()) == 1, said
    assert contents(tmp_path) == before


def test_feedback_says_what_is_wrong_and_keeps_hidden_tests_hidden(course):
    page = (course[0] / "out/feedback/wrong" / f"{world.NAME}.html").read_text(encoding="utf-8")
    assert "negative numbers too." in page and "twice(-3)" not in page and "twice</span>" in page
    stopped = (course[0] / "out/feedback/killing" / f"{world.NAME}.html").read_text(encoding="utf-8")
    assert "could not be run to its end: the kernel died" in stopped
    assert not (course[0] / "out/feedback/absent").exists()


def test_a_second_run_takes_over_decisions_and_runs_nothing_again(course, capsys, monkeypatch):
    folder, _ = course
    path = folder / "out/by_hand.csv"
    before = table(path)
    assert {(row["student"], row["cell"]) for row in before} >= {("good", "ex-01-3"), ("killing", "ex-01-2-hidden")}

    def decide(row):
        written = row["cell"] == "ex-01-3"
        row["points"], row["comment"] = ("1", "Half of <it>.") if written else (row["of"], f"About {row['cell']}.")
        row["of"] = "?"   # not read: the gradebook knows it

    fill_in(path, decide)
    again = ("grade", folder / "submitted", folder / "out", "--exercises", folder / "masters")
    assert ipe_sr(*again, monkeypatch=monkeypatch) == 1, "one notebook has another name"
    assert "of 1: " not in (said := capsys.readouterr().out) and ": graded" not in said
    rows = {row["student"]: row for row in table(folder / "out/grades.csv")}
    assert rows["good"]["points"] == "7" and rows["killing"]["points"] == "7" and rows["killing"]["open"] == ""
    assert "Half of" in (folder / "out/feedback/good" / f"{world.NAME}.html").read_text(encoding="utf-8")
    both = (folder / "out/feedback/killing" / f"{world.NAME}.html").read_text(encoding="utf-8")
    assert "About ex-01-2-visible." in both and "About ex-01-2-hidden." in both
    assert path.read_text(encoding="utf-8").splitlines() == [",".join(tables.COLUMNS)], "what was entered is in the gradebook"
    assert ipe_sr(*again, monkeypatch=monkeypatch) == 1
    assert {row["student"]: row for row in table(folder / "out/grades.csv")} == rows, "decisions stay"


def test_a_changed_submission_is_run_again_and_its_decisions_are_void(course, capsys, monkeypatch):
    folder, _ = course
    nbformat.write(world.answered(world.GOOD | {"01.1": "def twice(n):\n    return abs(2 * n)"}),
                   folder / "submitted/killing" / f"{world.NAME}.ipynb")
    status = ipe_sr("grade", folder / "submitted", folder / "out", "--exercises", folder / "masters", monkeypatch=monkeypatch)
    assert status == 1 and "killing/01_made_up.ipynb: graded" in capsys.readouterr().out
    row = next(row for row in table(folder / "out/grades.csv") if row["student"] == "killing")
    assert (row["points"], row["open"]) == ("4", "01.3")


def test_a_decision_about_an_earlier_version_does_not_count_even_after_a_kill(tmp_path, monkeypatch):
    world.write_master(tmp_path / "masters")
    path = world.hand_in(tmp_path / "submitted", ["good"]) / "good" / f"{world.NAME}.ipynb"
    shutil.rmtree(tmp_path / "submitted/absent")
    again = ("grade", tmp_path / "submitted", tmp_path / "out", "--exercises", tmp_path / "masters")
    ipe_sr(*again, monkeypatch=monkeypatch)
    fill_in(tmp_path / "out/by_hand.csv", lambda row: row.update({"points": row["of"], "comment": "Of the first version."}))
    assert ipe_sr(*again, monkeypatch=monkeypatch) == 0
    nbformat.write(world.answered(world.GOOD | {"01.3": "For no reason."}), path)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert ipe_sr(*again, monkeypatch=patch) == 130
    assert ipe_sr(*again, monkeypatch=monkeypatch) == 1
    assert {row["student"]: row["open"] for row in table(tmp_path / "out/grades.csv")}["good"] == "01.3"
    page = tmp_path / "out/feedback/good" / f"{world.NAME}.html"
    assert "Of the first version." not in page.read_text(encoding="utf-8")


CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section
"Lovelace, Ada",12,s12,ada,=1+1
"Hopper, Grace",13,s13,grace,Tue
"""


def test_lateness_costs_what_nbgraders_plugin_says_and_canvas_gets_a_table(tmp_path, monkeypatch):
    world.write_master(tmp_path / "masters")
    (tmp_path / "ids.csv").write_text(CANVAS, encoding="utf-8")
    common = ("--exercises", tmp_path / "masters", "--students", tmp_path / "ids.csv")
    assert ipe_sr("init", tmp_path / "out", "--due", "01=2026-01-01T12:00", *common, monkeypatch=monkeypatch) == 0
    config = tmp_path / "out/nbgrader_config.py"
    config.write_text(config.read_text(encoding="utf-8").replace('penalty_method = "none"', 'penalty_method = "zero"'))
    place = tmp_path / "submitted/ada"
    place.mkdir(parents=True)
    nbformat.write(world.answered(world.GOOD), place / f"{world.NAME}.ipynb")
    grade = ("grade", tmp_path / "submitted", tmp_path / "out", "--lms", "canvas", *common)

    def graded(stamp):
        (place / "timestamp.txt").write_text(stamp, encoding="utf-8")
        status = ipe_sr(*grade, monkeypatch=monkeypatch)
        grades, canvas = (table(tmp_path / "out" / name) for name in ("grades.csv", "canvas.csv"))
        assert [row["student"] for row in grades] == ["ada", "grace"], "the list of students names who handed in nothing"
        assert [row["SIS Login ID"] for row in canvas] == ["", "ada", "grace"] and canvas[1]["Section"] == "'=1+1"
        return status, grades[0]["late"], grades[0]["points"], canvas[1][world.NAME], canvas[2][world.NAME]

    assert graded("2026-01-02 12:00:00") == (1, "6", "0", "", "0"), "an open notebook has no entry in Canvas"
    fill_in(tmp_path / "out/by_hand.csv", lambda row: row.update({"points": "2"}))
    assert graded("2026-01-02 12:00:00 UTC") == (0, "8", "0", "0", "0")
    assert graded("2025-12-31 12:00:00") == (0, "0", "8", "8", "0")
    assert graded("some day")[0] == 1, "a time that cannot be read is named"


def test_other_masters_are_refused(course, tmp_path, capsys, monkeypatch):
    path = world.write_master(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").replace("twice 2 is 4", "two and two is 4"), encoding="utf-8")
    folder = course[0]
    status = ipe_sr("grade", folder / "submitted", folder / "out", "--exercises", tmp_path, monkeypatch=monkeypatch)
    assert status == 2 and "give a fresh folder" in capsys.readouterr().err


@pytest.mark.parametrize(("student", "status", "words"), [
    ("good", 0, "01.1  passes the visible tests"),
    ("empty", 1, "01.1  NotImplementedError: this exercise is not answered yet"),
    ("tampering", 1, "01.1  the cell ex-01-1-visible was changed; copy it from a fresh student copy"),
    ("deleting", 1, "01.2  the cell imports was deleted; copy it from a fresh student copy"),
    ("killing", 2, "the kernel died in exercise 01.2, visible"),
    ("pasting", 2, "is no student copy"),
])
def test_students_check_the_visible_tests(tmp_path, capsys, monkeypatch, student, status, words):
    path = tmp_path / "mine.ipynb"
    nbformat.write(world.SUBMISSIONS[student](), path)
    before = path.read_bytes()
    assert ipe_sr("check", path, "--timeout", TIMEOUT, monkeypatch=monkeypatch) == status
    captured = capsys.readouterr()
    assert words in captured.out + captured.err
    assert path.read_bytes() == before


def test_converted_line_endings_are_no_change_of_a_cell():
    lines = nbformat.v4.new_code_cell("x = 1\ny = 'ü'")
    assert masters.digest(nbformat.v4.new_code_cell("x = 1\r\ny = 'ü'")) == masters.digest(lines)
    assert masters.digest(nbformat.v4.new_code_cell("x = 1\ny = 'u'")) != masters.digest(lines)


@pytest.mark.parametrize(("line", "absent"), [
    ("--help", "torch numpy"),
    ("release out --exercises masters", "torch"),
    ("check good.ipynb", "torch"),
    ("grade submitted out --exercises masters", "torch"),
])
def test_course_commands_do_not_wait_for_heavy_packages(tmp_path, line, absent):
    """Only the kernels of the notebooks load torch."""
    world.write_master(tmp_path / "masters")
    (tmp_path / "submitted/absent").mkdir(parents=True)
    nbformat.write(world.SUBMISSIONS["good"](), tmp_path / "good.ipynb")
    program = f"""
import sys
from ipe_sr import cli
try:
    cli.main()
except SystemExit as done:
    assert not done.code, done.code
print("loaded:", *set({absent.split()}) & sys.modules.keys())
"""
    command = [sys.executable, "-c", program, "course", *line.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1:] == ["loaded:"], done.stdout + done.stderr


def test_a_real_master_gives_its_own_solutions_full_points(tmp_path, monkeypatch):
    case = next(cases())
    nbformat.write(case.notebook, tmp_path / "solved.ipynb")
    (tmp_path / "submitted/ada").mkdir(parents=True)
    (tmp_path / "solved.ipynb").rename(tmp_path / "submitted/ada" / MASTERS[0].name)
    arguments = ("grade", tmp_path / "submitted", tmp_path / "out", "--only", MASTERS[0].name[:2])
    assert ipe_sr(*arguments, "--exercises", MASTERS[0].parent, monkeypatch=monkeypatch) == 0
    (row,) = table(tmp_path / "out/grades.csv")
    assert row["points"] == row["of"] == f"{sum(e.points for e in masters.exercises(case.notebook))}"


def test_student_copies_have_gaps_and_no_hidden_tests(tmp_path, capsys, monkeypatch):
    world.write_master(tmp_path / "masters")
    (tmp_path / "ids.txt").write_text("ada\n\nGrace H.\n", encoding="utf-8-sig")   # as a spreadsheet saves it
    release_to = ("release", tmp_path / "out", "--exercises", tmp_path / "masters", "--students", tmp_path / "ids.txt")
    assert ipe_sr(*release_to, monkeypatch=monkeypatch) == 0
    assert "2 student copies" in capsys.readouterr().out
    text = (tmp_path / "out/ada" / f"{world.NAME}.ipynb").read_text(encoding="utf-8")
    assert "student = 'ada'" in text and "return 2 * n" not in text and "twice(-3)" not in text and "Because" not in text
    assert "this exercise is not answered yet" in text and "def twice(n):" in text
    cells = {masters.grade_id(cell): cell for cell in nbformat.reads(text, 4).cells}
    assert cells["ex-01-1-visible"].metadata["editable"] is False
    assert cells["ex-01-1"].metadata["deletable"] is False and "editable" not in cells["ex-01-1"].metadata


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda notebook: notebook.metadata.update(papermill={}), "papermill executed this copy"),
    (lambda notebook: notebook.cells[1].outputs.append(nbformat.v4.new_output("stream", text="x")), "holds outputs"),
])
def test_executed_masters_are_refused(tmp_path, spoil, message):
    good, path = world.write_master(tmp_path / "good"), world.write_master(tmp_path)
    notebook = nbformat.read(path, 4)
    spoil(notebook)
    nbformat.write(notebook, path)
    with pytest.raises(InputError, match=message):
        release.release([good, path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("ids", "message"), [
    ("ada\nada\n", "stands twice"), ("", "holds no student id"), ("../ada\n", "is no student id"),
    ("ad\xe9\n", "not readable as UTF-8"),
])
def test_bad_lists_of_students_are_refused(tmp_path, ids, message):
    (tmp_path / "ids.txt").write_bytes(ids.encode("latin-1"))
    with pytest.raises(InputError, match=message):
        roster.read(tmp_path / "ids.txt")


@pytest.mark.parametrize(("arguments", "words"), [
    ("release OUT --exercises nowhere", "nowhere: holds no master notebooks"),
    ("release OUT --exercises masters --only 07", "no master '07'"),
    ("grade nowhere OUT --exercises masters", "nowhere: holds no folder of a student"),
    ("check nowhere.ipynb", "nowhere.ipynb: not a readable notebook"),
])
def test_bad_requests_are_one_line(tmp_path, capsys, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    world.write_master(tmp_path / "masters")
    assert ipe_sr(*arguments.split(), monkeypatch=monkeypatch) == 2
    captured = capsys.readouterr()
    assert words in captured.err and len(captured.err.splitlines()) == 1
    assert not (tmp_path / "OUT").exists()


def test_the_made_up_master_is_a_good_one():
    json.loads(nbformat.writes(world.master()))
    assert [exercise.id for exercise in masters.exercises(world.master())] == ["01.1", "01.2", "01.3"]
