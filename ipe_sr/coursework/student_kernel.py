"""Run a student's notebook in its own kernel. A cell that fails or takes too long keeps the error, and the next cell runs.

This is no sandbox: the code has all rights of the user who runs it. notebooks/exercises/README.md says what to do about that.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from ipe_sr.coursework import masters
from ipe_sr.coursework.answers import STUDENT
from ipe_sr.series import documents

TIMEOUT_ERROR = "TimeoutError"
CLUTTER = re.compile(r"\x1b\[[\d;]*m|\d+\.py, (?=line)")   # colours, and the name that IPython gives to a cell


class Stopped(Exception):
    """A notebook that could not be run to its end.   cell: the index of the cell where it stopped, among all cells."""

    def __init__(self, why: str, cell: int):
        super().__init__(why)
        self.cell = cell


def execute(notebook: NotebookNode, folder: Path, timeout: int, student: str | None = None) -> None:
    """Run all cells in order and store their outputs in the notebook.

    folder: the kernel's working folder.   timeout: seconds after which a cell is interrupted.
    student: the id that the exercises draw their random numbers from; None leaves the id to the notebook.
    Raises Stopped if the kernel died or did not react to the interrupt; the cells after that have no outputs.
    """
    client = _Client(
        notebook, kernel_name="python3", resources={"metadata": {"path": str(folder)}}, allow_errors=True, timeout=timeout,
        interrupt_on_timeout=True, raise_on_iopub_timeout=True, error_on_timeout={
            "ename": TIMEOUT_ERROR, "evalue": f"no end within {timeout} s: is there an endless loop?", "traceback": [],
        },
    )
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}   # for the kernel process; outputs of cells are kept
    client.execute(env=os.environ | ({STUDENT: student} if student else {}), **quiet)
    for cell in documents.code_cells(notebook):
        for output in cell.outputs if masters.points_of(cell) else ():
            if output.output_type == "stream":
                output.name = "stdout"   # nbgrader counts a test that prints on stderr, such as a warning, as failed


def error_in(cell: NotebookNode) -> str | None:
    """The error of an executed cell, in one line; None without one. The name AssertionError is left out."""
    for output in cell.get("outputs", []):
        if output.output_type == "error":
            text = " ".join(CLUTTER.sub("", output.evalue).split())
            return text if output.ename == "AssertionError" and text else f"{output.ename}: {text}"
    return None


class _Client(NotebookClient):
    """A client that raises Stopped when the kernel is lost, and that notes a timeout as the error of its cell."""

    leaving = False   # after a call of exit() the kernel ends soon, but it may still start the next cells

    async def async_execute_cell(self, cell: NotebookNode, cell_index: int, **options: Any) -> NotebookNode:
        try:
            executed = await super().async_execute_cell(cell, cell_index, **options)
        except DeadKernelError:
            raise Stopped(f"the kernel died in {_place(cell, cell_index)}", cell_index) from None
        except CellTimeoutError:
            why = f"{_place(cell, cell_index)} took longer than {self.timeout} s and did not stop when interrupted"
            raise Stopped(why, cell_index) from None
        if self.leaving:
            raise Stopped(f"the kernel died in {_place(cell, cell_index)}", cell_index)
        return executed

    def on_cell_executed(self, cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
        reply = execute_reply["content"]
        self.leaving = any(part.get("source") == "ask_exit" for part in reply.get("payload", ()))
        if reply.get("ename") == TIMEOUT_ERROR and not reply["traceback"]:   # with a traceback, student code raised it
            cell.outputs = [nbformat.v4.new_output("error", **{key: reply[key] for key in ("ename", "evalue", "traceback")})]


def _place(cell: NotebookNode, index: int) -> str:
    """The name of a cell in messages: its exercise and part, or else its number, counted from 1."""
    exercise = masters.exercise_of(masters.grade_id(cell))
    return f"exercise {exercise}, {masters.part_of(cell)}" if exercise else f"cell {index + 1}"
