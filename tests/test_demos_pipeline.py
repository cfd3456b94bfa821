"""The map of the pipeline and the diagrams that stand still."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageChops

from ipe_sr import demos, figures
from ipe_sr.demos import diagrams, shapes
from ipe_sr.demos.pipeline import STAGES
from ipe_sr.encodings import SHAPES


def pixels(figure):
    return Image.open(io.BytesIO(figures.png(figure))).convert("RGB")


@pytest.mark.parametrize("stage", STAGES)
def test_lighting_a_stage_changes_its_own_box(stage):
    """Besides the key of the colours at the lower left, only the box of the stage differs from the map without light."""
    plain, lit = pixels(demos.pipeline()), pixels(demos.pipeline(stage))
    left = plain.width // 6
    key = (0, plain.height // 2, left, plain.height)
    for picture in (plain, lit):
        picture.paste("white", key)
    x0, _, x1, _ = ImageChops.difference(plain, lit).getbbox()
    column = STAGES[stage][0]
    assert column * left - 8 <= x0 < x1 <= (column + 1) * left + 8


def test_an_unknown_stage_is_refused():
    with pytest.raises(ValueError, match="stage 'discriminator' is unknown"):
        demos.pipeline("encoding", "discriminator")


@pytest.mark.parametrize("diagram", [diagrams.residual_blocks, diagrams.dense_block, diagrams.unfolding, diagrams.mlp,
                                     diagrams.opposite_rectangles])
def test_diagrams_use_the_width_of_a_page(diagram):
    assert pixels(diagram()).width == figures.WIDTH * figures.DPI


@pytest.mark.parametrize("shape", SHAPES)
def test_the_drawn_weights_of_shapes_have_the_dampings_as_their_transforms(shape):
    u = np.linspace(-20, 20, 400001)
    weight = shapes.density(shape, u, 1.7)
    for w in (0.0, 0.6, 1.9, 3.1):
        due = SHAPES[shape](torch.tensor(1.7 * w, dtype=torch.float64)).item()
        assert (weight * np.cos(w * u)).sum() * 1e-4 == pytest.approx(due, abs=1e-3)
