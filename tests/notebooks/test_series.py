"""The rules of the series, checked on the committed notebooks. No notebook runs."""

import ast
import json
import re
from pathlib import Path

import pytest
import yaml

from ipe_sr.errors import InputError
from ipe_sr.series import documents

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
NOTEBOOKS = documents.notebooks(FOLDER)
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

LONGEST_CELL = 16
LONGEST_LINE = 104   # characters that fit the column in JupyterLab and on GitHub


def tags(cell):
    return cell.metadata.get("tags", [])


def outputs(cell):
    return cell.get("outputs", [])


@each_notebook
def test_opening_and_closing(path):
    first, *_, last = documents.read(path).cells
    assert first.source.startswith(f"# {path.name[:2]} · ")
    for part in ("**Goal.**", "**Prerequisites.**", "**Run time:**", "**You will be able to check**"):
        assert part in first.source
    assert re.search(r"\*\*Run time:\*\* (\d+ min )?\d+ s measured", first.source), "run time was not measured"
    assert "## Takeaways" in last.source and "## Exercises" in last.source


@each_notebook
def test_has_a_watch_it_break_moment(path):
    assert any(re.search(r"^## .*[Ww]atch it break", cell.source, re.M) for cell in documents.read(path).cells)


@each_notebook
def test_parameters_are_literals_that_something_reads_and_every_notebook_sets_seed_and_threads(path):
    declared = documents.declared(documents.read(path), path)
    assert {"seed", "threads"} <= declared.keys()
    source = next(cell.source for cell in documents.code_cells(documents.read(path)) if "parameters" in tags(cell))
    for line in source.splitlines():   # papermill reads no other form
        assert re.fullmatch(r"\w+ = [^=#|]+", line), line


@pytest.mark.parametrize("name", documents.PRESETS)
def test_presets_name_known_notebooks_and_parameters(name):
    numbers = {path.name[:2]: path for path in NOTEBOOKS}
    for number, given in documents.preset(FOLDER, name).items():
        path = numbers[number]
        documents.resolve(documents.declared(documents.read(path), path), given, path)


def test_the_preset_teach_holds_the_notebooks_own_values():
    for path in NOTEBOOKS:
        given = documents.preset(FOLDER, "teach").get(path.name[:2], {})
        declared = documents.declared(documents.read(path), path)
        assert {name: declared[name] for name in given} == given
        assert declared.keys() - {"seed", "threads"} == given.keys(), "teach.yaml lists every size"


@each_notebook
def test_the_first_cell_says_what_to_do_without_an_installation(path, monkeypatch):
    """It is the same in all notebooks, installs nothing, and is silent where the package is installed."""
    first = documents.code_cells(documents.read(path))[0]
    assert first.source == documents.code_cells(documents.read(NOTEBOOKS[0]))[0].source
    exec(first.source, {})
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"(?s)In Colab.*git clone.*On Binder.*environment.yml"):
        exec(first.source, {})


@each_notebook
def test_cells_fit_the_page(path):
    for cell in documents.code_cells(documents.read(path)):
        lines = cell.source.splitlines()
        assert len(lines) <= LONGEST_CELL, cell.source
        assert max(map(len, lines)) <= LONGEST_LINE, max(lines, key=len)


@each_notebook
def test_outputs_are_stored_whole_and_clean(path):
    notebook = documents.read(path)
    cells = documents.code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert notebook.metadata.keys() == {"kernelspec", "language_info"}
    for cell in cells:
        for output in outputs(cell):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
            assert documents.WIDGET not in output.get("data", {})
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.:/])/(home|root|work|tmp|Users|mnt|opt)/", text), "an absolute path"
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@each_notebook
def test_pictures_have_alternative_text(path):
    cells = documents.code_cells(documents.read(path))
    pictures = [o for cell in cells for o in outputs(cell) if "image/png" in o.get("data", {})]
    assert pictures
    for picture in pictures:
        assert len(picture.metadata["image/png"]["alt"]) > 40


@each_notebook
def test_claims_are_stored_and_compared_by_nbval(path):
    """Every claim's line is stored, in a cell that nbval compares. Without stored output nbval would pass anything."""
    seen = []
    for cell in documents.code_cells(documents.read(path)):
        calls = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
        claims = [call for call in calls if getattr(call.func, "id", None) in ("claim", "reported")]
        stored = "".join(o.text for o in outputs(cell) if o.output_type == "stream")
        if claims:
            assert "nbval-check-output" in tags(cell), cell.source
            assert stored.count("] holds: ") + stored.count("] reported, ") + stored.count("] FAILS: ") >= 1
        if "nbval-check-output" in tags(cell):
            assert stored.strip(), f"nothing stored to compare with: {cell.source}"
        seen += re.findall(rf"^\[({path.name[:2]}\.\d+)\]", stored, re.M)
    assert len(seen) >= 3
    assert seen == [f"{path.name[:2]}.{i}" for i in range(1, len(seen) + 1)], "claims are numbered in order"


