"""Answers are taken out of a submission and put into the master's cells; sentences name lines and repeat no hidden test."""

import ast
import subprocess
import sys

import nbformat
import pytest

pytest.importorskip("nbgrader", reason="the made-up course needs nbgrader: pip install 'ipe_sr[course]'")

from hypothesis import given
from hypothesis import strategies as st

from ipe_sr.coursework import assembly, gradebook, masters, sentences, tables
from ipe_sr.coursework.limits import Limits
from ipe_sr.errors import InputError
from tests.exercises import course_world as world
from tests.exercises.attacks import attacks


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course")
    return gradebook.Course(folder / "out", [world.write_master(folder / "masters")])


def put_in_place(course, submitted):
    full, copy = course.full[world.NAME], course.copies[world.NAME]
    return assembly.assemble(submitted, full, [cell.source for cell in copy.cells], Limits())


NOTEBOOKS = [attack for attack in attacks() if attack.write.__qualname__.startswith("_notebook")]


@pytest.mark.parametrize("attack", NOTEBOOKS, ids=lambda attack: attack.name)
def test_whatever_a_notebook_holds_its_tests_are_the_masters_in_the_masters_order(course, tmp_path, attack):
    attack.write(tmp_path)
    full = course.full[world.NAME]
    try:
        found = put_in_place(course, nbformat.read(next(tmp_path.iterdir()), 4))
    except InputError as error:
        assert attack.due == (None, None) and str(error).isprintable()
        return
    assert [cell["known"] for cell in found.cells if "known" in cell] == list(range(len(full.cells)))
    for cell in found.cells:
        if "known" in cell:
            assert (cell["source"] is not None) == assembly.free(full.cells[cell["known"]])
        else:
            assert cell.keys() == {"cell_type", "source"} and cell["cell_type"] in ("code", "markdown")


@given(st.lists(st.sampled_from(["imports", "ex-01-1", "ex-01-1-visible", "ex-01-2", "ex-01-3", "own", "stub"]), max_size=12))
def test_any_order_of_copied_and_lost_cells_is_taken_apart_the_same_way(course, names):
    good = {masters.grade_id(cell): cell for cell in world.answered(world.GOOD).cells}
    stub = {masters.grade_id(cell): cell for cell in world.answered({}).cells}["ex-01-1"]
    own = nbformat.v4.new_code_cell("own = 1")
    cells = [own if name == "own" else stub if name == "stub" else good[name] for name in names]
    submitted = nbformat.from_dict({"cells": cells})
    if not {"ex-01-1", "ex-01-2", "ex-01-3", "stub"} & set(names):
        with pytest.raises(InputError):
            put_in_place(course, submitted)
        return
    found = put_in_place(course, submitted)
    k = {masters.grade_id(cell): k for k, cell in enumerate(course.full[world.NAME].cells)}["ex-01-1"]
    (answer,) = [cell["source"] for cell in found.cells if cell.get("known") == k]
    assert ("return 2 * n" in answer) == ("ex-01-1" in names), "an empty copy never hides an answer"
    assert sum(cell["source"] == "own = 1" for cell in found.cells) == names.count("own")


@pytest.mark.parametrize(("source", "names"), [
    ("import numpy as np\nfrom a.b import c\nx, y = 1, 2\ndef f(): z = 3", {"np", "c", "x", "y", "f"}),
    ("for i in range(3):\n    k = i", {"i", "k"}), ("def broken(", set()),
])
def test_names_that_a_cell_binds(source, names):
    assert assembly.bound(source) == names


@pytest.mark.parametrize(("source", "typed"), [
    ("student = 'ada'", "ada"), ('# mine\nstudent = "Grace H."', "Grace H."), ("student = nobody", None), ("student =", None),
    ("student = 7", "7"), ("print(1)", None),
])
def test_the_id_that_was_typed(source, typed):
    assert assembly.typed_id(source) == typed


HIDDEN = """hint = "At any ratio of sizes centres lie symmetrically."
for n_out, n_in in ((5, 3), (7, 2)):
    edges = np.linspace(-0.5, n_in - 0.5, n_out + 1)
    coursework.close(centres(n_out, n_in), (edges[1:] + edges[:-1]) / 2, hint, within=1e-12)"""


@pytest.mark.parametrize(("text", "withheld"), [
    (HIDDEN, True), (HIDDEN[::-1], True), (repr(HIDDEN), True), (HIDDEN.split("\n")[2], True), ("".join(HIDDEN.split()), True),
    (f"ValueError: {HIDDEN.split(chr(10))[3][10:70]}", True),
    ("At any ratio of sizes centres lie symmetrically.", False), ("NameError: name 'edges' is not defined", False),
    ("entry 3 is 0.5 where 0.25 is due, off by 0.25. At any ratio of sizes centres lie symmetrically.", False), ("", False),
])
def test_sentences_that_repeat_a_hidden_test_are_withheld(text, withheld):
    assert (sentences.withhold(text, [HIDDEN]) == sentences.WITHHELD) is withheld


@given(st.text())
def test_what_goes_into_a_table_is_one_line_and_no_formula_and_comes_back(text):
    kept = tables.safe(text)
    assert len(kept.splitlines()) <= 1 and kept[:1] not in ("=", "+", "-", "@")
    if text.isprintable():
        assert tables._text(kept) == text or kept == text




def test_the_guard_puts_back_what_was_replaced_and_names_it(tmp_path):
    """In a kernel of its own process, without a client."""
    program = f'''
import builtins, os, sys
from ipykernel.kernelapp import IPKernelApp
app = IPKernelApp.instance()
app.initialize(["-f", {str(tmp_path / "kernel.json")!r}])
shell = app.kernel.shell
from ipe_sr.coursework import guard
import numpy as np
guard.arm(["numpy", "ipe_sr.coursework"])
shell.user_ns.update(given=np.sum)
guard.keep(["given"])
assert guard.restore([]) == [], guard.restore([])
from ipe_sr.coursework import answers
real = np.allclose, answers.close.__code__, builtins.abs, type(shell).run_cell
np.allclose = lambda *a, **k: True
answers.close.__code__ = (lambda given, due, hint, within=0: None).__code__
builtins.abs = lambda x: 0
shell.user_ns.update(given=1, sorted=2)
shell.run_cell = lambda *a, **k: None
shell.ast_transformers.append(1)
shell.events.register("pre_run_cell", print)
found = guard.restore(["sorted"])
assert (np.allclose, answers.close.__code__, builtins.abs, type(shell).run_cell) == real
assert shell.user_ns["given"] is np.sum and "sorted" not in shell.user_ns and shell.ast_transformers == []
guard.release([])
assert shell.user_ns["sorted"] == 2
assert len(found) == 8, found
open("found", "w").write(repr(found))
os._exit(0)
'''
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (tmp_path / "found").exists(), done.stdout + done.stderr
    names = ast.literal_eval((tmp_path / "found").read_text(encoding="utf-8"))
    assert {"numpy.allclose", "abs", "close", "given", "sorted", "ast_transformers"} <= set(names)
