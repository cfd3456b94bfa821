"""Scenes: pictures of which most stands still, drawn fast enough to follow a slider.

Ticks, labels and layout take nearly all of the time that matplotlib needs for a picture. A scene draws them once, and
for each state only what its state changes, on top.
"""

import functools
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ipe_sr import figures

Stage = Callable[[], tuple[Figure, np.ndarray]]


def scene(stage: Stage) -> Callable[[Callable[..., None]], Callable[..., np.ndarray]]:
    """Decorate `draw(axes, **state)` into a pure function: state -> pixels (H, W, 3) uint8, as sharp as `figures.png`.

    stage: () -> figure and axes, like `figures.panels`, with all that no state changes: limits, scales, labels, titles.
    draw: adds lines, patches, pictures, texts, legends to the axes. All that it adds is removed afterwards, so a
    picture depends on its state alone. It must not touch limits, ticks, labels or titles: those stay as they were drawn.
    """
    def decorate(draw: Callable[..., None]) -> Callable[..., np.ndarray]:
        @functools.cache
        def canvas() -> _Canvas:
            return _Canvas(*stage())

        @functools.wraps(draw)
        def picture(**state) -> np.ndarray:
            return canvas().picture(lambda axes: draw(axes, **state))

        return picture

    return decorate


class _Canvas:
    """A stage, drawn once."""

    def __init__(self, figure: Figure, axes: np.ndarray):
        figure.set_dpi(figures.DPI)
        self.agg, self.axes = FigureCanvasAgg(figure), axes
        self.agg.draw()
        self.background = self.agg.copy_from_bbox(figure.bbox)
        self.still = {ax: (set(ax.get_children()), len(ax.containers)) for ax in figure.axes}
        for ax in figure.axes:
            ax.autoscale(False)

    def picture(self, draw: Callable[[np.ndarray], None]) -> np.ndarray:
        """What `draw` adds to the axes, over the stage: (H, W, 3) uint8."""
        self.agg.restore_region(self.background)
        try:
            draw(self.axes)
            for ax in self.still:
                for artist in sorted(self._added(ax), key=lambda artist: artist.zorder):
                    ax.draw_artist(artist)
            return np.asarray(self.agg.buffer_rgba())[..., :3].copy()
        finally:
            for ax, (_, containers) in self.still.items():
                del ax.containers[containers:]   # of bars: legends would list them again
                for artist in self._added(ax):
                    artist.remove()
                ax.set_prop_cycle(None)

    def _added(self, ax: Axes) -> list:
        return [artist for artist in ax.get_children() if artist not in self.still[ax][0]]
