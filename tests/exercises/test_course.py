"""The course commands end to end, with nbgrader and real kernels, on a made-up master: what each kind of submission gets."""

import csv
import json
import re
import sys

import nbformat
import pytest

from ipe_sr import cli

pytest.importorskip("nbgrader", reason="grading needs nbgrader: pip install 'ipe_sr[course]'")

from ipe_sr.coursework import masters, release
from ipe_sr.errors import InputError
from tests.exercises import course_world as world
from tests.exercises.runner import MASTERS, cases

TIMEOUT = 3


def ipe_sr(*arguments, monkeypatch) -> int:
    monkeypatch.setattr(sys, "argv", ["ipe-sr", "course", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code or 0


def table(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A folder with masters, submissions of every kind, and what grading them left: out/, its exit status and words."""
    folder = tmp_path_factory.mktemp("course")
    world.write_master(folder / "masters")
    world.hand_in(folder / "submitted")
    with pytest.MonkeyPatch.context() as patch:
        lines = []
        patch.setattr("ipe_sr.console.out.print", lambda line, **_: lines.append(line))
        status = ipe_sr("grade", folder / "submitted", folder / "out", "--timeout", TIMEOUT,
                        "--exercises", folder / "masters", monkeypatch=patch)
    return folder, status, lines


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
    ("absent", "0", "0", ""),
])
def test_every_submission_gets_its_points_and_a_sentence(course, student, first, second, says):
    folder, _, _ = course
    rows = {row["exercise"]: row for row in table(folder / "out/questions.csv") if row["student"] == student}
    assert (rows["01.1"]["points"], rows["01.2"]["points"]) == (first, second), rows
    assert says in rows["01.1"]["says"] + rows["01.2"]["says"]
    state = {"absent": "not handed in"}.get(student)
    for row in rows.values():
        assert row["state"] == (state or ("open" if row["points"] == OPEN else "graded"))


def test_a_written_answer_waits_for_a_person_and_no_answer_does_not(course):
    rows = {row["student"]: row for row in table(course[0] / "out/questions.csv") if row["exercise"] == "01.3"}
    assert (rows["good"]["points"], rows["good"]["says"]) == (OPEN, "waits for a person")
    assert (rows["empty"]["points"], rows["empty"]["state"]) == ("0", "graded")


def test_totals_and_what_is_open_stand_in_one_table(course):
    rows = {row["student"]: row for row in table(course[0] / "out/grades.csv")}
    assert rows.keys() == {*world.SUBMISSIONS, "cut", "absent"}
    assert rows["empty"] == {"student": "empty", world.NAME: "0", "points": "0", "of": "8", "open": ""}
    assert rows["killing"] == {"student": "killing", world.NAME: "", "points": "3", "of": "8", "open": "01.2 01.3"}


def test_the_command_says_who_needs_a_person(course):
    _, status, lines = course
    assert status == 1, "cells wait for a person"
    said = "\n".join(lines)
    assert re.search(r"^killing/01_made_up.ipynb: OPEN, the kernel died in exercise 01.2, visible$", said, re.M)
    assert re.search(r"^good/01_made_up.ipynb: graded$", said, re.M)
    assert "absent/notes.ipynb: not graded, there is no master of that name" in said


def test_feedback_says_what_is_wrong_and_keeps_hidden_tests_hidden(course):
    page = (course[0] / "out/feedback/wrong" / f"{world.NAME}.html").read_text()
    assert "negative numbers too." in page and "twice(-3)" not in page and "twice</span>" in page
    stopped = (course[0] / "out/feedback/killing" / f"{world.NAME}.html").read_text()
    assert "could not be run to its end: the kernel died" in stopped
    assert not (course[0] / "out/feedback/absent").exists()


def test_a_second_run_takes_decisions_over_and_runs_nothing_again(course, capsys, monkeypatch):
    folder, _, _ = course
    path = folder / "out/by_hand.csv"
    rows = table(path)
    assert {(row["student"], row["cell"]) for row in rows} >= {("good", "ex-01-3"), ("killing", "ex-01-2-hidden")}
    for row in rows:
        row["points"], row["comment"] = ("1", "Half of <it>.") if row["cell"] == "ex-01-3" else (row["of"], "")
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    again = ("grade", folder / "submitted", folder / "out", "--exercises", folder / "masters")
    assert ipe_sr(*again, monkeypatch=monkeypatch) == 0
    assert "01_made_up.ipynb: " not in capsys.readouterr().out
    rows = {row["student"]: row for row in table(folder / "out/grades.csv")}
    assert rows["good"]["points"] == "7" and rows["killing"]["points"] == "7" and rows["killing"]["open"] == ""
    assert "Half of" in (folder / "out/feedback/good" / f"{world.NAME}.html").read_text()
    assert ipe_sr(*again, monkeypatch=monkeypatch) == 0, "decisions stay"
    assert len(table(path)) == len({(row["student"], row["cell"]) for row in table(path)})


def test_a_changed_submission_is_run_again_and_its_decisions_are_void(course, capsys, monkeypatch):
    folder, _, _ = course
    nbformat.write(world.answered(world.GOOD | {"01.1": "def twice(n):\n    return abs(2 * n)"}),
                   folder / "submitted/killing" / f"{world.NAME}.ipynb")
    status = ipe_sr("grade", folder / "submitted", folder / "out", "--exercises", folder / "masters", monkeypatch=monkeypatch)
    assert status == 1 and "killing/01_made_up.ipynb: graded" in capsys.readouterr().out
    row = next(row for row in table(folder / "out/grades.csv") if row["student"] == "killing")
    assert (row["points"], row["open"]) == ("4", "01.3")


def test_other_masters_are_refused(course, tmp_path, capsys, monkeypatch):
    path = world.write_master(tmp_path)
    path.write_text(path.read_text().replace("twice 2 is 4", "two and two is 4"))
    folder = course[0]
    status = ipe_sr("grade", folder / "submitted", folder / "out", "--exercises", tmp_path, monkeypatch=monkeypatch)
    assert status == 2 and "give a fresh folder" in capsys.readouterr().err


@pytest.mark.parametrize(("student", "status", "words"), [
    ("good", 0, "01.1  passes the visible tests"),
    ("empty", 1, "01.1  NotImplementedError: this exercise is not answered yet"),
    ("tampering", 1, "01.1  the cell ex-01-1-visible was changed; take it from a fresh copy"),
    ("deleting", 1, "01.2  the cell imports was deleted; take it from a fresh copy"),
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
    (tmp_path / "ids.txt").write_text("ada\n\nGrace H.\n")
    release_to = ("release", tmp_path / "out", "--exercises", tmp_path / "masters", "--students", tmp_path / "ids.txt")
    assert ipe_sr(*release_to, monkeypatch=monkeypatch) == 0
    assert "2 student copies" in capsys.readouterr().out
    text = (tmp_path / "out/ada" / f"{world.NAME}.ipynb").read_text()
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
    path = world.write_master(tmp_path)
    notebook = nbformat.read(path, 4)
    spoil(notebook)
    nbformat.write(notebook, path)
    with pytest.raises(InputError, match=message):
        release.release([path], tmp_path / "out")


@pytest.mark.parametrize(("ids", "message"), [
    ("ada\nada\n", "stands twice"), ("", "holds no student id"), ("../ada\n", "is no student id"),
])
def test_bad_lists_of_students_are_refused(tmp_path, ids, message):
    (tmp_path / "ids.txt").write_text(ids)
    with pytest.raises(InputError, match=message):
        release.student_ids(tmp_path / "ids.txt")


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


@pytest.mark.parametrize("points", ["-1", "9", "many"])
def test_decisions_out_of_range_are_refused(tmp_path, points):
    from ipe_sr.coursework import tables

    (tmp_path / "by_hand.csv").write_text(f"student,notebook,cell,of,points,comment\nada,n,ex-01-1,2,{points},\n")
    with pytest.raises(InputError, match="line 2"):
        tables.decisions(tmp_path)


def test_the_made_up_master_is_a_good_one():
    json.loads(nbformat.writes(world.master()))
    assert [exercise.id for exercise in masters.exercises(world.master())] == ["01.1", "01.2", "01.3"]
