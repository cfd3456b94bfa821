"""The ledger of claims, and the records that it reads."""

import json

import pytest

from ipe_sr import claims, files
from ipe_sr.errors import InputError
from ipe_sr.series import ledger
from ipe_sr.series.ledger import Claim


def note(folder, name, noted, failure=None):
    record = {"notebook": f"{name}.ipynb", "preset": "smoke", "seconds": 1.5, "failure": failure, "claims": noted}
    (folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture
def noted(tmp_path, monkeypatch, capsys):
    """What `claims` writes into a run's journal: one claim of each kind, and one that fails."""
    monkeypatch.setenv(files.JOURNAL, str(tmp_path / "journal"))
    claims.claim("03.1", "proof", 0, below=1, kind="proved")
    claims.claim("03.2", "number", 2, above=1)
    claims.claim("03.3", "run", 3, near=3, kind="reproduced")
    claims.reported("03.4", "figure", "Table 1")
    with pytest.raises(AssertionError):
        claims.claim("03.5", "wrong", 2, below=1)
    return [json.loads(line) for line in (tmp_path / "journal").read_text(encoding="utf-8").splitlines()]


def test_a_series_by_kind(tmp_path, noted):
    note(tmp_path, "03_first", noted[:3])
    note(tmp_path, "04_second", noted[3:], failure="04_second.ipynb, cell 2: AssertionError")
    (tmp_path / "notes.json").write_text("{", encoding="utf-8")   # this is no record of a notebook
    entries, failures = ledger.read(tmp_path)
    assert failures == ["04_second.ipynb, cell 2: AssertionError"]
    table = ledger.by_kind(entries)
    assert list(table) == list(claims.KINDS)
    assert {kind: [entry.id for entry in some] for kind, some in table.items()} == {
        "proved": ["03.1"], "asserted": ["03.2", "03.5"], "reproduced": ["03.3"], "reported": ["03.4"],
    }
    lines = [str(entry) for some in table.values() for entry in some]
    assert lines == [
        "[03.1] holds: proof: 0 < 1 (03_first.ipynb)",
        "[03.2] holds: number: 2 > 1 (03_first.ipynb)",
        "[03.5] FAILS: wrong: 2 < 1 (04_second.ipynb)",
        "[03.3] holds: run: 3 = 3 ± 0 (03_first.ipynb)",
        "[03.4] reported: figure: Table 1 (04_second.ipynb)",
    ]


def test_one_id_for_two_claims_is_refused(tmp_path, noted):
    note(tmp_path, "03_first", noted[:1])
    note(tmp_path, "04_second", noted[:1])
    entries, _ = ledger.read(tmp_path)
    with pytest.raises(InputError, match=r"03\.1 stands twice, in 03_first\.ipynb and in 04_second\.ipynb"):
        ledger.by_kind(entries)


def test_ids_are_ordered_as_numbers():
    entries = [Claim(id, "", "proved", "", "") for id in ("03.10", "table4.1", "03.2", "table3.2", "04.1")]
    assert [entry.id for entry in ledger.by_kind(entries)["proved"]] == ["03.2", "03.10", "04.1", "table3.2", "table4.1"]


def test_an_empty_folder_has_no_claims(tmp_path):
    assert ledger.read(tmp_path) == ([], [])
    assert ledger.by_kind([]) == {kind: [] for kind in claims.KINDS}


@pytest.mark.parametrize("text", [
    "{", "[]", "{}", '{"notebook": "a", "claims": [{}], "failure": null, "preset": "smoke", "seconds": 1}',
    '{"notebook": "a", "claims": [], "preset": "smoke", "seconds": 1}', '{"notebook": "a", "claims": [], "failure": null}',
    '{"notebook": "a", "claims": [], "failure": null, "preset": "smoke", "seconds": "long"}',
    '{"notebook": "a", "failure": null, "claims": [{"id": "1", "text": "", "kind": "guessed", "bounds": ""}], '
    '"preset": "smoke", "seconds": 1}',
])
def test_what_is_no_record_is_refused(tmp_path, text):
    (tmp_path / "05_bad.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"05_bad\.json: not a record"):
        ledger.read(tmp_path)


def test_states():
    assert [Claim("1", "", "asserted", "", "", holds).state for holds in (True, False, None)] == ["holds", "FAILS", "reported"]
