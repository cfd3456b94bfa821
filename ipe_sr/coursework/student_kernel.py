"""Run a student's notebook in its own kernel. A cell that fails or takes too long keeps the error, and the next cell runs.

This is no sandbox: the code has all rights of the user who runs it. notebooks/exercises/README.md says what to do about that.
"""

import ast
import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from ipe_sr.coursework import assembly, masters
from ipe_sr.coursework.answers import STUDENT
from ipe_sr.coursework.limits import MB, Limits
from ipe_sr.series import documents

TIMEOUT_ERROR = "TimeoutError"
FLOOD = 32 * MB   # a cell that prints as much as this is interrupted
GUARD = "__import__('ipe_sr.coursework.guard', fromlist=['guard']).{}({!r})"
SHOWN = {"text/plain": 20_000, "text/html": 100_000, "text/markdown": 20_000, "text/latex": 20_000,
         "image/png": 700_000, "image/jpeg": 700_000}   # kinds of outputs that are kept, and the characters of each


class Stopped(Exception):
    """A notebook that could not be run to its end.   cell: the index of the cell where it stopped, among all cells."""

    def __init__(self, why: str, cell: int):
        super().__init__(why)
        self.cell = cell


def execute(
    notebook: NotebookNode, folder: Path, limits: Limits, student: str | None = None, *, engine: type = NotebookClient,
    started: Callable[[int], Any] = lambda index: None, ran: Callable[[int, bool, list[str]], Any] = lambda *result: None,
) -> None:
    """Run all cells in order and store their outputs in the notebook.

    folder: the kernel's working folder.   student: the id that the exercises draw their random numbers from; None leaves the
    id to the notebook.   engine: NotebookClient, or nbgrader's `Execute`, which is made from it.
    started: is called with the index of each cell before it runs.   ran: is called after it, with the index, whether the kernel
    reported an error, and which parts of the tests' environment had been replaced.
    Raises Stopped if the kernel died or did not react to the interrupt; the cells after that have no outputs.
    """
    client = _client_class(engine)(
        kernel_name="python3", resources={"metadata": {"path": str(folder)}}, allow_errors=True, timeout=limits.cell,
        interrupt_on_timeout=True, raise_on_iopub_timeout=True, iopub_timeout=limits.cell, error_on_timeout={
            "ename": TIMEOUT_ERROR, "evalue": f"no end within {limits.cell} s: is there an endless loop?", "traceback": [],
        }, **({"nb": notebook} if engine is NotebookClient else {}),
    )
    client.nb, client.limits, client.started, client.ran = notebook, limits, started, ran
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}   # for the kernel process; outputs of cells are kept
    client.execute(env=os.environ | ({STUDENT: student} if student else {}), **quiet)


