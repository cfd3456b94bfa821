"""Run records: the format of the file, and which files are refused."""

import dataclasses
import json
import re

import pytest

from ipe_sr.errors import InputError
from ipe_sr.sweeps import records
from ipe_sr.sweeps.records import DueRun, Place, Record

PLACE = Place("table4", "U(1,4)", "IPE-LIIF (ours)", "ipe-liif", "tiny", "tiny-ipe-liif", 0)


def make(**changes):
    facts = {
        **vars(PLACE), "status": "ok", "failure": None, "parameters": {"scales": [2, 3.5]}, "schedule": {}, "model": {},
        "notebook": "experiment.ipynb", "source_sha256": "1" * 64, "code_sha256": "2" * 64,
        "git": {"commit": None, "dirty": None}, "started": "2025-01-01T00:00:00Z", "versions": {"torch": "2"},
        "device": "cpu", "threads": 1, "cores": 2, "scores": [{"psnr": 30.25, "images": [{"name": "é", "psnr": None}]}],
    }
    return Record(**facts | changes)


def save(record, folder, name=records.RECORD):
    folder.mkdir(parents=True, exist_ok=True)
    record.write(folder / name)
    return folder / name


def test_what_is_written_is_read(tmp_path):
    record = make()
    path = save(record, tmp_path)
    assert records.read(path) == record and record.place == PLACE
    assert json.loads(path.read_text()).keys() == {"format"} | {field.name for field in dataclasses.fields(Record)}


def test_a_number_without_a_word_in_json_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        make(scores=[{"psnr": float("nan")}]).write(tmp_path / "record.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="ipe_sr-run/0"), "not a run record"),
        (lambda d: d.update(speed=1), "key 'speed' does not belong"),
        (lambda d: d.pop("seed"), "key 'seed' is missing"),
        (lambda d: d.update(status="fine"), "status 'fine' is unknown: use one of ok, failed"),
        (lambda d: d["parameters"].pop("scales"), "parameters: the list 'scales' is missing"),
        (lambda d: d.update(parameters=None), "parameters: the list 'scales' is missing"),
    ],
)
def test_foreign_records_are_refused(tmp_path, change, message):
    path = save(make(), tmp_path)
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=f"record.json: .*{re.escape(message)}"):
        records.read(path)


@pytest.mark.parametrize(("content", "message"), [(b"{", "not readable as JSON"), (b"\xff", "not readable as JSON"),
                                                  (b"[]", "not a run record"), (None, "cannot be read")])
def test_damaged_files_are_one_line(tmp_path, content, message):
    path = tmp_path / "record.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        records.read(path)
    assert "\n" not in str(caught.value)


def test_keys_with_defaults_may_be_absent(tmp_path):
    path = save(make(), tmp_path)
    data = json.loads(path.read_text())
    del data["curve"]
    path.write_text(json.dumps(data))
    assert records.read(path) == make()


def test_a_collection_holds_failures_and_prefers_success(tmp_path):
    failed = make(status="failed", failure="experiment.ipynb, cell 3: Diverged", seed=1)
    save(make(), tmp_path / "a" / "one")
    save(make(status="failed", failure="earlier"), tmp_path / "a" / "one", records.FAILURE)
    save(failed, tmp_path / "b" / "two", records.FAILURE)
    assert records.collect(tmp_path) == [make(), failed]
    with pytest.raises(InputError, match="no run records"):
        records.collect(tmp_path / "c")


def test_a_plan_says_what_is_due_and_what_no_longer_counts(tmp_path):
    other = dataclasses.replace(PLACE, seed=1)
    save(make(), tmp_path / "table4-tiny" / "one")
    save(make(seed=7), tmp_path / "table4-tiny" / "dropped")
    plan = tmp_path / "table4-tiny" / records.PLAN
    runs = {"one": {"place": vars(PLACE)}, "two": {"place": vars(other)}}
    plan.write_text(json.dumps({"runs": {name: run | {"parameters": {"scales": [2, 3.5]}} for name, run in runs.items()}}))
    assert records.due(tmp_path) == [DueRun(**vars(place), scales=(2, 3.5)) for place in (PLACE, other)]
    assert [run.place for run in records.due(tmp_path)] == [PLACE, other]
    assert records.collect(tmp_path) == [make()]
    for broken in ({"place": {"row": 1}, "parameters": {"scales": [2]}}, {"place": vars(PLACE)}, 7):
        plan.write_text(json.dumps({"runs": {"one": broken}}))
        with pytest.raises(InputError, match="not a plan"):
            records.due(tmp_path)
