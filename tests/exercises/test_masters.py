"""The masters follow the rules of the series and the rules that grading needs; no cell is run."""

import ast
import re
import sys

import nbformat
import pytest

from ipe_sr.coursework import assembly, masters
from ipe_sr.series import documents
from tests.exercises.runner import MASTERS, cases

SERIES = MASTERS[0].parents[1]
LONGEST_CELL = 18    # lines, without nbgrader's marks
LONGEST_LINE = 104   # the width of the column in JupyterLab and on GitHub
MARK = re.compile(r"\s*### (BEGIN|END) (SOLUTION|HIDDEN TESTS)$")
STUB = ["# your code here", 'raise NotImplementedError("this exercise is not answered yet")']
ALLOWED = {"ipe_sr", "matplotlib", "numpy", "scipy", "sympy", "torch"} | sys.stdlib_module_names   # the series' environment
each_master = pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)


def lines(cell):
    return [line for line in cell.source.split("\n") if not MARK.match(line)]


@each_master
def test_names_a_notebook_of_the_series_and_opens_and_closes_like_one(path):
    assert (SERIES / path.name).is_file()
    first, *_, last = masters.read(path).cells
    assert first.source.startswith(f"# {path.name[:2]} · Exercises: ")
    for part in ("**Goal.**", "**Prerequisites.**", "**Time.**", "**Check yourself.**", f"(../{path.name})"):
        assert part in first.source
    assert last.source.startswith("## When you are done")


@each_master
def test_names_the_exercise_to_do_if_there_is_time_for_only_one(path):
    notebook = masters.read(path)
    [chosen] = re.findall(r"If you have time for only one, do (\d\d\.\d)\.", notebook.cells[0].source)
    assert chosen in {exercise.id for exercise in masters.exercises(notebook)}


@each_master
def test_is_clean_and_its_marks_are_valid(path):
    from_nbgrader = pytest.importorskip("nbgrader.nbgraderformat")
    notebook = masters.read(path)
    nbformat.validate(notebook)
    from_nbgrader.MetadataValidator().validate_nb(notebook)
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    assert {cell.execution_count for cell in documents.code_cells(notebook)} == {None}
    ids = [masters.grade_id(cell) for cell in notebook.cells if masters.grade_id(cell)]
    assert len(set(ids)) == len(ids)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.:/])/(home|root|work|tmp|Users|mnt|opt)/", text), "an absolute path"


@each_master
def test_exercises_are_numbered_and_have_hints_and_the_points_of_their_heading(path):
    exercises = masters.exercises(masters.read(path))
    assert [exercise.id for exercise in exercises] == [f"{path.name[:2]}.{i}" for i in range(1, len(exercises) + 1)]
    for exercise in exercises:
        assert sum(map(masters.points_of, exercise.cells)) == exercise.points, exercise.id
        assert "<details><summary>Hint</summary>" in exercise.cells[0].source, exercise.id
        parts = [masters.part_of(cell) for cell in exercise.cells if masters.part_of(cell)]
        assert parts == (["answer"] if exercise.written else ["answer", "visible", "hidden"]), exercise.id
        assert all(masters.exercise_of(masters.grade_id(cell)) in (exercise.id, None) for cell in exercise.cells)


@each_master
def test_code_that_is_given_is_locked(path):
    for cell in documents.code_cells(masters.read(path)):
        free = masters.STUDENT_TAG in cell.metadata.get("tags", []) or masters.part_of(cell) == "answer"
        assert masters.metadata(cell).get("locked", False) is not free, cell.source


@each_master
def test_tests_leave_the_names_of_given_code_alone(path):
    """Otherwise the next test puts the given code back, and tells an honest student that the submission had replaced it."""
    given = set()
    for cell in documents.code_cells(nbformat.read(path, as_version=4)):
        names = assembly.bound(cell.source)
        if masters.points_of(cell):
            assert not names & given, masters.grade_id(cell)
        elif not masters.metadata(cell).get("solution"):
            given |= names


@each_master
def test_a_student_id_is_asked_for_where_it_is_used(path):
    code = documents.code_cells(masters.read(path))
    asked = [cell.source for cell in code if masters.STUDENT_TAG in cell.metadata.get("tags", [])]
    used = any("coursework.numbers(" in cell.source for cell in code)
    assert asked == (['student = "nobody"'] if used else [])


@each_master
def test_cells_fit_the_page(path):
    for cell in documents.code_cells(masters.read(path)):
        assert len(lines(cell)) <= LONGEST_CELL, cell.source
        assert max(map(len, lines(cell))) <= LONGEST_LINE, max(lines(cell), key=len)


@each_master
def test_pictures_have_alternative_text(path):
    for cell in documents.code_cells(masters.read(path)):
        for call in (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)):
            if getattr(call.func, "id", getattr(call.func, "attr", "")) in ("show", "display"):
                alt = {keyword.arg: keyword.value for keyword in call.keywords}["alt"]
                assert len(ast.literal_eval(alt)) > 40


@each_master
def test_links_lead_somewhere(path):
    for cell in masters.read(path).cells:
        for target in re.findall(r"\]\(([\w./]+\.ipynb)\)", cell.source):
            assert (path.parent / target).is_file(), target


@each_master
def test_student_copies_import_only_packages_of_the_series_environment(path):
    for cell in documents.code_cells(masters.read(path)):
        for node in ast.walk(ast.parse(cell.source)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= ALLOWED, cell.source


@pytest.mark.parametrize("case", [pytest.param(case, id=case.exercise.id) for case in cases()])
def test_the_stub_is_the_solution_with_gaps(case):
    release = pytest.importorskip("ipe_sr.coursework.release", reason="nbgrader makes stubs: pip install 'ipe_sr[course]'")
    due, inside = [], False
    for line in case.solution.split("\n"):
        mark = MARK.match(line)
        if mark and mark[1] == "BEGIN":
            due += [line[: len(line) - len(line.lstrip())] + text for text in STUB]
        elif not mark and not inside:
            due.append(line)
        inside = mark[1] == "BEGIN" if mark else inside
    stub = release.stub(case.exercise.cell("answer")).source
    assert stub.split("\n") == due and due != case.solution.split("\n")
    functions = [node for node in ast.parse(stub).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert functions and all(ast.get_docstring(node) for node in functions), "the docstring says what the function must do"


@pytest.mark.parametrize("case", [pytest.param(case, id=case.exercise.id) for case in cases()])
def test_hidden_tests_are_hidden_whole(case):
    first, begin, *_, end = case.exercise.cell("hidden").source.split("\n")
    assert first.startswith("# ") and MARK.match(begin) and MARK.match(end)


def test_the_guide_lists_every_master_with_its_exercises_and_points():
    guide = (MASTERS[0].parent / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .* \| \[(\d\d)\]\((\S+)\) \| (\d+) \| (\d+) \|", guide, re.M)
    due = []
    for path in MASTERS:
        exercises = masters.exercises(masters.read(path))
        due.append((path.name[:2], path.name, str(len(exercises)), str(sum(exercise.points for exercise in exercises))))
    assert rows == due


def test_there_are_enough_of_all_kinds():
    exercises = [exercise for path in MASTERS for exercise in masters.exercises(masters.read(path))]
    assert len(exercises) >= 2.5 * len(MASTERS)
    assert {exercise.kind for exercise in exercises} == set(masters.KINDS)
    assert {exercise.stars for exercise in exercises} == {"★☆☆", "★★☆", "★★★"}
    assert sum(len(case.bank()) for case in cases()) >= 60
