"""Written answers: their rubrics, the examples of marking, and the page for those who mark by hand."""

import pytest
import yaml

from ipe_sr.coursework import masters, rubrics
from tests.exercises.runner import HERE, MASTERS

WRITTEN = {
    exercise.id: (path, exercise) for path in MASTERS for exercise in masters.exercises(masters.read(path)) if exercise.written
}
MARKED = yaml.safe_load((HERE / "marked.yaml").read_text(encoding="utf-8"))
each_written = pytest.mark.parametrize("id", WRITTEN)


@each_written
def test_the_rubric_gives_the_points_of_the_exercise(id):
    _, exercise = WRITTEN[id]
    lines = rubrics.lines(exercise)
    assert len(lines) >= 3 and sum(points for points, _ in lines) == exercise.points
    assert exercise.kind == "written answer"


@each_written
def test_students_see_neither_the_answer_nor_the_rubric(id):
    release = pytest.importorskip("ipe_sr.coursework.release", reason="nbgrader makes stubs: pip install 'ipe_sr[course]'")
    path, exercise = WRITTEN[id]
    stub = release.stub(exercise.cell("answer")).source
    assert stub == "*Your answer here.*"
    copy = "\n".join(cell.source for cell in release.student_copy(masters.read(path)).cells)
    assert not any(text in copy for _, text in rubrics.lines(exercise))


@each_written
def test_examples_show_how_the_rubric_is_used(id):
    entries, (_, exercise) = MARKED[id], WRITTEN[id]
    points = [points for points, _ in rubrics.lines(exercise)]
    for entry in entries:
        assert len(entry["by"]) == len(points)
        assert all(0 <= given <= most for given, most in zip(entry["by"], points, strict=True))
        assert sum(entry["by"]) < exercise.points and entry["mistake"] and entry["text"]
    assert len({sum(entry["by"]) for entry in entries}) >= 2
    assert all(any(not entry["by"][i] for entry in entries) for i in range(len(points))), "each line is missed by one of them"


def test_examples_are_of_exercises_that_exist():
    assert MARKED.keys() == WRITTEN.keys()


@each_written
def test_the_page_for_marking_has_task_answer_and_rubric_and_goes_when_nothing_waits(id, tmp_path):
    path, exercise = WRITTEN[id]
    notebooks = {path.stem: masters.read(path)}
    rubrics.write(tmp_path, [("ada", path.stem, masters.named(id, "answer"), 4.0)], notebooks)
    text = (tmp_path / rubrics.FILE).read_text(encoding="utf-8")
    assert text.startswith(f"### Exercise {id} · written answer") and "SOLUTION" not in text and "**Rubric**" in text
    assert all(line in text for _, line in rubrics.lines(exercise))
    rubrics.write(tmp_path, [("ada", path.stem, "ex-01-1-hidden", 2.0)], notebooks)
    assert not list(tmp_path.iterdir())


def test_a_made_up_exercise_without_a_rubric_has_no_lines():
    answer = next(iter(WRITTEN.values()))[1].cell("answer").copy()
    answer["source"] = "Because."
    exercise = masters.Exercise("01.3", "written answer", "★☆☆", 2, (answer,))
    assert rubrics.lines(exercise) == [] and rubrics.page(exercise).endswith("Because.\n")
