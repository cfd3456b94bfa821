"""Run one submission in a worker, and build the executed copy from what the worker says.

The worker runs student code, so its messages are not trusted: only the sources of answers, outputs of known kinds, and verdicts
are taken from them. Cells, tests and points come from the master.
"""

import base64
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_output

from ipe_sr.coursework import assembly, masters, sandbox, student_kernel, supervisor, worker
from ipe_sr.coursework.limits import Limits

SHORT = 200   # characters of names and remarks


@dataclass
class Executed:
    """A submission after it was run.

    notebook: the master's cells with the answers and outputs.   stopped: why it was not run to its end, in one line.
    cell: the index of the first cell that was not run, if it was stopped.   typed: the id in the notebook.
    remarks: by exercise, what a reader should know: changed cells, and what was replaced while tests ran.
    """

    notebook: NotebookNode
    stopped: str | None = None
    cell: int = 0
    typed: str | None = None
    remarks: dict[str, list[str]] = field(default_factory=dict)


def execute(
    submission: bytes, full: NotebookNode, released: list[str], student: str, limits: Limits, sandboxed: sandbox.Sandbox
) -> Executed:
    """Run a submission.   full: the master with empty answers and hidden tests.   released: its sources in student copies."""
    job = {"submission": base64.b64encode(submission).decode(), "full": full, "released": released, "student": student}
    heard = _Heard(full)
    excess = supervisor.run("execute", job, limits.notebook, limits, heard, sandboxed)
    if not heard.ended:
        if excess is None:
            excess = "its worker ended without a word"
        where = student_kernel.place(heard.result.notebook.cells[heard.at], heard.at) if heard.at else "reading the notebook"
        heard.result.stopped, heard.result.cell = f"{where}: {excess}", heard.at
    for index, cell in enumerate(heard.result.notebook.cells):
        if heard.result.stopped and index >= heard.result.cell and cell.cell_type == "code":
            cell.outputs = []
    return heard.result


class _Heard:
    """Takes the messages of a worker, and raises an exception for one that cannot be right.

    at: the index of the cell that runs.   ended: whether the worker said that it came to its end.
    """

    def __init__(self, full: NotebookNode):
        self.full, self.at, self.ended = full, 0, False
        self.result = Executed(nbformat.from_dict(full))

    def __call__(self, message: dict[str, Any]) -> None:
        result = self.result
        if "assembled" in message:
            self._assemble(message)
        elif "started" in message:
            self.at = self._index(message["started"])
        elif "ran" in message:
            self._ran(self._index(message["ran"]), message)
        elif "stopped" in message:
            self.ended = True
            if message["stopped"] is not None:
                result.stopped, result.cell = _plain(message["stopped"])[:400], self._index(message.get("cell", 0))

    def _assemble(self, message: dict[str, Any]) -> None:
        parts = message["assembled"]
        known = [part["known"] for part in parts if "known" in part]
        texts = [part["source"] for part in parts]
        if known != list(range(len(self.full.cells))) or not all(text is None or isinstance(text, str) for text in texts):
            raise ValueError("the worker's cells are not those of the master")
        parts = [part | {"source": part["source"] and _plain(part["source"])} for part in parts]
        self.result.notebook = worker.combined(parts, self.full)
        self.result.typed = None if message["typed"] is None else _plain(message["typed"])[:SHORT]
        remarks = message["remarks"].items()
        self.result.remarks = {str(name): [_plain(text)[:SHORT] for text in said][:20] for name, said in remarks}

    def _index(self, index: Any) -> int:
        if not isinstance(index, int) or not 0 <= index < len(self.result.notebook.cells):
            raise ValueError("there is no such cell")
        return index

    def _ran(self, index: int, message: dict[str, Any]) -> None:
        cell = self.result.notebook.cells[index]
        if cell.cell_type != "code":
            raise ValueError("the cell holds no code")
        self.at = index
        test = bool(masters.points_of(cell))
        cell.execution_count = message["count"] if isinstance(message["count"], int) else None
        added = bool(cell.metadata.get("ipe_sr"))
        cell.outputs = [_output(output, test) for output in message["outputs"] if not added or output["output_type"] == "error"]
        if message["failed"] and not any(output.output_type == "error" for output in cell.outputs):
            cell.outputs.append(new_output("error", ename="Error", evalue="the cell failed", traceback=[]))
        if replaced := [_plain(name)[:SHORT] for name in message["replaced"]]:
            said = self.result.remarks.setdefault(masters.exercise_of(masters.grade_id(cell)) or assembly.UNNAMED, [])
            remark = f"the submission had replaced {', '.join(replaced)}; the tests ran with the originals"
            said.extend([] if remark in said else [remark])


def _output(output: dict[str, Any], test: bool) -> NotebookNode:
    """One output, with nothing but what is known. In a test, nbgrader takes values for points and stderr for a failure."""
    kind = output["output_type"]
    if kind == "stream":
        return new_output("stream", name="stdout" if test else str(output["name"]), text=_plain(output["text"]))
    if kind == "error":
        trace = [_plain(line) for line in output["traceback"]]
        return new_output("error", ename=_plain(output["ename"]), evalue=_plain(output["evalue"]), traceback=trace)
    if kind not in ("display_data", "execute_result"):
        raise ValueError(f"{kind} is no kind of output")
    data = {name: _plain(value) for name, value in output["data"].items() if name in student_kernel.SHOWN}
    alt = {name: {"alt": _plain(about["alt"])[:2000]} for name, about in output.get("metadata", {}).items()
           if name in data and isinstance(about, dict) and "alt" in about}
    return new_output("display_data", data=data, metadata=alt)


def _plain(text: Any) -> str:
    """A text that can be written in UTF-8."""
    return str(text).encode("utf-8", "replace").decode()
