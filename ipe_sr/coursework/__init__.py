"""Coursework: exercises that are handed out, checked by students and graded.

What the exercises' notebooks use stands here; the parts that need nbgrader are `release` and `grading`.
"""

from ipe_sr.coursework.answers import STUDENT, close, numbers, same_formula

__all__ = ["STUDENT", "close", "numbers", "same_formula"]
