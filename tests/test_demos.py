"""Every demo in the states that its notebook's sliders can reach, and how figures and filmstrips are stored."""

import ast
import itertools
import random
from pathlib import Path

import numpy as np
import pytest

from ipe_sr import demos, figures
from ipe_sr.encodings import SAMPLERS
from ipe_sr.report import results
from ipe_sr.series import documents
from ipe_sr.widgets import CAPTION, Explorer

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = documents.notebooks(FOLDER)
SWEEP = FOLDER / documents.preset(FOLDER, "teach")["11"]["sweep"]           # whose runs notebook 11 shows
SECTION = results.sections(results.sweeps(SWEEP)[0])[0]
FIRST = next(row for row in SECTION.rows if "(ours)" in row)
WANTED = SECTION.scored(FIRST)
MOST_STATES = 60     # that are tried of one demo, drawn from all
NAMES = {   # that the notebooks' calls of Explorer use
    "demos": demos, "samplers": SAMPLERS, "runs": demos.runs_of(SWEEP), "section": SECTION, "first": FIRST, "wanted": WANTED,
    "scale": WANTED[0], "seeds": {FIRST: {run.seed for run in SECTION.runs(FIRST)}},
}


def explorers():
    """The arguments of every Explorer in the notebooks: (render, readout, controls, start)."""
    for path in NOTEBOOKS:
        for cell in documents.code_cells(documents.read(path)):
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "Explorer":
                    spec = {k.arg: eval(ast.unparse(k.value), NAMES) for k in node.keywords}
                    render, readout = (eval(ast.unparse(argument), NAMES) for argument in node.args)
                    yield pytest.param(render, readout, spec["controls"], spec["start"], id=render.__name__)


def coarse(control):
    """The first, middle and last value of a control, or all of its options."""
    if isinstance(control[0], str):
        return control
    low, high, step = control
    middle = low + round((high - low) / 2 / step) * step
    return low, middle, high


each_explorer = pytest.mark.parametrize(("render", "readout", "controls", "start"), list(explorers()))


def test_every_notebook_has_an_explorer():
    for path in NOTEBOOKS:
        assert any("Explorer(" in cell.source for cell in documents.code_cells(documents.read(path))), path.name


@each_explorer
def test_every_state_gives_a_picture_and_a_readout_without_nan(render, readout, controls, start):
    every = list(itertools.product(*map(coarse, controls.values())))
    for values in random.Random(0).sample(every, min(MOST_STATES, len(every))):
        state = dict(zip(controls, values, strict=True))
        picture = render(**state)
        assert picture.dtype == np.uint8 and picture.ndim == 3
        assert "nan" not in readout(**state)


@each_explorer
def test_a_picture_does_not_depend_on_the_states_drawn_before_it(render, readout, controls, start):
    before = render(**start)
    for name, control in controls.items():
        render(**(start | {name: coarse(control)[-1]}))
    np.testing.assert_array_equal(render(**start), before)


@each_explorer
def test_moving_a_control_changes_picture_and_readout(render, readout, controls, start):
    explorer = Explorer(render, readout, controls, start)
    for name, control in explorer.controls.items():
        picture, text = explorer.picture.value, explorer.text.value
        options = getattr(control, "options", None)
        if options:
            control.value = options[-1]
        else:   # a slider at its end moves back
            control.value += control.step if control.value < control.max else -control.step
        assert explorer.picture.value != picture, name
        assert explorer.text.value != text, name
    assert explorer.state != start


@each_explorer
def test_without_a_kernel_a_text_names_the_controls(render, readout, controls, start):
    text = repr(Explorer(render, readout, controls, start))
    assert text.startswith("[interactive: ") and all(name in text for name in controls)


def test_a_figure_is_stored_at_twice_its_shown_size_and_always_as_the_same_bytes():
    first, second = (figures.png(figures.lines([0, 1], {"a": [0, 1]}, "x", "y")) for _ in range(2))
    assert first == second
    assert int.from_bytes(first[16:20], "big") == round(figures.WIDTH * 100 * figures.SHARPNESS)


def test_a_filmstrip_has_one_frame_with_a_caption_for_each_state(monkeypatch):
    shown = {}
    monkeypatch.setattr(figures, "show", lambda picture, alt: shown.update(picture=picture, alt=alt))
    explorer = Explorer(demos.footprint, demos.footprint_readout, {"scale": (1.0, 8.0, 0.25)}, {"scale": 2.0})
    explorer.filmstrip([{"scale": 1.0}, {"scale": 2.0}, {"scale": 4.0}], alt="three scales", columns=2)
    height, width = demos.footprint(scale=2.0).shape[:2]
    sheet = shown["picture"]
    assert sheet.shape == (2 * (height // 2 + CAPTION), width, 3) and shown["alt"] == "three scales"
    frames = [sheet[:height // 2, :width // 2], sheet[:height // 2, width // 2:], sheet[height // 2 + CAPTION:, :width // 2]]
    assert all((frame < 128).any() for frame in frames)
    assert (sheet[-height // 2:, width // 2:] == 255).all(), "three states: the fourth place stays empty"


def test_a_shown_picture_has_its_alternative_text(monkeypatch):
    shown = {}
    monkeypatch.setattr("IPython.display.display", lambda bundle, **kwargs: shown.update(bundle=bundle, **kwargs))
    figures.show(figures.pictures({"a": np.zeros((4, 4))}), alt="four by four black pixels")
    assert shown["metadata"]["image/png"] == {"alt": "four by four black pixels", "width": 760}
    assert "four by four" in shown["bundle"]["text/plain"]
