"""Every exercise is tested with the solution, with an empty answer, and with the classic wrong answers in `bank/`."""

import pytest
import yaml

from ipe_sr import coursework
from tests.exercises.runner import HERE, attempt, cases

CASES = [pytest.param(case, id=case.exercise.id) for case in cases()]
WRONG = [pytest.param(case, entry, id=f"{case.exercise.id}-{entry['name']}") for case in cases() for entry in case.bank()]
RIGHT = [
    pytest.param(case, entry, id=f"{case.exercise.id}-{entry['name']}") for case in cases() for entry in case.alternatives()
]
each_exercise = pytest.mark.parametrize("case", CASES)


@each_exercise
def test_the_solution_earns_full_points(case):
    outcome = attempt(case, case.solution)
    assert (outcome.points, outcome.errors) == (case.exercise.points, {})


@pytest.mark.parametrize(("case", "entry"), RIGHT)
def test_other_right_answers_earn_full_points_too(case, entry):
    outcome = attempt(case, case.filled(entry))
    assert (outcome.points, outcome.errors) == (case.exercise.points, {})


@pytest.mark.parametrize("case", [case for case in CASES if "coursework.numbers(" in str(case.values[0].exercise.cells)])
@pytest.mark.parametrize("student", ["Grace H.", "übung"])
def test_the_solution_earns_full_points_with_every_students_numbers(case, student, monkeypatch):
    monkeypatch.setenv(coursework.STUDENT, student)
    assert attempt(case, case.solution).points == case.exercise.points


@each_exercise
def test_an_empty_answer_earns_nothing_and_the_message_says_so(case):
    release = pytest.importorskip("ipe_sr.coursework.release", reason="nbgrader makes stubs: pip install 'ipe_sr[course]'")
    outcome = attempt(case, release.stub(case.exercise.cell("answer")).source)
    assert outcome.points == 0
    assert {"visible", "hidden"} <= outcome.errors.keys()
    for error in outcome.errors.values():
        assert isinstance(error, NotImplementedError) and "not answered yet" in str(error), repr(error)


@pytest.mark.parametrize(("case", "entry"), WRONG)
def test_a_wrong_answer_gets_its_points_and_a_message_that_explains_the_mistake(case, entry):
    outcome = attempt(case, case.filled(entry))
    failed = {part: error for part, error in outcome.errors.items() if part in ("visible", "hidden")}
    said = {part: f"{type(error).__name__}: {error}" for part, error in outcome.errors.items()}
    assert outcome.points == entry["points"] < case.exercise.points, said
    assert any(entry["says"] in str(error) for error in failed.values()), said
    assert all(isinstance(error, AssertionError) and str(error)[-1] in ".?" for error in failed.values()), said


@each_exercise
def test_every_exercise_has_two_wrong_answers_that_differ(case):
    answers = [case.filled(entry) for entry in case.bank()]
    assert len(set(answers)) == len(answers) >= 2


def test_the_bank_names_no_exercise_that_is_not_there():
    known = {case.exercise.id for case in cases()}
    for path in (HERE / "alternatives.yaml", *(HERE / "bank").glob("*.yaml")):
        assert yaml.safe_load(path.read_text(encoding="utf-8")).keys() <= known, path.name
