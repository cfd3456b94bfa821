"""A folder as `ipe-sr notebooks` leaves it, made without running anything."""

import json
import re
from pathlib import Path

import nbformat

from ipe_sr.series import documents

CLAIM = re.compile(r"^\[(\d\d\.\d+)\] holds: (.*): (.*)$", re.M)


def executed(folder: Path, name: str, notebook: nbformat.NotebookNode, failure: str | None = None) -> None:
    """An executed copy, and a record with the claims that its outputs print."""
    nbformat.write(notebook, folder / f"{name}.ipynb")
    printed = "".join(output.get("text", "") for cell in documents.code_cells(notebook) for output in cell.get("outputs", []))
    claims = [{"id": id, "text": text, "kind": "asserted", "holds": True, "bounds": bounds}
              for id, text, bounds in CLAIM.findall(printed)]
    record = {"notebook": f"{name}.ipynb", "preset": "smoke", "failure": failure, "seconds": 1.25, "claims": claims}
    (folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
