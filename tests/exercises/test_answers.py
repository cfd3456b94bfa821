"""The functions for tests in exercises: they accept right answers, explain wrong ones, and draw a student's numbers."""

import numpy as np
import pytest
import sympy
import torch

from ipe_sr import coursework

HINT = "Look again."


@pytest.mark.parametrize(("given", "due"), [
    (1.0, 1), (torch.tensor([1.0, 2.0], requires_grad=True), [1, 2]), ([torch.tensor(1.0), 2], np.array([1.0, 2.0])),
    (np.float32(0.1), 0.1), (1 + 1e-7, 1), (sympy.Rational(1, 2), 0.5), (True, 1), (1j, 1j), ([], []),
])
def test_right_answers_pass_in_any_form(given, due):
    coursework.close(given, due, HINT)


@pytest.mark.parametrize(("given", "due", "says"), [
    (None, 1, "None came back: does every path of your function end in `return`? Look again."),
    ("one", 1, "a str came back where numbers are due. Look again."),
    ([[1, 2], [3]], [1, 2], "a list came back where numbers are due. Look again."),
    (sympy.Symbol("x"), 1, "a Symbol came back where numbers are due. Look again."),
    ([1, 2], [[1], [2]], "the shape is (2,) where (2, 1) is due. Look again."),
    (torch.tensor([1.0, float("nan")]), [1, 2], "1 of 2 numbers are not finite. Look again."),
    (3.5, 3, "3.5 where 3 is due, off by 0.5. Look again."),
    ([1.0, 2.5, 3.0], [1, 2, 3.1], "entry 1 is 2.5 where 2 is due, off by 0.5. Look again."),
    ([[0, 0], [0, 1e-3]], np.zeros((2, 2)), "entry (1, 1) is 0.001 where 0 is due, off by 0.001. Look again."),
    (1 + 2e-6, 1, "1 where 1 is due, off by 2e-06. Look again."),
])
def test_the_message_on_a_wrong_answer_gives_the_difference_and_the_hint(given, due, says):
    with pytest.raises(AssertionError) as caught:
        coursework.close(given, due, HINT)
    assert str(caught.value) == says


def test_a_tolerance_can_be_given():
    coursework.close(1.05, 1, HINT, within=0.1)
    with pytest.raises(AssertionError):
        coursework.close(1.05, 1, HINT, within=0.01)


x, y = sympy.symbols("x y", positive=True)


@pytest.mark.parametrize("given", [
    sympy.sin(2 * x) / y, 2 * sympy.sin(x) * sympy.cos(x) / y, sympy.sin(2 * sympy.Symbol("x")) / sympy.Symbol("y"),
    sympy.Integral(2 * sympy.cos(2 * x), (x, 0, x)).doit() / y,
])
def test_a_formula_passes_in_any_form(given):
    coursework.same_formula(given, sympy.sin(2 * x) / y, HINT)


@pytest.mark.parametrize(("given", "says"), [
    (sympy.sin(x) / y, "your formula gives"),
    (None, "a NoneType came back where a sympy expression is due"),
    (sympy.sin(2 * sympy.Symbol("z")) / y, "the formula holds z, on which the answer does not depend"),
    (0, "your formula gives 0"),
    (sympy.Integral(sympy.sin(x), (x, 0, y)), "a closed form is due"),
    (sympy.nan, "your formula gives nan"),
])
def test_the_message_on_a_wrong_formula_says_where_it_differs(given, says):
    with pytest.raises(AssertionError, match=says) as caught:
        coursework.same_formula(given, sympy.sin(2 * x) / y, HINT)
    assert str(caught.value).endswith(HINT)


def test_numbers_depend_on_student_and_exercise_alone(monkeypatch):
    monkeypatch.delenv(coursework.STUDENT, raising=False)
    draw = {(e, s): coursework.numbers(e, s).uniform() for e in ("01.3", "02.3") for s in ("ada", "ben")}
    assert len(set(draw.values())) == 4
    assert coursework.numbers("01.3", "ada").uniform() == draw["01.3", "ada"]
    assert coursework.numbers("01.3", "ada").integers(10**6) == 985288, "the same on every machine"
    monkeypatch.setenv(coursework.STUDENT, "ben")   # while grading, the folder's name counts
    assert coursework.numbers("01.3", "ada").uniform() == draw["01.3", "ben"]
