"""The notebook that is run: the cells of the master, with a student's answers in them.

From a submission come only the sources of its answer cells, of the cell with the student's id, and of cells that the student
added. Everything else comes from the master: given code, tests, points, tags and other metadata.
"""

import ast
import builtins
from dataclasses import dataclass, field
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from ipe_sr.coursework import masters
from ipe_sr.coursework.limits import Limits
from ipe_sr.errors import InputError

UNNAMED = "notebook"   # in remarks: what concerns no single exercise


@dataclass(frozen=True)
class Assembled:
    """cells: in order; either {"known": index in the master, "source"} or {"cell_type", "source"} for a cell that was added.

    remarks: by exercise, what a reader should know about its cells.   typed: the id that the student typed.
    """

    cells: list[dict[str, Any]]
    remarks: dict[str, list[str]] = field(default_factory=dict)
    typed: str | None = None


def assemble(submitted: NotebookNode, full: NotebookNode, released: list[str], limits: Limits) -> Assembled:
    """Take the answers out of a submission.

    full: the master with empty answers and hidden tests.   released: the source of each of its cells in student copies.
    Raises InputError if there is no answer cell, and if cells are too many or too long.
    """
    pieces, added = _sorted(submitted, full)
    answers = [k for k, cell in enumerate(full.cells) if free(cell) and masters.part_of(cell) == "answer"]
    if not any(k in pieces for k in answers):
        raise InputError("none of its cells is an answer cell: were answers pasted into a new notebook?")
    rescued = {k for k in answers if k not in pieces and _rescue(k, full.cells[k], pieces, added)}
    texts = [text for found in pieces.values() for text in found] + [text for found in added.values() for _, text in found]
    if sum(map(len, added.values())) > limits.cells or max(map(len, texts)) > limits.source:
        raise InputError(f"it adds more than {limits.cells} cells, or a cell of more than {limits.source} characters")
    cells, remarks, typed = [{"cell_type": kind, "source": text} for kind, text in added.get(-1, [])], {}, None
    for k, cell in enumerate(full.cells):
        own = added.get(k, [])
        if is_student(cell):
            source = pieces.get(k, [cell.source])[-1]
            typed = typed_id(source)
        elif free(cell):
            source, own = _answer(cell, pieces.get(k), own)
        else:
            source = None
            if remark := _changed(cell, pieces.get(k), released[k]):
                remarks.setdefault(masters.exercise_of(masters.grade_id(cell)) or UNNAMED, []).append(remark)
        if k in answers and (k in rescued or k not in pieces):
            remark = "the answer was found in a cell that is no answer cell" if k in rescued else "the answer cell was deleted"
            remarks.setdefault(masters.exercise_of(masters.grade_id(cell)), []).append(remark)
        cells += [{"known": k, "source": source}, *({"cell_type": kind, "source": text} for kind, text in own)]
    return Assembled(cells, remarks, typed)


def _rescue(k: int, cell: NotebookNode, pieces: dict[int, list[str]], added: dict[int, list[tuple[str, str]]]) -> bool:
    """Take the added cells that define what an answer has to define, if the answer cell itself is lost."""
    due, found = bound(cell.source), []
    for after, own in added.items():
        found += [text for kind, text in own if kind == "code" and due & bound(text)]
        added[after] = [(kind, text) for kind, text in own if not (kind == "code" and due & bound(text))]
    if found:
        pieces[k] = found
    return bool(found)


def free(cell: NotebookNode) -> bool:
    """Whether the source of a cell of the master is the student's."""
    return bool(masters.metadata(cell).get("solution")) or is_student(cell)


def is_student(cell: NotebookNode) -> bool:
    """Whether students type their id in this cell."""
    return masters.STUDENT_TAG in cell.metadata.get("tags", [])


def typed_id(source: str) -> str | None:
    """The id in `student = "ada"`; None if there is no such line."""
    try:
        for line in ast.parse(source).body:
            if isinstance(line, ast.Assign) and getattr(line.targets[0], "id", "") == "student":
                return str(ast.literal_eval(line.value))[:200]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return None


def draws_numbers(exercise: masters.Exercise) -> bool:
    """Whether an exercise has numbers that depend on the student's id."""
    return any("coursework.numbers(" in cell.source for cell in exercise.cells)


