"""Small trainings for the tests: how to run one here or as a program, and what it left."""

import csv
import os
import subprocess
import sys

import pytest
import safetensors.torch
import torch

from ipe_sr import console
from ipe_sr.training import loop, schedules

SMALL = ["batch=2", "patch=12", "queries=32", "valid_scales=2", "validate_every=1000", "log_every=1", "model.width=8"]
SMALL += ["model.encoder.blocks=1", "model.encoder.channels=4", "decay=constant"]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    """A cache of decoded pictures for this module, for its processes too."""
    before = os.environ.get("IPE_SR_CACHE")
    os.environ["IPE_SR_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    os.environ.pop("IPE_SR_CACHE") if before is None else os.environ.update(IPE_SR_CACHE=before)


def command(out, *options, settings=()):
    sets = [word for setting in (*SMALL, *settings) for word in ("--set", setting)]
    main = [sys.executable, "-m", "ipe_sr", "train", "tiny-ipe-liif", "--out", str(out), "--threads", "1"]
    return [*main, "--accelerator", "cpu", *options, *sets]


def run(out, *options, settings=()):
    return subprocess.run(command(out, *options, settings=settings), capture_output=True, text=True, check=False)


def state(out):
    return safetensors.torch.load_file(out / loop.LAST)


def log(out):
    return [tuple(row) for row in csv.reader((out / "metrics.csv").open()) if row[1] == "loss"]


def make(settings=()):
    return schedules.preset("tiny-ipe-liif", dict(console.setting(text) for text in (*SMALL, *settings)))


def weights(out, part="model"):
    """All weights in one, or all "average"d ones."""
    tensors = state(out)
    return torch.cat([tensors[name].flatten() for name in sorted(tensors) if name.startswith(f"{part}.")])
