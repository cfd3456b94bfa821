"""environment.yml and pyproject.toml must ask for the same things."""

import itertools
import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib", "playwright-python": "playwright"}


def parse(requirement: str) -> tuple[str, str]:
    """name, range"""
    name, versions = re.fullmatch(r"([A-Za-z0-9_.-]+)\s*(.*)", requirement).groups()
    return name.lower().replace("_", "-"), versions.replace(" ", "")


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def environment():
    return yaml.safe_load((ROOT / "environment.yml").read_text())


def test_conda_environment_asks_for_what_the_package_asks(project, environment):
    extras = project["optional-dependencies"]
    ours = [parse(text) for text in [*project["dependencies"], *itertools.chain(*extras.values())]]
    *conda, by_pip = environment["dependencies"]
    conda = [parse(text) for text in [*conda, *by_pip["pip"]]]
    assert len(dict(conda)) == len(conda), "a name stands twice"
    conda = {CONDA_NAMES.get(name, name): versions for name, versions in conda}
    assert conda.pop("python") == project["requires-python"]
    assert conda.pop("pip", None) is not None
    assert conda == dict(ours)
    assert len(set(ours)) == len(dict(ours)), "two extras disagree on a range"


def test_conda_environment_has_a_name_and_one_channel(environment):
    assert environment["name"]
    assert environment["channels"] == ["conda-forge"]


def test_every_requirement_has_a_lower_bound(project):
    for text in [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]:
        assert parse(text)[1].startswith(">="), text
