"""The folder that `make notebooks PARAMS=smoke` leaves. Tests share it, because the run takes minutes."""

from pathlib import Path

from ipe_sr import files, provenance
from ipe_sr.series import documents, ledger

ROOT = Path(__file__).parents[1]
NOTEBOOKS = documents.notebooks(ROOT / "notebooks")
FOLDER = ROOT / ".out" / "smoke"
COMMAND = "make notebooks PARAMS=smoke"


def missing() -> str:
    """Why tests cannot use the folder; empty where it holds a whole run of the present code."""
    records = [files.read_json(path) for path in sorted(FOLDER.glob(ledger.RECORDS))]
    if not (FOLDER / "site").is_dir() or [record["notebook"] for record in records] != [path.name for path in NOTEBOOKS]:
        return f"{FOLDER.relative_to(ROOT)} holds no whole run; `{COMMAND}` makes one"
    made = [(record["preset"], record["source_sha256"], record["package_sha256"]) for record in records]
    code = provenance.package_digest()
    now = [("smoke", provenance.notebook_digest(documents.read(path)), code) for path in NOTEBOOKS]
    return "" if made == now else f"{FOLDER.relative_to(ROOT)} was made by other code; run `{COMMAND}` again"
