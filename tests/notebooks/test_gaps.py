"""Copies of the notebooks with gaps: what is emptied, and that a gap stops the notebook."""

from pathlib import Path

import pytest

from ipe_sr.errors import InputError
from ipe_sr.series import documents, gaps

FOLDER = Path(__file__).parents[2] / "notebooks"


def tagged():
    """(notebook, source) of every cell that is emptied."""
    for path in documents.notebooks(FOLDER):
        for cell in documents.code_cells(documents.read(path)):
            if gaps.TAG in cell.metadata.get("tags", []):
                yield pytest.param(cell.source, id=path.name[:2])


def test_the_series_has_the_four_gaps_that_the_syllabus_names():
    assert {parameter.id for parameter in tagged()} == {"03", "06", "07", "09"}


@pytest.mark.parametrize("source", list(tagged()))
def test_an_emptied_function_keeps_its_signature_and_raises(source):
    """The line of the first function is the same, its solution is gone, and a call says what to do."""
    made = gaps.emptied(source)
    first = next(line for line in source.splitlines() if line.startswith("def "))
    assert first in made and "raise NotImplementedError" in made
    assert len(made.splitlines()) < len(source.splitlines()) + 1


def test_the_rest_of_a_cell_stays():
    source = 'def double(x):\n    """Twice x."""\n    y = 2 * x\n    return y\n\nprint(double(1))'
    stub = "\n".join("    " + line for line in gaps.STUB)
    assert gaps.emptied(source) == f'def double(x):\n    """Twice x."""\n{stub}\n\nprint(double(1))'


def test_a_cell_without_a_function_is_refused():
    with pytest.raises(ValueError, match="no function"):
        gaps.emptied("x = 1")


def test_copies_have_no_outputs_and_are_never_overwritten(tmp_path):
    made = gaps.write(FOLDER, tmp_path / "copies")
    assert [path.name for path in made] == [path.name for path in documents.notebooks(FOLDER)]
    for path in made:
        cells = documents.code_cells(documents.read(path))
        assert all(cell.outputs == [] and cell.execution_count is None for cell in cells)
    with pytest.raises(InputError, match="exists already"):
        gaps.write(FOLDER, tmp_path / "copies")
    with pytest.raises(InputError, match="the folder of the series itself"):
        gaps.write(FOLDER, FOLDER)
