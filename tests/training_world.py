"""Tiny trainings for the tests: helpers that start one, in this process or as a program, and that read its files."""

import csv
import os
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from ipe_sr import options
from ipe_sr.training import loop, schedules

SMALL = ["batch=2", "patch=12", "queries=32", "valid_scales=2", "validate_every=1000", "log_every=1", "model.width=8"]
SMALL += ["model.encoder.blocks=1", "model.encoder.channels=4", "decay=constant"]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """A folder for decoded pictures, shared by all tests of a module and by the processes that they start."""
    before = os.environ.get("IPE_SR_CACHE")
    os.environ["IPE_SR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("IPE_SR_CACHE") if before is None else os.environ.update(IPE_SR_CACHE=before)


def command(out, *options, settings=()):
    """The words of an `ipe-sr train` command."""
    sets = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
    main = [sys.executable, "-m", "ipe_sr", "train", "tiny-ipe-liif", "--out", str(out), "--threads", "1"]
    return [*main, "--accelerator", "cpu", *options, *sets]


def run(out, *options, settings=()):
    return subprocess.run(command(out, *options, settings=settings), capture_output=True, text=True, check=False)


def state(out):
    """The tensors of a training's state, by name."""
    return safetensors.torch.load_file(out / loop.LAST)


def log(out):
    """The rows (step, "loss", value) of metrics.csv, as strings."""
    with (out / "metrics.csv").open(encoding="utf-8") as file:
        return [tuple(row) for row in csv.reader(file) if row[1:2] == ["loss"]]


def make(settings=()):
    """The preset tiny-ipe-liif, made even smaller."""
    return schedules.preset("tiny-ipe-liif", dict(options.setting(text) for text in (*SMALL, *settings)))


def weights(out, part="model"):
    """All weights as one vector.   part: "model", or "average" for the averaged weights."""
    tensors = state(out)
    return torch.cat([tensors[name].flatten() for name in sorted(tensors) if name.startswith(f"{part}.")])
