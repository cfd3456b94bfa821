"""Claims: what they print, note in the journal, and refuse."""

import json
import math

import pytest

from ipe_sr import files
from ipe_sr.claims import claim, reported


@pytest.mark.parametrize(
    ("value", "bounds", "line"),
    [
        (3e-16, {"below": 1e-12}, "3e-16 < 1e-12"),
        (2.0, {"above": 1}, "2 > 1"),
        (2.0, {"above": 1, "below": 3}, "1 < 2 < 3"),
        (0.51, {"near": 0.5, "within": 0.02}, "0.51 = 0.5 ± 0.02"),
        (0.5, {"near": 0.5}, "0.5 = 0.5 ± 0"),
    ],
)
def test_a_claim_that_holds_prints_one_line(capsys, value, bounds, line):
    claim("01.2", "it is so", value, **bounds)
    assert capsys.readouterr().out == f"[01.2] holds: it is so: {line}\n"


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (1.0, {"below": 1}), (1.0, {"above": 1}), (3.0, {"above": 1, "below": 3}), (0.6, {"near": 0.5, "within": 0.05}),
        (math.nan, {"below": 1}), (math.nan, {"above": 1}), (math.nan, {"near": 0, "within": 1}), (math.inf, {"below": 1}),
    ],
)
def test_a_claim_that_does_not_hold_raises(value, bounds):
    with pytest.raises(AssertionError, match=r"\[01\.2\] FAILS: it is so"):
        claim("01.2", "it is so", value, **bounds)


BAD_OPTIONS = [{}, {"near": 1, "below": 2}, {"below": 1, "kind": "guessed"}, {"below": 1, "kind": "reported"}]


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_a_claim_that_cannot_fail_is_refused(options):
    with pytest.raises(ValueError, match=r"give|kind"):
        claim("01.2", "it is so", 0, **options)


def test_claims_and_quotations_are_noted_in_the_journal(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(files.JOURNAL, str(tmp_path / "journal"))
    claim("01.1", "a", 1, above=0, kind="proved")
    with pytest.raises(AssertionError):
        claim("01.2", "b", 1, below=0)
    claim("01.x", "a demonstration", 1, above=0)
    reported("01.3", "c", "Table 1")
    events = [json.loads(line) for line in (tmp_path / "journal").read_text(encoding="utf-8").splitlines()]
    assert [(e["id"], e["kind"], e.get("holds")) for e in events] == [
        ("01.1", "proved", True), ("01.2", "asserted", False), ("01.3", "reported", None)
    ]
    assert "not reproduced here: c (Table 1)" in capsys.readouterr().out
