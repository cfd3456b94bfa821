"""The guides: their links lead somewhere, and the package guide's table of rooms is true."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ipe_sr"
GUIDES = [
    ROOT / name for name in (
        "README.md", "ipe_sr/README.md", "ipe_sr/EXTENDING.md", "ipe_sr/EXCHANGE.md", "ipe_sr/weights/README.md",
        "notebooks/experiments/README.md", "notebooks/exercises/README.md", "data_scripts/README.md",
        "notebooks/notation.md", "notebooks/bibliography.md", "notebooks/syllabus.md", "notebooks/project.md",
    )
]
AT_TOP = {   # what `from ipe_sr import NAME` reaches through ipe_sr.__getattr__ -> its room
    "load": "models", "upscale": "upscaling", "InputError": "errors",
    **dict.fromkeys(("datasets", "images", "metrics", "resample", "samples"), "imaging"),
}


def rooms():
    """The rooms in the order of the table."""
    table = (PACKAGE / "README.md").read_text(encoding="utf-8").split("| modules | contents |")[1]
    cells = re.findall(r"^\| (`.*?) \|", table, re.M)
    return [name.rstrip("/") for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def imported(path):
    """The rooms that a file imports from, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "ipe_sr":
            yield from (AT_TOP.get(alias.name, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ipe_sr."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("ipe_sr."))


def anchors(text):
    """The anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(guide):
    """Each relative link names a file, and each anchor a heading of that file."""
    text = guide.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)", text):
        path = guide.parent / target if target else guide
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), f"{target}#{anchor}"


def test_the_readme_is_short():
    """A newcomer reads it in three minutes."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


def test_the_table_of_rooms_has_each_room_once():
    there = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    there |= {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert sorted(rooms()) == sorted(there)


def test_imports_run_down_the_table():
    order = {room: place for place, room in enumerate(rooms())}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in order:
            wrong = [other for other in imported(path) if other in order and order[other] < order[room]]
            assert not wrong, f"{path.relative_to(ROOT)} imports from {wrong}"
