"""Coursework: exercises that are handed out, checked by students and graded.

The exercises' notebooks use the names below. `release`, `gradebook`, `grading` and `feedback` need nbgrader.
"""

__all__ = ["STUDENT", "close", "numbers", "same_formula"]


def __getattr__(name: str):
    """Import `answers` when one of its names is first used, so that `ipe-sr --help` does not wait for NumPy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ipe_sr.coursework import answers

    return getattr(answers, name)