@each_notebook
def test_numbered_sections_follow_one_another(path):
    prose = "\n".join(cell.source for cell in documents.read(path).cells if cell.cell_type == "markdown")
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", prose, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))


@each_notebook
def test_a_claim_of_equality_fails_at_half_of_its_number_and_at_its_negative(path):
    """The stored line is "VALUE = NUMBER ± WITHIN": a wide bound would let a wrong factor pass."""
    printed = "".join(o.get("text", "") for cell in documents.code_cells(documents.read(path)) for o in outputs(cell))
    for id, near, within in re.findall(r"^\[(\d\d\.\d+)\] holds: .* = (\S+) ± (\S+)$", printed, re.M):
        assert float(near) == 0 or float(within) <= abs(float(near)) / 2, id


@each_notebook
def test_prose_refers_to_claims_that_exist(path):
    notebook = documents.read(path)
    printed = "".join(o.get("text", "") for cell in documents.code_cells(notebook) for o in outputs(cell))
    stored = set(re.findall(r"\[(\d\d\.\d+)\]", printed))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for reference in re.findall(rf"\b{path.name[:2]}\.\d+\b", cell.source):
                assert reference in stored, f"{reference} in: {cell.source[:80]}"


@each_notebook
def test_links_between_notebooks_lead_somewhere(path):
    for cell in documents.read(path).cells:
        for target in re.findall(r"\]\((\w+\.ipynb)\)", cell.source):
            assert (FOLDER / target).is_file(), target


def bibliography():
    """The anchors of the bibliography's entries, and the text of each."""
    text = (FOLDER / "bibliography.md").read_text(encoding="utf-8")
    return {name.lower().replace(" ", "-"): entry for name, entry in re.findall(r"^### (.+)\n((?:(?!#).*\n?)*)", text, re.M)}


def test_the_map_of_the_pipeline_opens_every_notebook_from_05_on():
    for path in NOTEBOOKS[5:]:
        cells = documents.code_cells(documents.read(path))[:5]
        lit = [name for cell in cells for name in re.findall(r"show_map\((.+)\)", cell.source)]
        shown = [o for cell in cells for o in outputs(cell) if "Map of the pipeline" in o.get("data", {}).get("text/plain", "")]
        assert len(lit) == len(shown) == 1, path.name


@each_notebook
def test_citations_are_in_the_bibliography(path):
    """A citation names author and year, which are the heading of an entry."""
    for cell in documents.read(path).cells:
        for shown, anchor in re.findall(r"\[([^\]]+)\]\(bibliography\.md#([\w-]+)\)", cell.source):
            assert anchor in bibliography(), anchor
            assert shown.lower().replace(" ", "-") == anchor


def test_every_entry_of_the_bibliography_has_a_link():
    assert len(bibliography()) >= 15
    for name, entry in bibliography().items():
        assert re.search(r"\]\(https://", entry), name


def test_the_map_leads_to_every_notebook():
    cells = [cell.source for cell in documents.read(NOTEBOOKS[0]).cells if "## Map of the series" in cell.source]
    assert re.findall(r"\]\((\w+\.ipynb)\)", cells[0]) == [path.name for path in NOTEBOOKS[1:]]


@each_notebook
def test_widgets_have_a_filmstrip(path):
    source = "\n".join(cell.source for cell in documents.code_cells(documents.read(path)))
    assert source.count("Explorer(") == source.count(".filmstrip(") >= 1


def write(folder, cells, preset=None):
    """A made-up series of one notebook."""
    (folder / "params").mkdir()
    (folder / "params" / "smoke.yaml").write_text(yaml.safe_dump(preset or {}), encoding="utf-8")
    body = [{"cell_type": "code", "id": f"c{i}", "metadata": {"tags": t}, "execution_count": None, "outputs": [], "source": s}
            for i, (s, t) in enumerate(cells)]
    path = folder / "00_made_up.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": body}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([("n = 1", [])], "0 cells tagged 'parameters'"),
        ([("n = 1", ["parameters"]), ("print(1)", [])], "no cell reads parameter 'n'"),
        ([("n = 1 + k", ["parameters"]), ("n", [])], "line 1: not `name = literal`"),
        ([("n = m = 1", ["parameters"]), ("n, m", [])], "line 1: not `name = literal`"),
    ],
)
def test_bad_parameter_cells_are_refused(tmp_path, cells, message):
    path = write(tmp_path, cells)
    with pytest.raises(InputError, match=re.escape(message)):
        documents.declared(documents.read(path), path)


@pytest.mark.parametrize(
    ("given", "message"), [({"m": 1}, "'m' is unknown"), ({"n": "x"}, "must be int"), ({"n": True}, "must be int")]
)
def test_bad_parameters_are_refused(given, message):
    with pytest.raises(InputError, match=re.escape(message)):
        documents.resolve({"n": 1}, given, Path("00_made_up.ipynb"))
