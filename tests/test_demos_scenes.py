"""Scenes: a picture depends on its state alone and equals the figure that matplotlib would draw; bars as one artist."""

import numpy as np
import pytest

from ipe_sr import figures
from ipe_sr.demos.scenes import bars, scene


def stage():
    fig, axes = figures.panels(height=2.0)
    axes[0, 0].set(xlim=(0, 1), ylim=(0, 1), title="a stage")
    axes[0, 0].grid(False)   # matplotlib draws the grid over pictures, a scene draws pictures over the grid
    return fig, axes


def draw(axes, n):
    """Draw every kind of artist that the axes keep a list of: lines of a colour cycle, containers, legends, pictures."""
    ax = axes[0, 0]
    for i in range(n):
        ax.plot([0, 1], [i / 5, 1], label=f"line {i}")
    ax.bar([0.2, 0.4], [n / 9, n / 8], 0.1, label="bars")
    ax.imshow(np.full((2, 2), n / 9), extent=(0.6, 0.9, 0.1, 0.4), vmin=0, vmax=1, aspect="auto")
    ax.legend(loc="upper left")


def test_a_picture_depends_on_its_state_alone():
    picture = scene(stage)(draw)
    first = [picture(n=n) for n in (1, 2, 3)]
    again = [picture(n=n) for n in (3, 1, 2)]
    assert not np.array_equal(first[0], first[1])
    for before, after in zip(first, [again[1], again[2], again[0]], strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(scene(stage)(draw)(n=3), first[2])


def test_a_scene_shows_what_matplotlib_draws_from_the_whole_figure():
    fig, axes = stage()
    draw(axes, 2)
    axes[0, 0].set(xlim=(0, 1), ylim=(0, 1))
    whole = scene(lambda: (fig, axes))(lambda axes: None)()
    difference = np.abs(scene(stage)(draw)(n=2).astype(int) - whole).max(-1)
    assert (difference > 64).mean() < 2e-3, "only the few pixels may differ where lines cross spines and ticks"


def test_a_scene_has_the_resolution_of_a_stored_figure():
    picture = scene(stage)(draw)(n=1)
    assert picture.dtype == np.uint8
    assert picture.shape == (2 * 100 * figures.SHARPNESS, round(figures.WIDTH * 100 * figures.SHARPNESS), 3)


def test_a_draw_function_that_fails_leaves_no_artist_behind():
    def fails(axes, broken):
        axes[0, 0].plot([0, 1], [0, 1])
        if broken:
            raise RuntimeError("halfway")

    picture = scene(stage)(fails)
    good = picture(broken=False)
    with pytest.raises(RuntimeError, match="halfway"):
        picture(broken=True)
    np.testing.assert_array_equal(picture(broken=False), good)
    assert picture.__name__ == "fails"


@pytest.mark.parametrize("horizontal", [False, True])
def test_bars_cover_the_same_pixels_as_matplotlibs_own_bars_and_skip_nan(horizontal):
    start, length = np.array([0.1, 0.4, 0.7]), np.array([0.8, np.nan, 0.5])

    def own(axes):
        bars(axes[0, 0], start, 0.2, length, horizontal, fill=True, color="black")

    def matplotlibs(axes):
        draw = axes[0, 0].barh if horizontal else axes[0, 0].bar
        draw(start[[0, 2]] + 0.1, length[[0, 2]], 0.2, color="black", linewidth=1)

    difference = np.abs(scene(stage)(own)().astype(int) - scene(stage)(matplotlibs)()).max(-1)
    assert (difference > 64).mean() < 2e-3, "only outlines may differ"
    assert (scene(stage)(own)() < 64).mean() > 0.1
