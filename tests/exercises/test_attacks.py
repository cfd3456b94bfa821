"""One attack of each kind costs one student one line. `python -m tests.exercises.attacks` runs all of them."""

import dataclasses
import socket
from pathlib import Path

import nbformat
import psutil
import pytest

pytest.importorskip("nbgrader", reason="grading needs nbgrader: pip install 'ipe_sr[course]'")

from ipe_sr.coursework import execution, gradebook, grading, sandbox
from ipe_sr.coursework.limits import MB, Limits
from tests.exercises import attacks
from tests.exercises import course_world as world

CHOSEN = (
    "deletes other submissions", "run_cell replaced", "set_custom_exc", "displayhook(99.0)", "hides abs", "tag skip-execution",
    "answer was split, empty metadata", "leak in an error: In", "leak at the end: linecache", "kills its worker",
    "100 sleeping processes", "detached processes", "NameError in line 2", "good",
)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The result of grading them without a sandbox, the attacks by the id of the student, and the folder of results."""
    folder = tmp_path_factory.mktemp("attacks")
    by_name = {attack.name: attack for attack in attacks.attacks()}
    by_student = attacks.hand_in(folder / "submitted", [by_name[name] for name in CHOSEN], folder / "out")
    master = world.write_master(folder / "masters")
    limits = Limits(cell=8, notebook=60, memory=2000 * MB)
    lines: list[str] = []
    result = grading.grade([master], folder / "submitted", folder / "out", limits, report=lines.append)
    return result, by_student, folder / "out"


@pytest.mark.parametrize("name", CHOSEN)
def test_an_attack_earns_what_is_due_and_a_sentence(graded, name):
    result, by_student, out = graded
    student = next(student for student, attack in by_student.items() if attack.name == name)
    marks = {mark.exercise: mark for mark in result.marks if mark.student == student}
    says = "; ".join(mark.says for mark in marks.values())
    assert (marks["01.1"].points, marks["01.2"].points) == by_student[student].due, says
    assert by_student[student].says in says and len(says) < 2500
    page = (out / "feedback" / student / f"{world.NAME}.html").read_text(encoding="utf-8")
    assert "twice(-3)" not in page + says and "sign(0)" not in page + says, "a hidden test is repeated"
    assert len(page) < 5 * MB


def test_no_process_of_a_submission_is_left(graded):
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if command in ("sleep 77777", "sleep 99")]


def test_the_tables_hold_every_student(graded):
    _, by_student, out = graded
    rows = (out / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert [row.split(",")[0] for row in rows[1:]] == sorted(by_student)


def run(folder, answer: str, sandboxed: sandbox.Sandbox, **limits) -> execution.Executed:
    course = gradebook.Course(folder / "out", [world.write_master(folder / "masters")])
    submission = nbformat.writes(world.answered(world.GOOD | {"01.1": answer})).encode()
    released = [cell.source for cell in course.copies[world.NAME].cells]
    most = dataclasses.replace(Limits(cell=20), **limits)
    return execution.execute(submission, course.full[world.NAME], released, "ada", most, sandboxed)


SPY = """import pathlib, socket
def reached():
    yield list(pathlib.Path({masters!r}).glob('*'))
    yield pathlib.Path.home().joinpath('secret').exists()
    yield 'SECRET' in os.environ
    try:
        socket.create_connection(('127.0.0.1', {port}), 2).close()
        yield True
    except OSError:
        yield False
    for place in {written!r}, '/owned':
        try:
            pathlib.Path(place).write_text('x')
        except OSError:
            pass
def twice(n):
    assert not any(found := list(reached())), str(found)
    return 2 * n"""


def test_in_bubblewrap_code_reaches_neither_the_course_nor_the_network_nor_the_disk(tmp_path, monkeypatch):
    if not sandbox._works():
        pytest.skip("bubblewrap does not work here: apt-get install bubblewrap")
    monkeypatch.setenv("SECRET", "key")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port, written = server.getsockname()[1], tmp_path.parent / "owned"
        spy = SPY.format(masters=str(tmp_path / "masters"), port=port, written=str(written))
        executed = run(tmp_path, spy, sandbox.chosen("bwrap", [tmp_path / "masters", tmp_path / "out"]))
    failures = [output.evalue for cell in executed.notebook.cells for output in cell.get("outputs", ())]
    assert not executed.stopped and not failures, failures
    assert not written.exists() and not Path("/owned").exists()


@pytest.mark.parametrize(("answer", "limits", "words"), [
    ("import time\ntime.sleep(60)", {"notebook": 15}, "took longer than 15 s"),
    ("x = bytearray(400 * 2**20)\nfor i in range(0, len(x), 4096): x[i] = 1\nif not os.fork(): time.sleep(30)\n"
     "y = bytearray(400 * 2**20)\nfor i in range(0, len(y), 4096): y[i] = 1\ntime.sleep(30)", {"memory": 700 * MB}, "memory"),
])
def test_a_notebook_that_exceeds_its_limits_stops_where_it_was(tmp_path, answer, limits, words):
    executed = run(tmp_path, answer, sandbox.Sandbox(), **limits)
    if words == "memory":   # the system refuses memory to one process; several together are counted and ended
        said = [output.ename for cell in executed.notebook.cells for output in cell.get("outputs", ()) if "ename" in output]
        assert "MemoryError" in said or words in (executed.stopped or "")
    else:
        assert words in executed.stopped and "exercise 01.1, answer" in executed.stopped
