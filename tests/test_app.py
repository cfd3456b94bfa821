"""The page of notebook 14's widget, without a browser. `browser/test_app.py` tests it in one."""

import ast
import sys
from pathlib import Path

import pytest

from ipe_sr import app
from ipe_sr.errors import InputError
from ipe_sr.series import documents

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "14_your_own_picture.ipynb"


def explorers(path):
    """The source of every call of Explorer in a notebook."""
    trees = [ast.parse(cell.source) for cell in documents.code_cells(documents.read(path))]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [ast.unparse(call) for call in calls if getattr(call.func, "id", None) == "Explorer"]


def test_the_page_has_the_same_widget_as_the_notebook():
    assert explorers(app.PAGE) == explorers(NOTEBOOK)
    assert len(explorers(app.PAGE)) == 1


def test_the_page_is_stored_without_outputs():
    assert all(not cell.outputs and cell.execution_count is None for cell in documents.code_cells(documents.read(app.PAGE)))


def test_no_file_of_the_page_refers_to_another_server():
    files = [path for path in app.FOLDER.rglob("*") if path.suffix in (".j2", ".js", ".json", ".ipynb")]
    assert len(files) >= 4
    for path in files:
        assert "//" not in path.read_text(encoding="utf-8").replace("// The", ""), path


def test_without_voila_the_error_names_the_extras_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "voila", None)
    with pytest.raises(InputError, match=r"needs the package voila.*pip install 'ipe_sr\[notebooks,app\]'"):
        app.serve()
