"""Every exercise, tried with the right answer, with none, and with the classic wrong ones of `bank/`."""

from pathlib import Path

import pytest
import yaml
from nbformat import NotebookNode

from ipe_sr.coursework import masters, release
from tests.exercises.runner import attempt

HERE = Path(__file__).parent
MASTERS = masters.masters(HERE.parents[1] / "notebooks" / "exercises")


def cases():
    """(notebook, exercise) of everything that is tested automatically."""
    for path in MASTERS:
        notebook = masters.read(path)
        for exercise in masters.exercises(notebook):
            if not exercise.written:
                yield pytest.param(notebook, exercise, id=exercise.id)


def wrong_answers():
    """(notebook, exercise, entry of the bank)."""
    for case in cases():
        notebook, exercise = case.values
        for entry in bank(exercise):
            yield pytest.param(notebook, exercise, entry, id=f"{exercise.id}-{entry['name']}")


def bank(exercise: masters.Exercise) -> list[dict]:
    path = HERE / "bank" / f"{exercise.id[:2]}.yaml"
    return yaml.safe_load(path.read_text())[exercise.id] if path.is_file() else []


def source(exercise: masters.Exercise, entry: dict) -> str:
    """The wrong answer's cell: given whole, or as an edit of the solution that must fit exactly once."""
    if "code" in entry:
        return entry["code"]
    old, new = entry["replace"]
    solution = exercise.cell("answer").source
    assert solution.count(old) == 1, f"{old!r} stands {solution.count(old)} times in the solution"
    return solution.replace(old, new)


@pytest.mark.parametrize(("notebook", "exercise"), cases())
def test_the_solution_earns_full_points(notebook: NotebookNode, exercise):
    outcome = attempt(notebook, exercise, exercise.cell("answer").source)
    assert (outcome.points, outcome.errors) == (exercise.points, {})


@pytest.mark.parametrize(("notebook", "exercise"), cases())
def test_the_empty_stub_earns_nothing_and_says_that_it_is_empty(notebook: NotebookNode, exercise):
    pytest.importorskip("nbgrader", reason="stubs are made by nbgrader: pip install 'ipe_sr[course]'")
    outcome = attempt(notebook, exercise, release.stub(exercise.cell("answer")).source)
    assert outcome.points == 0
    for part in ("visible", "hidden"):
        assert isinstance(outcome.errors[part], NotImplementedError), outcome.errors[part]
        assert "not answered yet" in str(outcome.errors[part])


@pytest.mark.parametrize(("notebook", "exercise", "entry"), wrong_answers())
def test_a_wrong_answer_loses_the_right_points_and_is_told_why(notebook: NotebookNode, exercise, entry):
    outcome = attempt(notebook, exercise, source(exercise, entry))
    said = {part: str(error) for part, error in outcome.errors.items()}
    assert outcome.points == entry["points"] < exercise.points, said
    tests = [outcome.errors[part] for part in ("visible", "hidden") if part in outcome.errors]
    assert any(entry["says"] in str(error) for error in tests), said
    assert all(isinstance(error, AssertionError) and str(error).endswith(".") for error in tests), said


@pytest.mark.parametrize(("notebook", "exercise"), cases())
def test_every_exercise_has_two_wrong_answers_that_differ(notebook: NotebookNode, exercise):
    answers = [source(exercise, entry) for entry in bank(exercise)]
    assert len(set(answers)) == len(answers) >= 2


def test_the_bank_names_no_exercise_that_is_not_there():
    known = {case.id for case in cases()}
    for path in (HERE / "bank").glob("*.yaml"):
        assert yaml.safe_load(path.read_text()).keys() <= known, path.name
