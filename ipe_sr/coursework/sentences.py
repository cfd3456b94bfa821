"""The sentences about an executed notebook: why a test failed, in one line, and in which line of the student's code.

Students read these sentences, so none of them repeats the source of a hidden test.
"""

import io
import re
import tokenize
from collections.abc import Iterable

from nbformat import NotebookNode

from ipe_sr.coursework import masters
from ipe_sr.series import documents

CLUTTER = re.compile(r"\x1b\[[\d;]*m|\w+\.py, (?=line)")   # colours, and the name that IPython gives to a cell
FRAME = re.compile(r"Cell In\[(\d+)\], line (\d+)")
WITHHELD = "The message is not shown, because it repeats the text of a hidden test."
WINDOW = 20      # characters of code that a message may share with a hidden test
SHORTEST = 12    # characters of code that say anything about a test
LONGEST = 400    # characters


def error_in(cell: NotebookNode, notebook: NotebookNode | None = None) -> str | None:
    """The error of an executed cell, in one line; None without one. The name AssertionError is left out.

    notebook: if it is given, the sentence ends with the line of the student's own code in which the error was raised.
    """
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            text = " ".join(CLUTTER.sub("", str(output.evalue)).split())
            text = text if output.ename == "AssertionError" and text else f"{output.ename}: {text}".removesuffix(": ")
            where = _place(output, cell, notebook) if notebook else None
            text = text if len(text) <= LONGEST else text[: LONGEST - 4] + " ..."
            return f"{text} ({where})" if where else text
    return None


def complaint(executed: NotebookNode, exercise: str, part: str) -> str | None:
    """Why a test of an exercise fails, in one line; None if it passes. An error of the answer cell comes first."""
    cells = {masters.grade_id(cell): cell for cell in executed.cells}
    failure = error_in(cells[masters.named(exercise, part)], executed)
    answer = cells.get(masters.named(exercise, "answer"))
    return failure and ((answer and error_in(answer, executed)) or failure)


def withhold(text: str, hidden: Iterable[str]) -> str:
    """The text, or a note in its place if it repeats code of one of the hidden tests, forwards or backwards.

    Sentences that a hidden test says itself stand in its text constants; these may be repeated.
    """
    squeezed = re.sub(r"\s|\\n", "", text)
    both = squeezed + "\0" + squeezed[::-1]
    for source in hidden:
        for code in _code(source):
            size = min(WINDOW, len(code))
            if size >= SHORTEST and any(code[i : i + size] in both for i in range(len(code) - size + 1)):
                return WITHHELD
    return text


def hidden_sources(notebook: NotebookNode) -> list[str]:
    """The sources of the hidden tests of a notebook, without the first line, which students know."""
    return [cell.source.partition("\n")[2] for cell in documents.code_cells(notebook) if masters.part_of(cell) == "hidden"]


def _code(source: str) -> list[str]:
    """The code of a test without white space, cut where it has text constants or marks of nbgrader."""
    lines = [line for line in source.split("\n") if "HIDDEN TESTS" not in line]
    pieces = [""]
    try:
        for token in tokenize.generate_tokens(io.StringIO("\n".join(lines)).readline):
            if token.type == tokenize.STRING or tokenize.tok_name[token.type].startswith("FSTRING"):
                pieces.append("")
            elif token.string.strip():
                pieces[-1] += re.sub(r"\s", "", token.string)
    except (tokenize.TokenError, SyntaxError):
        pieces.append(re.sub(r"\s", "", "".join(lines)))
    return pieces


def _place(error: NotebookNode, cell: NotebookNode, notebook: NotebookNode) -> str | None:
    """The line of the student's own code that raised an error; None if other code raised it, or if it is said already."""
    if re.search(r"\bline \d+\)", str(error.evalue)):   # a SyntaxError says it
        return None
    own = {}
    for number, other in enumerate(notebook.cells, 1):
        marks = masters.metadata(other)
        added = (other.metadata.get("ipe_sr") or {}).get("added")
        if other.cell_type == "code" and other.get("execution_count") and (added or marks.get("solution")):
            exercise = masters.exercise_of(masters.grade_id(other))
            own[other.execution_count] = f"your answer to {exercise}" if exercise else f"cell {number}"
        if other is cell:
            break
    frames = [(int(count), line) for count, line in FRAME.findall(CLUTTER.sub("", "\n".join(map(str, error.traceback))))]
    for count, line in reversed(frames):
        if count in own:
            return f"line {line} of {own[count]}"
    return None
