"""Records of whole evaluations, and the table made of them."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from scipy import stats

from ipe_sr import InputError, models
from ipe_sr.evaluation import ImageScore, Score
from ipe_sr.report import scores, scores_table, twins_table
from ipe_sr.sweeps import records
from ipe_sr.training import schedules

ROOT = Path(__file__).parents[1]
EVIDENCE = ROOT / "notebooks" / "experiments" / "records" / "evidence-small"
RECORDS = ROOT / "notebooks" / "experiments" / "records" / "released"
NAMES = [name for name in models.released() if name != "bicubic"]
SELF = "ours, self-ensemble"
PAIRS = [("ours", "theirs"), (SELF, "theirs"), (SELF, "ours")]
DOCUMENTS = (ROOT / "ipe_sr" / "weights" / "README.md",)


def score(*psnr, data="set5", scale=2.0):
    images = tuple(ImageScore(f"picture{i}", value, 0.9) for i, value in enumerate(psnr))
    return Score(data, scale, "benchmark", "luma", "matlab", sum(psnr) / len(psnr), 0.9, images)


def save(folder, name, *given, model="ours", ensemble=False):
    event = {"event": "data", "file": "a.png", "bytes": 3, "sha256": "00"}
    scores.write(scores.record(f"some/where/{model}", ensemble, 1.23, given, [event]), folder / f"{name}.json")


def test_round_trip(tmp_path):
    save(tmp_path, "a", score(30.0, 32.0))
    found = scores.read(tmp_path / "a.json")
    assert (found.model, found.name, found.seconds) == ("ours", "ours", 1.2)
    assert found.data == {"a.png": {"bytes": 3, "sha256": "00"}} and len(found.code_sha256) == 64
    assert found.scores[0]["psnr"] == 31
    assert dataclasses.replace(found, self_ensemble=True).name == "ours, self-ensemble"


def test_equal_pictures_have_no_difference(tmp_path):
    save(tmp_path, "a", score(float("inf"), 32.0))
    save(tmp_path, "b", score(30.0, 32.0), model="theirs")
    first, second = (scores.collect(tmp_path)[name]["set5", 2.0] for name in ("ours", "theirs"))
    with pytest.raises(InputError, match="hold an infinite PSNR"):
        scores.difference(first, second)


@pytest.mark.parametrize(("words", "message"), [
    (["records", "doc.md"], "holds no scores of edsr-baseline-liif.pth"), (["records"], "DOCUMENT"),
    (["nowhere", "doc.md"], "nowhere: holds no records"), (["records", "none.md"], "none.md"),
])
def test_the_command_says_what_is_wrong(tmp_path, words, message):
    (tmp_path / "records").mkdir()
    save(tmp_path / "records", "a", score(30.0, 32.0))
    (tmp_path / "doc.md").touch()
    done = subprocess.run(
        [sys.executable, "-m", "ipe_sr.report.scores_table", *words], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.splitlines()) == 1


def test_the_table_pairs_pictures(tmp_path):
    save(tmp_path, "a", score(30.0, 32.0, 35.0), score(20.0, 21.0, 23.0, data="b100", scale=4))
    save(tmp_path, "b", score(30.1, 31.9, 34.7), score(20.0, 21.0, 22.0, data="b100", scale=4), model="theirs")
    save(tmp_path, "c", score(31.1, 32.9, 35.7), ensemble=True)
    lines = scores_table.table(tmp_path, ["theirs", "ours", "third"], PAIRS).splitlines()
    d = [-0.1, 0.1, 0.3]
    half = stats.t.ppf(0.975, 2) * stats.tstd(d) / 3**0.5
    assert lines[0] == "| | theirs | ours | third | ours − theirs | ours, self-ensemble − theirs | ours, self-ensemble − ours |"
    assert lines[1].count("---") == lines[0].count("|") - 1
    lead = f"+0.900 [{0.9 - half:+.3f}, {0.9 + half:+.3f}]"
    gain = f"+0.100 [{0.1 - half:+.3f}, {0.1 + half:+.3f}]"
    assert lines[2] == f"| Set5 x2 | 32.23 | 32.33 |  | {gain} | +1.000 [+1.000, +1.000] | {lead} |"
    assert lines[3].startswith("| B100 x4 | 21.00 | 21.33 |  | +0.333 [") and lines[3].endswith("] |  |  |")
    assert lines[4] == f"| mean |  |  |  | {(0.1 + 1 / 3) / 2:+.3f} (2 rows) | +1.000 (1 rows) | +0.900 (1 rows) |"


def test_other_pictures_are_not_compared(tmp_path):
    with pytest.raises(InputError, match="not of the same pictures"):
        scores.difference(score(30.0, 32.0).record(), score(30.0, 32.0, 33.0).record())


def test_scores_by_two_protocols_do_not_stand_in_one_table(tmp_path):
    save(tmp_path, "a", score(30.0, 32.0))
    save(tmp_path, "b", dataclasses.replace(score(30.0, 32.0), protocol="edsr"), model="theirs")
    with pytest.raises(InputError, match=r"b\.json: set5 x2 is scored by protocol edsr, in a\.json by benchmark"):
        scores.collect(tmp_path)


def test_bad_records(tmp_path):
    with pytest.raises(InputError, match="holds no records"):
        scores.collect(tmp_path)
    (tmp_path / "x.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(InputError, match=r"x.json: not a record"):
        scores.collect(tmp_path)
    (tmp_path / "x.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"x.json: not readable as JSON"):
        scores.collect(tmp_path)
    (tmp_path / "x.json").unlink()
    for name in "ab":
        save(tmp_path, name, score(30.0, 32.0))
    with pytest.raises(InputError, match="ours on set5 x2 is in another record"):
        scores.collect(tmp_path)


def test_embedding_replaces_what_stands_between_the_marks():
    begin, end, embed = scores_table.BEGIN, scores_table.END, scores_table.embed
    once = embed(f"before\n{begin}\nold\n{end}\nafter\n", "| new |", "x.md")
    assert once == f"before\n{begin}\n| new |\n{end}\nafter\n" and embed(once, "| new |", "x.md") == once
    with pytest.raises(InputError, match="needs the marks"):
        embed("nothing", "| new |", "x.md")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.parent.name)
def test_documents_show_the_records_figures(document):
    text = document.read_text(encoding="utf-8")
    assert scores_table.embed(text, scores_table.table(RECORDS, *scores_table.RELEASED), str(document)) == text, (
        f"run: python -m ipe_sr.report.scores_table {RECORDS.relative_to(ROOT)} "
        + " ".join(str(document.relative_to(ROOT)) for document in DOCUMENTS)
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name in twins_table.TWINS])
def test_the_records_of_the_evidence_are_of_the_released_twins(name):
    """A twin is a training of the sweep, stored in 16 bits. Its header names the digest of the checkpoint that was scored."""
    record = records.read(EVIDENCE / f"{name}-seed{twins_table.SEED}" / "record.json")
    facts = models.training_facts(models.WEIGHTS / f"{name}.safetensors")
    assert facts["source_sha256"] == record.checkpoint["sha256"]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in twins_table.TWINS])
def test_the_records_are_of_the_released_weights(name):
    """New weights need new records: each record names the digest of the weights that it scored."""
    import hashlib

    file = f"{name}.safetensors"
    weights = hashlib.sha256((models.WEIGHTS / file).read_bytes()).hexdigest()
    found = [scores.read(path) for path in RECORDS.glob("*.json")]
    ours = [record for record in found if record.model == name]
    assert ours and all(record.data[file]["sha256"] == weights for record in ours)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_names_the_preset_that_made_them(name):
    facts = models.training_facts(models.WEIGHTS / f"{name}.safetensors")
    now = schedules.schedule_facts(schedules.preset(facts["preset"]).schedule)
    assert {option: now[option] for option in facts["schedule"]} == facts["schedule"]
    assert f"ipe-sr train {facts['preset']} " in (models.WEIGHTS / "README.md").read_text(encoding="utf-8")


def test_no_path_of_a_machine_is_in_the_records():
    for path in RECORDS.glob("*.json"):
        assert not re.search(r'"/\w+/', path.read_text(encoding="utf-8")), path
        assert json.loads(path.read_text(encoding="utf-8"))["format"] == scores.FORMAT


def test_the_table_of_the_twins_in_the_card_is_that_of_the_committed_records():
    card = ROOT / "ipe_sr" / "weights" / "README.md"
    text, made = card.read_text(encoding="utf-8"), twins_table.table(EVIDENCE)
    assert scores_table.embed(text, made, str(card), twins_table.BEGIN, twins_table.END) == text, (
        f"run python -m ipe_sr.report.twins_table {EVIDENCE.relative_to(ROOT)} {card.relative_to(ROOT)}"
    )
