"""Copies of the notebooks for those who want to type the central steps themselves: some functions have no body there."""

import ast
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from ipe_sr import files
from ipe_sr.errors import InputError
from ipe_sr.series import documents

TAG = "type-it"   # of the cells whose functions are emptied
STUB = ("# Type it yourself, here. The claims below stop until it is right.", 'raise NotImplementedError("type it yourself")')


def write(folder: Path, out: Path) -> list[Path]:
    """Write copies of a series: the outputs are gone, and the functions of the tagged cells have no bodies.

    folder: of the notebooks.   out: another folder; it is made if necessary.   Returns the files, those without gaps as well.
    Raises InputError if there are no notebooks, if `out` is the folder itself, or if it already holds a notebook of a copy's
    name, in which somebody may have typed.
    """
    paths = documents.notebooks(folder)
    if out.resolve() == folder.resolve():
        raise InputError(f"{out}: is the folder of the series itself; give another one")
    if taken := [path.name for path in paths if (out / path.name).exists()]:
        raise InputError(f"{out / taken[0]}: exists already; give an empty folder")
    files.make_folder(out)
    for path in paths:
        with files.replacing(out / path.name) as temporary:
            nbformat.write(copy(documents.read(path)), temporary)
    return [out / path.name for path in paths]


def copy(notebook: NotebookNode) -> NotebookNode:
    """The notebook itself, with gaps and without outputs."""
    for cell in documents.code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
        if TAG in cell.metadata.get("tags", []):
            cell.source = emptied(cell.source)
    return notebook


def emptied(source: str) -> str:
    """The source with the body of its first function replaced by a stub. The function keeps its docstring.

    Raises ValueError if there is no function.
    """
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    if not functions:
        raise ValueError(f"no function to empty in: {source}")
    body = functions[0].body
    kept = body[1:] if ast.get_docstring(functions[0]) is not None else body
    lines = source.splitlines()
    indent = " " * body[0].col_offset
    start, end = kept[0].lineno - 1, kept[-1].end_lineno
    return "\n".join(lines[:start] + [indent + line for line in STUB] + lines[end:])