def _client_class(engine: type) -> type:
    """The engine, with the rules of this module. It has the interface of NotebookClient."""

    class Client(engine):
        limits: Limits
        armed = leaving = False   # leaving: after a call of exit() the kernel ends soon, but it may still start the next cells
        size = 0                  # bytes of the outputs of the present cell

        async def async_execute_cell(self, cell: NotebookNode, cell_index: int, *_: Any, **__: Any) -> NotebookNode:
            if cell.cell_type != "code" or not cell.source.strip():
                return cell
            self.started(cell_index)
            self.size, self.failed, self.flooded = 0, False, None
            hidden, test = masters.part_of(cell) == "hidden", bool(masters.points_of(cell))
            try:
                if not self.armed:
                    self.armed = True
                    locked = [cell.source for cell in documents.code_cells(self.nb) if masters.metadata(cell).get("locked")]
                    await self._guard("arm", sorted(set().union(*map(assembly.imported, locked))))
                replaced = await self._guard("restore", sorted(assembly.built_in(cell.source) - self._own())) if test else []
                executed = await super().async_execute_cell(cell, cell_index, store_history=not hidden)
                if self.leaving:
                    raise DeadKernelError()
                if test:
                    await self._guard("release", ["hidden"] if hidden else [])
                elif masters.metadata(cell).get("locked"):
                    await self._guard("keep", sorted(assembly.bound(cell.source) - self._own()))
            except DeadKernelError:
                raise Stopped(f"the kernel died in {place(cell, cell_index)}", cell_index) from None
            except CellTimeoutError:
                why = f"{place(cell, cell_index)} took longer than {self.timeout} s and did not stop when interrupted"
                raise Stopped(why, cell_index) from None
            self.ran(cell_index, self.failed, replaced)
            return executed

        def _own(self) -> set[str]:
            """The names that answers define: these are the student's."""
            answers = [cell.source for cell in documents.code_cells(self.nb) if masters.metadata(cell).get("solution")]
            return set().union(*map(assembly.bound, answers))

        async def _guard(self, action: str, names: list[str]) -> list[str]:
            """Call a function of `guard` in the kernel, without running a cell. Returns what it reports."""
            wanted = {"report": GUARD.format(action, names)}
            message = self.kc.execute("", silent=True, store_history=False, user_expressions=wanted)
            message = message if isinstance(message, str) else await message
            reply = await self.async_wait_for_reply(message)
            try:
                report = ast.literal_eval(reply["content"]["user_expressions"]["report"]["data"]["text/plain"])
                return [str(name)[:100] for name in report][:10]
            except (TypeError, KeyError, ValueError, SyntaxError):
                return ["the kernel itself"] if action == "restore" else []

        def _count(self, size: int) -> None:
            """Count the bytes of an output. A cell that goes on and on is interrupted, again and again if need be."""
            before, self.size = self.size, self.size + size
            if before // FLOOD < self.size // FLOOD:
                self.flooded = asyncio.ensure_future(self.km.interrupt_kernel())

        def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
            """Leave out what exceeds the bounds. `msg` is a message of the kernel."""
            content = msg["content"]
            if msg["msg_type"] == "stream":
                self._count(len(content["text"]))
                if self.size > self.limits.outputs:
                    return None
            elif "data" in content and msg["msg_type"] in ("display_data", "execute_result", "update_display_data"):
                content["data"] = {kind: _cut(value, SHOWN[kind]) for kind, value in content["data"].items() if kind in SHOWN}
                self._count(sum(map(len, content["data"].values())))
                if self.size > self.limits.outputs or len(cell.outputs) > 200:
                    return None
            elif msg["msg_type"] == "error":
                content |= {"ename": _cut(content.get("ename"), 200), "evalue": _cut(content.get("evalue"), 5000),
                            "traceback": [_cut("\n".join(map(str, content.get("traceback", ()))), 20_000)]}
                cell.outputs[:] = cell.outputs[-50:]
            elif msg["msg_type"].startswith("comm"):   # widgets belong to the kernel and end with it
                return None
            return super().process_message(msg, cell, cell_index)

        def on_cell_executed(self, cell: NotebookNode, cell_index: int, execute_reply: dict) -> None:
            if engine is not NotebookClient:
                super().on_cell_executed(cell=cell, cell_index=cell_index, execute_reply=execute_reply)
            reply = execute_reply["content"]
            self.leaving = any(part.get("source") == "ask_exit" for part in reply.get("payload", ()))
            self.failed = reply.get("status") == "error"
            cell.execution_count = reply.get("execution_count", cell.get("execution_count"))
            if self.flooded and self.failed:
                why = f"more than {FLOOD // MB} MB were printed: is there an endless loop?"
                cell.outputs = [nbformat.v4.new_output("error", ename="OutputError", evalue=why, traceback=[])]
            elif reply.get("ename") == TIMEOUT_ERROR and not reply["traceback"]:   # with a traceback, student code raised it
                cell.outputs = [nbformat.v4.new_output("error", **{k: reply[k] for k in ("ename", "evalue", "traceback")})]

    return Client


def _cut(text: Any, most: int) -> str:
    text = text if isinstance(text, str) else str(text)
    return text if len(text) <= most else text[:most] + " ..." if most < 200_000 else ""   # a cut picture is no picture


def place(cell: NotebookNode, index: int) -> str:
    """The name of a cell in messages: its exercise and part, or else its number, counted from 1."""
    exercise = masters.exercise_of(masters.grade_id(cell))
    return f"exercise {exercise}, {masters.part_of(cell)}" if exercise else f"cell {index + 1}"
