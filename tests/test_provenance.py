"""Provenance: what changes a digest of the code, which commit is recorded, and how the machine is named."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from ipe_sr import provenance
from ipe_sr.errors import InputError
from ipe_sr.plugins import PLUGINS

LOSS = '''"""The loss."""
from toy import numbers


def loss(x):
    """Mean absolute error."""
    return abs(x).mean()   # over all
'''


@pytest.fixture
def toy(tmp_path):
    """A package `toy`. Its module `training` needs `loss`, which needs `numbers`; nothing needs `reports`."""
    package = tmp_path / "toy"
    (package / "models").mkdir(parents=True)
    files = {
        "__init__.py": "", "numbers.py": "ONE = 1\n", "loss.py": LOSS, "reports.py": "import toy.training\n",
        "training.py": "import math\nfrom toy import loss\n\ndef late():\n    from toy.models.net import Net\n",
        "models/__init__.py": "", "models/net.py": "class Net:\n    '''A net.'''\n",
    }
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    return package


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


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


def test_relative_imports_are_followed(toy):
    edit(toy / "loss.py", "from toy import", "from . import")
    (toy / "models" / "net.py").write_text("from ..depth import DEPTH\n", encoding="utf-8")
    (toy / "depth.py").write_text("DEPTH = 1\n", encoding="utf-8")
    for file in ("numbers.py", "depth.py"):
        before = provenance.digest("toy.training", package=toy)
        edit(toy / file, "1", "2")
        assert provenance.digest("toy.training", package=toy) != before


def test_what_a_package_imports_on_first_use_counts(toy):
    """The names in the stub of a lazily importing package are followed."""
    (toy / "lazy").mkdir()
    (toy / "lazy" / "__init__.py").write_text("import lazy_loader\n", encoding="utf-8")
    (toy / "lazy" / "__init__.pyi").write_text("from .heavy import HEAVY\n", encoding="utf-8")
    (toy / "lazy" / "heavy.py").write_text("HEAVY = 1\n", encoding="utf-8")
    edit(toy / "loss.py", "from toy import", "from toy import lazy\nfrom toy import")
    before = provenance.digest("toy.training", package=toy)
    edit(toy / "lazy" / "heavy.py", "1", "2")
    assert provenance.digest("toy.training", package=toy) != before


@pytest.mark.parametrize("module", ["ipe_sr.training.loop", "ipe_sr.sweeps.runs"])
@pytest.mark.parametrize("file", ["families.py", "fast/liif.py", "lmf.py", "checkpoints.py", "encoders.py", "field.py"])
def test_every_model_is_in_the_digest_of_a_run(tmp_path, module, file):
    package = tmp_path / "ipe_sr"
    shutil.copytree(provenance.PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "weights"))
    before = provenance.digest(module, package=package)
    path = package / "models" / file
    path.write_text(path.read_text(encoding="utf-8") + "\nANOTHER = 1\n", encoding="utf-8")
    assert provenance.digest(module, package=package) != before


def test_a_module_that_does_not_exist_is_refused(toy):
    with pytest.raises(ValueError, match="no module"):
        provenance.digest("toy.nowhere", package=toy)


def test_trainings_and_experiments_have_digests_of_their_own():
    one, two = (provenance.digest(name) for name in ("ipe_sr.training.loop", "ipe_sr.sweeps.runs"))
    assert len(one) == len(two) == len(provenance.package_digest()) == 64 and one != two


@pytest.fixture
def plugged(tmp_path, monkeypatch):
    """plugged(NAME, {FILE: TEXT}): writes files into a folder on Python's path, and names the plugin NAME."""
    folder = tmp_path / "plugins"
    monkeypatch.syspath_prepend(folder)

    def plug(name, texts):
        for file, text in texts.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        monkeypatch.setenv(PLUGINS, name)
        return folder

    return plug


def test_a_plugin_changes_the_digest_with_what_it_imports(toy, plugged):
    """The plugin is a single module. It imports a module of the package that nothing else needs."""
    without = provenance.digest("toy.training", package=toy)
    folder = plugged("own_decoder", {"own_decoder.py": "from toy import reports\nWIDTH = 1   # of the decoder\n"})
    digests = [without, provenance.digest("toy.training", package=toy)]
    edit(folder / "own_decoder.py", "# of the decoder", "# channels")
    assert provenance.digest("toy.training", package=toy) == digests[-1], "a comment changes nothing"
    edit(folder / "own_decoder.py", "WIDTH = 1", "WIDTH = 2")
    digests.append(provenance.digest("toy.training", package=toy))
    edit(toy / "reports.py", "import toy.training", "ONE = 1")
    digests.append(provenance.digest("toy.training", package=toy))
    assert len(set(digests)) == 4
    assert "own_decoder" not in sys.modules, "a digest imports nothing"


