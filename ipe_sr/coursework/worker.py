"""One task on one submission, in a process that `supervisor` starts and ends.

It reads a job as JSON from stdin and writes one JSON object a line to stdout. What it reads is a student's, so it works within
limits, and the process that reads its messages takes nothing but the sources of answers, outputs and verdicts from them.
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import nbformat

from ipe_sr.coursework import assembly, limits, student_kernel
from ipe_sr.errors import InputError, first_line


def send(message: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(message) + "\n")
    sys.__stdout__.flush()


def execute(job: dict[str, Any], most: limits.Limits) -> None:
    """Put the answers into the master's cells, run the notebook, and send what each cell did."""
    from nbgrader.preprocessors import Execute

    full = nbformat.from_dict(job["full"])
    try:
        submitted = nbformat.reads(base64.b64decode(job["submission"]).decode("utf-8-sig"), as_version=4)
        assembled = assembly.assemble(submitted, full, job["released"], most)
    except InputError as error:
        return send({"stopped": str(error), "cell": 0})
    except RecursionError:
        return send({"stopped": "is not a readable notebook (it is nested too deeply)", "cell": 0})
    except Exception as error:   # damaged cells can raise anything
        return send({"stopped": f"is not a readable notebook ({type(error).__name__}: {first_line(error)[:200]})", "cell": 0})
    send({"assembled": assembled.cells, "remarks": assembled.remarks, "typed": assembled.typed})
    notebook = combined(assembled.cells, full)
    del submitted

    def ran(index: int, failed: bool, replaced: list[str]) -> None:
        cell = notebook.cells[index]
        send({"ran": index, "failed": failed, "replaced": replaced, "outputs": cell.outputs, "count": cell.execution_count})

    try:
        student_kernel.execute(
            notebook, Path.cwd(), most, job["student"], engine=Execute, started=lambda index: send({"started": index}), ran=ran,
        )
    except student_kernel.Stopped as stopped:
        return send({"stopped": str(stopped), "cell": stopped.cell})
    send({"stopped": None})


def combined(cells: list[dict[str, Any]], full: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook that `assembly.assemble` describes. Cells that a student added are marked in their metadata."""
    made = []
    for part in cells:
        if "known" in part:
            cell = nbformat.from_dict(full.cells[part["known"]])
            cell.source = part["source"] if assembly.free(cell) else cell.source
        else:
            new = nbformat.v4.new_code_cell if part["cell_type"] == "code" else nbformat.v4.new_markdown_cell
            cell = new(part["source"], metadata={"ipe_sr": {"added": True}})
        made.append(cell)
    return nbformat.from_dict({**full, "cells": made})


def render(job: dict[str, Any], most: limits.Limits) -> None:
    """Make pages of feedback, and send each."""
    from ipe_sr.coursework import feedback

    for one in job["pages"]:
        send({"page": feedback.page(nbformat.from_dict(one["notebook"]), one["summary"], one["resources"])})


def score_entry(job: dict[str, Any], most: limits.Limits) -> None:
    """Score an entry of the challenge."""
    from ipe_sr.coursework import challenge

    send(challenge.measure(job["model"], job["pictures"]))


def main() -> None:
    job = json.load(sys.stdin)
    most = limits.Limits(**job["limits"])
    limits.apply(most)
    {"execute": execute, "render": render, "score": score_entry}[sys.argv[1]](job, most)

