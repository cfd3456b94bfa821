"""Mutation tests of the teaching: faults of one line, each to be caught by a check inside a notebook.

python -m tests.mutations [--jobs 2] [--only 03,06] [--json FILE]
"""
