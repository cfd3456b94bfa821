"""Mutation tests of the notebooks: a check inside a notebook must catch each of a list of one-line faults.

python -m tests.mutations [--jobs 2] [--only 03,06] [--json FILE]
"""
