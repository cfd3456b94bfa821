"""Functions for the tests in exercises: they compare answers, and draw each student's own random numbers."""

import hashlib
import os
from typing import Any

import numpy as np

STUDENT = "IPE_SR_STUDENT"   # environment variable: the student's id while grading; it overrides the id in the notebook


def numbers(exercise: str, student: str) -> np.random.Generator:
    """A random generator that depends on the exercise ("01.3") and the student alone, so it gives the same numbers everywhere.

    student: the id that the student typed. While grading, the name of the submission's folder replaces it.
    """
    text = f"{exercise}/{os.environ.get(STUDENT, student)}"
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]))


def close(given: Any, due: Any, hint: str, within: float = 1e-6) -> None:
    """Assert that an answer equals the right one, to within an absolute tolerance.

    given: the answer, which may be anything.   due: the right answer: a number, sequence, array or tensor.
    hint: one sentence on the likely mistake.
    Raises AssertionError with a sentence on the difference, then the hint.
    """
    if wrong := _difference(given, _array(due), within):
        raise AssertionError(f"{wrong} {hint}")


def same_formula(given: Any, due: Any, hint: str) -> None:
    """Assert that two sympy expressions are equal, in whatever form they are written.

    Both are evaluated at eight random points; symbols are matched by name, and lie between 0.2 and 1.9.
    Raises AssertionError with a sentence on the difference, then the hint.
    """
    if wrong := _formula_difference(given, due):
        raise AssertionError(f"{wrong} {hint}")


def _difference(given: Any, due: np.ndarray, within: float) -> str | None:
    """A sentence on the first difference found between an answer and the right one; None if they agree."""
    if given is None:
        return "None came back: does every path of your function end in `return`?"
    try:
        given = _array(given)
    except (TypeError, ValueError):
        return f"a {type(given).__name__} came back where numbers are due."
    if given.shape != due.shape:
        return f"the shape is {given.shape} where {due.shape} is due."
    gap = np.abs(given - due)
    if not np.isfinite(gap).all():
        return f"{np.count_nonzero(~np.isfinite(gap))} of {gap.size} numbers are not finite."
    if not gap.size or gap.max() <= within:
        return None
    worst = tuple(map(int, np.unravel_index(gap.argmax(), gap.shape)))
    entry = f"entry {worst[0] if len(worst) == 1 else worst} is " if worst else ""
    return f"{entry}{given[worst]:.6g} where {due[worst]:.6g} is due, off by {gap[worst]:.2g}."


def _formula_difference(given: Any, due: Any) -> str | None:
    """A sentence on the first difference found between two expressions; None if they agree."""
    import sympy

    try:
        given = sympy.sympify(given)
        names = {symbol.name: symbol for symbol in given.free_symbols}
    except (AttributeError, TypeError, sympy.SympifyError):
        return f"a {type(given).__name__} came back where a sympy expression is due."
    if given.has(sympy.Integral, sympy.Sum):   # evaluating one numerically can take minutes
        return "an integral or a sum is left: carry it out, a closed form is due."
    if unknown := sorted(names.keys() - {symbol.name for symbol in due.free_symbols}):
        return f"the formula holds {', '.join(unknown)}, on which the answer does not depend."
    random = np.random.default_rng(0)
    for _ in range(8):
        at = {symbol: random.uniform(0.2, 1.9) for symbol in sorted(due.free_symbols, key=lambda symbol: symbol.name)}
        here = {names[symbol.name]: value for symbol, value in at.items() if symbol.name in names}
        ours, theirs = complex(given.subs(here)), complex(due.subs(at))
        if not abs(ours - theirs) <= 1e-9 * max(1, abs(theirs)):
            point = ", ".join(f"{symbol} = {value:.3g}" for symbol, value in at.items())
            return f"with {point} your formula gives {ours.real:.4g}, the right one {theirs.real:.4g}."
    return None


def _array(value: Any) -> np.ndarray:
    """Numbers, a sequence or a tensor as an array of the same shape, float64 or complex128; tensors are detached."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    elif isinstance(value, (list, tuple)):
        value = [_array(part) for part in value]
    value = np.asarray(value)
    return value.astype(np.complex128 if np.iscomplexobj(value) else np.float64)
