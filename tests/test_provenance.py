"""The digest of the code: what changes it and what does not."""

import nbformat
import pytest

from ipe_sr import provenance

LOSS = '''"""The loss."""
from toy import numbers


def loss(x):
    """Mean absolute error."""
    return abs(x).mean()   # over all
'''


@pytest.fixture
def toy(tmp_path):
    """A package `toy` whose module `training` needs `loss`, which needs `numbers`; `reports` is needed by nobody."""
    package = tmp_path / "toy"
    (package / "models").mkdir(parents=True)
    files = {
        "__init__.py": "", "numbers.py": "ONE = 1\n", "loss.py": LOSS, "reports.py": "import toy.training\n",
        "training.py": "import math\nfrom toy import loss\n\ndef late():\n    from toy.models.net import Net\n",
        "models/__init__.py": "", "models/net.py": "class Net:\n    '''A net.'''\n",
    }
    for name, text in files.items():
        (package / name).write_text(text)
    return package


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("loss.py", "abs(x)", "(x ** 2)", True),
        ("loss.py", "Mean absolute error.", "MAE.", False),
        ("loss.py", '    """Mean absolute error."""\n', "", False),
        ("loss.py", "# over all", "# pixels", False),
        ("loss.py", "abs(x).mean()", "abs(\n        x\n    ).mean()", False),
        ("numbers.py", "1", "2", True),
        ("models/net.py", "A net.", "A network.", False),
        ("models/net.py", "class Net:", "class Net(dict):", True),
        ("reports.py", "toy.training", "toy.loss", False),
    ],
)
def test_only_code_that_runs_changes_the_digest(toy, file, old, new, changes):
    before = provenance.digest("toy.training", package=toy)
    edit(toy / file, old, new)
    assert (provenance.digest("toy.training", package=toy) != before) == changes


def test_a_string_that_is_no_docstring_counts(toy):
    before = provenance.digest("toy.numbers", package=toy)
    edit(toy / "numbers.py", "ONE = 1", "ONE = '1'")
    assert provenance.digest("toy.numbers", package=toy) != before


def test_what_has_no_digest_is_refused(toy):
    with pytest.raises(ValueError, match="no module"):
        provenance.digest("toy.nowhere", package=toy)
    edit(toy / "loss.py", "from toy import", "from . import")
    with pytest.raises(ValueError, match="relatively"):
        provenance.digest("toy.training", package=toy)


def test_trainings_and_experiments_have_digests_of_their_own():
    one, two = (provenance.digest(name) for name in ("ipe_sr.training.loop", "ipe_sr.sweeps.experiments"))
    assert len(one) == len(two) == len(provenance.package_digest()) == 64 and one != two


def test_the_hash_of_a_notebook_is_of_its_code():
    def notebook(code, prose="prose", outputs=()):
        cell = nbformat.v4.new_code_cell(code, outputs=list(outputs))
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(prose), cell])

    shown = [nbformat.v4.new_output("stream", text="1")]
    assert provenance.notebook_digest(notebook("1")) == provenance.notebook_digest(notebook("1", "other", shown))
    assert provenance.notebook_digest(notebook("1")) != provenance.notebook_digest(notebook("2"))


def test_git_outside_of_a_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    assert provenance.git() == {"commit": None, "dirty": None}


def test_a_machine_in_words():
    assert provenance.versions().keys() >= {"python", "torch", "ipe_sr"}
    assert provenance.machine()["cores"] >= 1 and provenance.machine()["device"]