@pytest.mark.parametrize(
    ("name", "file"),
    [("kit", "decoders/deep.py"), ("kit.decoders", "decoders/deep.py"), ("kit.register", "numbers.py")],
)
def test_a_plugin_in_a_package_changes_the_digest_with_what_belongs_to_it(toy, plugged, name, file):
    texts = {"__init__.py": "", "register.py": "from . import numbers\n", "numbers.py": "ONE = 1\n",
             "decoders/__init__.py": "", "decoders/deep.py": "ONE = 1\n", "plots.py": "ONE = 1\n"}
    folder = plugged(name, {f"kit/{path}": text for path, text in texts.items()})
    before = provenance.digest("toy.training", package=toy)
    if name != "kit":
        edit(folder / "kit" / "plots.py", "1", "2")
        assert provenance.digest("toy.training", package=toy) == before, "the plugin does not import this module"
    edit(folder / "kit" / file, "1", "2")
    assert provenance.digest("toy.training", package=toy) != before


@pytest.mark.parametrize(("name", "message"), [("nowhere_to_be_found", "cannot be found"), ("math", "no Python source")])
def test_a_plugin_without_source_is_refused(toy, plugged, name, message):
    plugged(name, {})
    with pytest.raises(InputError, match=f"plugin '{name}'.* {message}"):
        provenance.digest("toy.training", package=toy)


def test_the_digest_of_a_notebook_is_of_its_code():
    def notebook(code, prose="prose", outputs=()):
        cell = nbformat.v4.new_code_cell(code, outputs=list(outputs))
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(prose), cell])

    shown = [nbformat.v4.new_output("stream", text="1")]
    assert provenance.notebook_digest(notebook("1")) == provenance.notebook_digest(notebook("1", "other", shown))
    assert provenance.notebook_digest(notebook("1")) != provenance.notebook_digest(notebook("2"))


def test_line_endings_do_not_change_a_digest(tmp_path, monkeypatch):
    """Git on Windows may write CRLF, and some editors store CRLF in notebooks."""
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path)
    digests = []
    for ending in ("\n", "\r\n"):
        cell = nbformat.v4.new_code_cell(f"one = 1{ending}two = 2")
        (tmp_path / "code.py").write_text('one = 1\ntwo = """\n"""\n', encoding="utf-8", newline=ending)
        notebook = nbformat.v4.new_notebook(cells=[cell])
        code = provenance.digest(f"{tmp_path.name}.code", package=tmp_path)
        digests.append((provenance.notebook_digest(notebook), provenance.package_digest(), code))
    assert digests[0] == digests[1]


def run_git(folder, *words):
    options = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", "-C", str(folder), *options, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_git_names_the_commit_of_the_package_s_own_checkout_alone(monkeypatch, tmp_path):
    """A package inside another project's virtual environment must not get that project's commit."""
    own, foreign = tmp_path / "ipe_sr", tmp_path / ".venv" / "lib" / "site-packages" / "ipe_sr"
    for folder in (own, foreign):
        folder.mkdir(parents=True)
    monkeypatch.setattr(provenance, "PACKAGE", own)
    assert provenance.git() == {"commit": None, "dirty": None}, "there is no repository yet"
    run_git(tmp_path, "init", "--quiet")
    (own / "code.py").write_text("", encoding="utf-8")
    run_git(tmp_path, "add", "ipe_sr")
    run_git(tmp_path, "commit", "--quiet", "-m", "All")
    commit = run_git(tmp_path, "rev-parse", "HEAD")
    assert provenance.git() == {"commit": commit, "dirty": False}
    (own / "code.py").write_text("changed", encoding="utf-8")
    assert provenance.git() == {"commit": commit, "dirty": True}
    monkeypatch.setattr(provenance, "PACKAGE", foreign)
    assert provenance.git() == {"commit": None, "dirty": None}


def test_a_machine_in_words():
    assert provenance.versions().keys() >= {"python", "torch", "ipe_sr"}
    assert provenance.machine()["cores"] >= 1 and provenance.machine()["device"]


def test_a_process_without_torch_asks_the_driver_for_the_gpu(tmp_path):
    """Two GPUs are installed. Where the driver's program is missing, the CPU names the machine."""
    code = "import sys; from ipe_sr import provenance; print(provenance.machine()['device'], 'torch' in sys.modules)"

    def device():
        environment = os.environ | {"PATH": str(tmp_path)}
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    assert device().startswith("cpu (") and device().endswith(" False\n")
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho NVIDIA H100 80GB HBM3\necho NVIDIA T4\n", encoding="utf-8")
    driver.chmod(0o755)
    assert device() == "NVIDIA H100 80GB HBM3 False\n"