def bound(source: str) -> set[str]:
    """The names that a cell gives a value to, at its top level; empty for code that is not plain Python.

    The variables of a comprehension end with it, so they do not count.
    """
    names: set[str] = set()
    for line in _parsed(source):
        if isinstance(line, (ast.FunctionDef, ast.ClassDef)):
            names.add(line.name)
        elif isinstance(line, (ast.Import, ast.ImportFrom)):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in line.names}
        else:
            comprehensions = [part for part in ast.walk(line) if isinstance(part, ast.comprehension)]
            inner = {id(name) for part in comprehensions for name in ast.walk(part.target)}
            stored = (node for node in ast.walk(line) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
            names |= {node.id for node in stored if id(node) not in inner}
    return names


def imported(source: str) -> set[str]:
    """The modules that a cell imports."""
    names: set[str] = set()
    for node in (node for line in _parsed(source) for node in ast.walk(line)):
        names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
        names |= {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()
    return names


def built_in(source: str) -> set[str]:
    """The names of built-in functions that a cell reads."""
    nodes = (node for line in _parsed(source) for node in ast.walk(line))
    return {node.id for node in nodes if isinstance(node, ast.Name) and node.id in vars(builtins)}


def _parsed(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def _sorted(submitted: NotebookNode, full: NotebookNode) -> tuple[dict[int, list[str]], dict[int, list[tuple[str, str]]]]:
    """The sources in a submission by the master's cell to which they belong; the added cells by the cell that they follow."""
    names = {masters.grade_id(cell): k for k, cell in enumerate(full.cells) if masters.grade_id(cell)}
    ids = {cell.get("id"): k for k, cell in enumerate(full.cells) if cell.get("id")}
    texts = {cell.source.strip(): k for k, cell in enumerate(full.cells) if cell.cell_type == "markdown"}
    student = next((k for k, cell in enumerate(full.cells) if is_student(cell)), None)
    pieces: dict[int, list[str]] = {}
    added: dict[int, list[tuple[str, str]]] = {}
    last = -1
    for cell in submitted.cells:
        source = str(cell.source).encode("utf-8", "replace").decode()   # half a letter cannot be sent to a kernel
        marks, tags = cell.metadata.get("nbgrader"), cell.metadata.get("tags")
        name = marks.get("grade_id") if isinstance(marks, dict) else None
        k = names.get(name) if isinstance(name, str) else None
        if k is None and isinstance(tags, list) and masters.STUDENT_TAG in tags:
            k = student
        if k is None:
            k = ids.get(cell.get("id"), texts.get(source.strip()))
        text = k is not None and full.cells[k].cell_type == "markdown" and not free(full.cells[k])
        if text and source != full.cells[k].source:
            added.setdefault(k, []).append(("markdown", source))   # notes that a student wrote into a given text
        elif k is not None:
            pieces.setdefault(k, []).append(source)
        elif source.strip():
            added.setdefault(last, []).append((cell.cell_type if cell.cell_type == "code" else "markdown", source))
        last = last if k is None else k
    return pieces, added


def _answer(cell: NotebookNode, pieces: list[str] | None, own: list[tuple[str, str]]) -> tuple[str, list[tuple[str, str]]]:
    """The source of an answer, and the added cells behind it that are left.

    Two cells of one answer are a cell that was split, or a copy: they run one after the other. Empty answers do not count.
    """
    written = [piece for piece in pieces or [] if piece.strip() != cell.source.strip()]
    if not written:
        return cell.source, own
    if cell.cell_type != "code":
        return "\n\n".join(written), own
    joined = "\n".join(written)
    split = own and own[0][0] == "code" and (own[0][1][0] in " \t" or not _compiles(own[0][1]) or not _compiles(joined))
    for more in range(1, len(own) + 1 if split else 0):   # split within a function; the second part has lost its name
        parts = [text for kind, text in own[:more] if kind == "code"]
        if _compiles("\n".join([joined, *parts])):
            return "\n".join([joined, *parts]), own[more:]
    if _compiles(joined):
        return joined, own
    good = [piece for piece in written if _compiles(piece)]
    return "\n".join(good or written[-1:]), own


def _compiles(source: str) -> bool:
    try:
        compile(TransformerManager().transform_cell(source), "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _changed(cell: NotebookNode, pieces: list[str] | None, released: str) -> str | None:
    """A remark on a locked cell that was changed or deleted."""
    name = masters.grade_id(cell)
    if not name or cell.cell_type != "code":
        return None
    if not pieces:
        return f"the cell {name} was deleted; it was put back"
    good = {" ".join(text.split()) for text in (released, cell.source)}
    if any(" ".join(piece.split()) not in good for piece in pieces):
        return f"the cell {name} had been changed; the original was run"
    return None
