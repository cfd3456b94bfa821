"""A course that was graded here, in nbgrader's formgrader: a person enters points and a comment there, and they come back."""

import csv
import os
import subprocess
import sys

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="formgrader is a part of nbgrader: pip install 'ipe_sr[course]'")

from ipe_sr.coursework import grading
from ipe_sr.coursework.limits import Limits
from tests.browser import lab
from tests.exercises import course_world as world

pytestmark = pytest.mark.skipif(bool(lab.missing()), reason=lab.missing())


def grade(folder):
    return grading.grade([folder / "masters" / f"{world.NAME}.ipynb"], folder / "submitted", folder / "course", Limits())


def points(folder):
    with open(folder / "course" / "grades.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return row["points"], row["open"]


def test_points_of_formgrader_come_back(tmp_path):
    world.write_master(tmp_path / "masters")
    (tmp_path / "submitted/ada").mkdir(parents=True)
    nbformat.write(world.answered(world.GOOD), tmp_path / "submitted/ada" / f"{world.NAME}.ipynb")
    grade(tmp_path)
    assert points(tmp_path) == ("6", "01.3")
    with lab.serve_folder(tmp_path / "course") as (address, token), lab.browse() as page:
        # Formgrader asks a public server for MathJax, and its page is not ready before that server answers or is refused.
        page.route(lambda url: not url.startswith(address), lambda route: route.abort())
        page.goto(f"{address}/formgrader/manage_assignments?token={token}")   # logs in
        page.goto(f"{address}/formgrader/gradebook/{world.NAME}/{world.NAME}?token={token}")
        page.locator("a[href*='formgrader/submissions/']").first.click()
        # The page listens to its fields only after it has fetched the points; whatever is typed before that is lost.
        page.wait_for_function("window.formgrader?.grades?.loaded && formgrader.comments?.loaded")
        page.locator("#ex-01-3").fill("1.5")
        with page.expect_response(lambda response: "api/grade" in response.url and response.request.method == "PUT"):
            page.locator("#ex-01-3").press("Tab")
        page.locator("#ex-01-3-comment").fill("Say why.")
        with page.expect_response(lambda response: "api/comment" in response.url and response.request.method == "PUT"):
            page.locator("#ex-01-3-comment").press("Tab")
        lab.ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=lab.ARTEFACTS / "formgrader.png", full_page=True)
    grade(tmp_path)
    assert points(tmp_path) == ("7.5", "")
    assert "Say why." in (tmp_path / "course/feedback/ada" / f"{world.NAME}.html").read_text(encoding="utf-8")


def test_nbgraders_own_commands_run_in_a_course_that_init_laid_out(tmp_path, monkeypatch):
    from ipe_sr.coursework import course_folder

    master = world.write_master(tmp_path / "masters")
    course_folder.init([master], tmp_path / "course", [], None)
    place = tmp_path / "course/submitted/ada" / world.NAME
    place.mkdir(parents=True)
    nbformat.write(world.answered(world.GOOD), place / f"{world.NAME}.ipynb")
    own = {"PATH": os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))}
    for command in ("generate_assignment --force", "autograde", "generate_feedback"):
        line = [sys.executable, "-m", "nbgrader", *command.split(), world.NAME]
        done = subprocess.run(line, cwd=tmp_path / "course", env=os.environ | own, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    released = nbformat.read(tmp_path / "course/release" / world.NAME / f"{world.NAME}.ipynb", 4)
    assert "this exercise is not answered yet" in str(released) and "twice(-3)" not in str(released)
    assert (tmp_path / "course/feedback/ada" / world.NAME / f"{world.NAME}.html").is_file()
