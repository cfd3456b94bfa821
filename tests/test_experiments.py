"""One experiment without a notebook: what is checked first, and when a training is started, resumed, loaded or removed."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

from ipe_sr import demos, models, provenance
from ipe_sr.errors import InputError
from ipe_sr.series import documents
from ipe_sr.sweeps import experiments, records, runs
from ipe_sr.training import loop, schedules

SOURCE = {"name": "experiment.ipynb", "sha256": "0" * 64}
PLACE = {"table": "t", "block": "b", "row": "r", "params": "micro"}


@pytest.fixture
def asked(tmp_path, pixels):
    """asked(**changes): the arguments of `prepare` for a run of a moment."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(pixels(72, 72)).save(folder / "a.png")

    def build(preset="tiny-ipe-liif", data=None, scales=(2,), seed=0, threads=1, scoring=None, **settings):
        small = {"model.width": 4, "model.encoder.blocks": 1, "model.encoder.channels": 2} if "liif" in preset else {}
        base = {
            "steps": 4, "batch": 2, "patch": 12, "queries": 20, "validate_every": 2, "log_every": 1, "valid_scales": [2],
            "data": [str(folder)], "valid": str(folder),
        }
        settings = base | small | settings
        return {"preset": preset, "settings": settings, "data": data or [str(folder)], "scales": list(scales), "seed": seed,
                "threads": threads, "scoring": scoring or {}}

    return build


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "tiny-nothing"}, "preset 'tiny-nothing' is unknown"),
        ({"learning_rat": 0.1}, "option 'learning_rat' is unknown"),
        ({"learning_rate": "fast"}, "option 'learning_rate' must be float"),
        ({"data": ["no-such-set"]}, "'no-such-set' is neither a folder nor"),
        ({"valid": "no-such-set"}, "'no-such-set' is neither a folder nor"),
        ({"scales": []}, "scales must be numbers from 1 to 64"),
        ({"scales": [0.5]}, "scales must be numbers from 1 to 64"),
        ({"scales": ["2"]}, "scales must be numbers from 1 to 64"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"preset": "tiny-edsr-x3"}, "works at scale 3 only"),
        ({"scoring": {"protocol": "imagenet"}}, "scoring: protocol 'imagenet' is unknown: use one of div2k, benchmark,"),
        ({"scoring": {"ssim": "hsv"}}, "scoring: ssim 'hsv' is unknown: use one of rgb, luma, volume"),
        ({"scoring": {"psnr": "rgb"}}, "scoring: key 'psnr' is unknown: use one of protocol, ssim"),
    ],
)
def test_everything_is_checked_before_any_work(asked, tmp_path, changes, message):
    with pytest.raises(InputError, match=re.escape(message)):
        experiments.prepare(**asked(**changes))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


def test_a_run_from_start_to_record(asked, tmp_path):
    experiment = experiments.prepare(**asked())
    trained = runs.train(experiment, tmp_path / "training" / "one")
    assert (trained.how, trained.steps) == ("trained", 4)
    evaluated = runs.evaluate(experiment, trained.model)
    decoded = runs.decode(trained.model)
    made = runs.record(experiment, trained, evaluated, decoded, PLACE, SOURCE, tmp_path)
    made.write(tmp_path / "record.json")
    assert records.read(tmp_path / "record.json") == made
    assert made.checkpoint["path"] == "training/one/model.safetensors"
    assert made.parameters == asked() and made.method == "ipe-liif" and made.schedule["seed"] == 0
    assert made.parameter_count == sum(p.numel() for p in models.read(trained.checkpoint).parameters())
    assert made.code_sha256 == provenance.digest("ipe_sr.sweeps.runs")
    assert decoded["picture"] == "96x96 to 384x384" and decoded["seconds"] > 0
    assert made.peak_memory_bytes > 2**20
    demos.learning_curve(trained.curve).canvas.draw()
    demos.crops(trained.model, experiment.data[0], 2).canvas.draw()

    again = runs.train(experiment, tmp_path / "training" / "one")
    assert again.how == "loaded" and (again.seconds, again.curve) == (trained.seconds, trained.curve)


