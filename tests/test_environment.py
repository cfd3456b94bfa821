"""The files that say what to install: environment.yml and pyproject.toml agree, and git ignores what an installation makes."""

import itertools
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_the_conda_environment_installs_this_checkout_with_all_extras(project):
    """conda and Binder's builder run pip beside environment.yml, so its paths are relative to that folder."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, pip, by_pip = environment["dependencies"]
    assert environment["name"] == project["name"] and environment["channels"] == ["conda-forge"]
    assert (python, pip) == (project["requires-python"].replace(">=", "python="), "pip")
    lines = dict(line.split(maxsplit=1) for line in by_pip["pip"])
    assert lines["--extra-index-url"].endswith("/cpu"), "else pip brings CUDA"
    assert (ROOT / lines["--constraint"]).read_text(encoding="utf-8")
    extras = re.fullmatch(r"\.\[(.*)\]", lines["--editable"])[1].split(",")
    assert sorted(extras) == sorted(project["optional-dependencies"])


def test_every_requirement_has_one_range_with_a_lower_bound(project):
    ranges = {}
    for text in [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]:
        name, versions = re.fullmatch(r"([A-Za-z0-9_.-]+)(>=.+)", text).groups()
        assert ranges.setdefault(name.lower(), versions) == versions, f"two extras disagree on {name}"


@pytest.mark.parametrize("name", [".venv", ".venv-3.12"])
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_git_ignores_a_virtual_environment(tmp_path, name, kind):
    """A pattern that ends in a slash matches folders only, and a linked environment would be committed."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "python").touch()
    subprocess.run(["git", "init", "--quiet", tmp_path / "checkout"], check=True)
    shutil.copy(ROOT / ".gitignore", tmp_path / "checkout")
    if kind == "link":
        (tmp_path / "checkout" / name).symlink_to(tmp_path / "elsewhere")
    else:
        shutil.copytree(tmp_path / "elsewhere", tmp_path / "checkout" / name)
    status = ["git", "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(status, cwd=tmp_path / "checkout", capture_output=True, text=True, check=True)
    assert done.stdout == "?? .gitignore\n"
