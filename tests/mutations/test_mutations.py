"""Every fault still fits its file, and a claim catches the one fault that is run here."""

import multiprocessing

import pytest

from ipe_sr.series import documents
from tests.mutations.faults import ENCODINGS, FAULTS, Fault
from tests.mutations.trial import ROOT, Outcome, attempt, with_fault

BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_every_fault_changes_one_line_and_has_a_notebook(fault):
    _, where = with_fault(fault, ROOT)
    assert where.startswith(fault.file)
    assert fault.notebook in {path.name[:2] for path in documents.notebooks(ROOT / "notebooks")}
    if fault.file.endswith(".ipynb"):
        assert fault.file.startswith(f"notebooks/{fault.notebook}_")


def test_there_are_at_least_twelve_faults_with_different_names():
    assert len(BY_NAME) == len(FAULTS) >= 12


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("no such line", "nothing", "stands 0 times"),
        ("import", "export", r"stands \d+ times"),
        ("    sampler: str", "    sampler: int,\n    sampler_too: str", "is longer"),
        ("import math\nfrom collections", "import cmath\nfrom  collections", "changes 2 lines"),
    ],
)
def test_a_fault_that_does_not_fit_is_refused(right, wrong, message):
    with pytest.raises(ValueError, match=message):
        with_fault(Fault("made up", ENCODINGS, right, wrong, "03"), ROOT)


@pytest.mark.parametrize(
    ("failure", "claim", "verdict"),
    [
        (None, None, "03: SURVIVES"),
        ("03_x.ipynb, cell 4: RuntimeError: shapes", None, "03: CRASHES, NO CHECK: 03_x.ipynb, cell 4: RuntimeError: shapes"),
        ("03_x.ipynb, cell 4: AssertionError: [03.1] FAILS: error: 1 < 0", "03.1", "03: claim 03.1"),
        ("03_x.ipynb, cell 4: AssertionError: ", None, "03: an assertion"),
    ],
)
def test_only_a_failed_check_catches_a_fault(failure, claim, verdict):
    outcome = Outcome(FAULTS[0], "03", "", failure)
    assert outcome.caught == outcome.as_expected == ("CRASHES" not in verdict and "SURVIVES" not in verdict)
    assert (outcome.claim, outcome.verdict) == (claim, verdict)
    assert Outcome(None, "03", "", failure).as_expected == (failure is None)


def test_a_fault_of_the_package_is_caught_in_a_notebook():
    with multiprocessing.get_context("spawn").Pool(1) as pool:   # because it changes the environment
        outcome = pool.apply(attempt, (BY_NAME["sines and cosines exchanged"], "03"))
    assert outcome.caught and outcome.claim == "03.1", outcome.failure
    assert outcome.where.startswith("ipe_sr/encodings.py:")