def test_an_interrupted_training_goes_on(asked, tmp_path):
    experiment, folder = experiments.prepare(**asked(checkpoint_minutes=0)), tmp_path / "t"

    def interrupt(step, values):
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.train(experiment, folder, interrupt)
    assert not (folder / loop.MODEL).exists() and (folder / loop.LAST).exists()
    resumed = runs.train(experiment, folder)
    whole = runs.train(experiment, tmp_path / "whole")
    assert (resumed.how, whole.how) == ("resumed", "trained")
    assert all(
        a.equal(b) for a, b in zip(resumed.model.state_dict().values(), whole.model.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("changed", ["preset", "code"])
def test_a_training_of_another_preset_or_code_is_begun_anew(asked, tmp_path, monkeypatch, changed):
    folder = tmp_path / "t"
    runs.train(experiments.prepare(**asked()), folder)
    stale = (folder / "metrics.csv").read_text(encoding="utf-8")
    if changed == "code":
        monkeypatch.setattr(provenance, "digest", lambda *modules: "another loss")
    again = runs.train(experiments.prepare(**asked(learning_rate=0.01 if changed == "preset" else 0.002)), folder)
    assert again.how == "trained"
    if changed == "preset":
        assert (folder / "metrics.csv").read_text(encoding="utf-8") != stale
    stamp = json.loads((folder / runs.STAMP).read_text(encoding="utf-8"))
    assert stamp["code_sha256"] == provenance.digest("ipe_sr.training.loop")


def test_a_folder_with_other_things_is_left_alone(asked, tmp_path):
    (tmp_path / "pictures" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds files but no training\.json"):
        runs.train(experiments.prepare(**asked()), tmp_path / "pictures")
    assert (tmp_path / "pictures" / "notes.txt").exists()


def test_what_needs_no_training_is_evaluated(asked, tmp_path):
    experiment = experiments.prepare(**asked("tiny-bicubic"))
    trained = runs.train(experiment, tmp_path / "t")
    assert trained.how == "nothing to train" and trained.checkpoint is None and not (tmp_path / "t").exists()
    evaluated = runs.evaluate(experiment, trained.model)
    made = runs.record(experiment, trained, evaluated, runs.decode(trained.model), PLACE, SOURCE, tmp_path)
    assert made.checkpoint is None and made.seconds["train"] == 0 and made.scores[0]["psnr"] > 20
    demos.learning_curve(trained.curve).canvas.draw()


def test_a_failed_run_has_a_record(asked, tmp_path):
    """What is known before a run makes a whole record, with the same values as after it."""
    experiment = experiments.prepare(**asked())
    place, resolved = experiment.place(**PLACE), schedules.resolved(experiment.preset)
    known = experiments.identity(place, experiment.parameters, resolved, SOURCE, provenance.digest(records.CODE))
    made = records.Record(**known, status="failed", failure="experiment.ipynb, cell 4: Diverged: ...")
    made.write(tmp_path / "failure.json")
    assert records.read(tmp_path / "failure.json") == made and made.status == "failed" and made.scores == []
    assert made.place == place and (made.method, made.preset, made.seed) == ("ipe-liif", "tiny-ipe-liif", 0)


def test_the_notebook_keeps_the_rules_of_the_series():
    path = Path(__file__).parents[1] / "notebooks" / "experiments" / "experiment.ipynb"
    notebook = documents.read(path)
    cells = documents.code_cells(notebook)
    assert documents.declared(notebook, path).keys() >= {"preset", "settings", "data", "scales", "seed", "threads", "place"}
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert all(len(cell.source.splitlines()) <= 16 for cell in cells)
    assert max(len(line) for cell in cells for line in cell.source.splitlines()) <= 104
    outputs = [output for cell in cells for output in cell.outputs]
    assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in outputs)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 3 and all(len(picture.metadata["image/png"]["alt"]) > 40 for picture in pictures)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.:/])/(home|root|work|tmp|Users|mnt|opt)/", text), "an absolute path"


@pytest.mark.parametrize(("scoring", "due"), [
    (None, ("benchmark", "luma")), ({"ssim": "volume"}, ("benchmark", "volume")), ({"protocol": "div2k"}, ("div2k", "rgb")),
    ({"protocol": "paper-table2", "ssim": "rgb"}, ("paper-table2", "rgb")),
])
def test_a_run_is_scored_as_it_is_asked(asked, scoring, due):
    """The default is the set's own protocol, here that of a folder of pictures."""
    experiment = experiments.prepare(**asked("tiny-bicubic", scoring=scoring))
    (score,) = runs.evaluate(experiment, models.load("bicubic")).scores
    assert (score.protocol, score.ssim_convention) == due
    assert experiment.parameters["scoring"] == (scoring or {})
