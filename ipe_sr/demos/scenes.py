"""Scenes: pictures that are drawn fast enough to follow a slider.

Matplotlib spends nearly all of its time on ticks, labels and layout, which do not change with the state. A scene draws
these once. For each state it draws only what the state changes, on top of them.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ipe_sr import figures

Stage = Callable[[], tuple[Figure, np.ndarray]]


def scene(stage: Stage) -> Callable[[Callable[..., None]], Callable[..., np.ndarray]]:
    """Decorate `draw(axes, **state)` into a pure function: state -> pixels (H, W, 3) uint8, as sharp as `figures.png`.

    stage: () -> figure and axes, like `figures.panels`, with everything that no state changes: limits, scales, labels, titles.
    draw: adds lines, patches, pictures, texts and legends to the axes. They are removed afterwards, so a picture depends
    on its state alone. Limits, ticks, labels and titles must not be changed by `draw`: they are not drawn again.
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


def picture_panels(titles: Sequence[str], size: tuple[int, int], height: float) -> Stage:
    """A stage with one panel for each picture, without ticks.   size: of the pictures, (H, W).   height: in inches."""
    def stage() -> tuple[Figure, np.ndarray]:
        fig, axes = figures.panels(columns=len(titles), height=height)
        for ax, title in zip(axes[0], titles, strict=True):
            ax.set(xlim=(0, size[1]), ylim=(size[0], 0), title=title, xticks=[], yticks=[], aspect="equal")
            ax.grid(False)
        return fig, axes

    return stage


def bars(ax: Axes, start: np.ndarray, width: float, length: np.ndarray, horizontal: bool = False, **style) -> None:
    """Draw bars from 0 to `length` (N,), NaN for none. Bar i covers start[i] to start[i] + width on the other axis.

    All bars are one artist: `ax.bar` makes one artist for each bar and takes a hundred times as long.
    """
    edges = np.stack([start, start + width], -1).ravel()                      # (2N,)
    gaps = np.insert(length, range(1, len(length)), np.nan)                   # (2N - 1,), nothing between two bars
    ax.stairs(gaps, edges, orientation="horizontal" if horizontal else "vertical", **style)


class _Canvas:
    """A figure whose stage is drawn once and kept as pixels."""

    def __init__(self, figure: Figure, axes: np.ndarray):
        figure.set_dpi(figures.DPI)
        self.agg, self.axes = FigureCanvasAgg(figure), axes
        self.agg.draw()
        self.background = self.agg.copy_from_bbox(figure.bbox)
        self.stage = {ax: (set(ax.get_children()), len(ax.containers)) for ax in figure.axes}
        for ax in figure.axes:
            ax.autoscale(False)

    def picture(self, draw: Callable[[np.ndarray], None]) -> np.ndarray:
        """The stage with everything that `draw` adds to the axes: (H, W, 3) uint8."""
        self.agg.restore_region(self.background)
        try:
            draw(self.axes)
            for ax in self.stage:
                for artist in sorted(self._added(ax), key=lambda artist: artist.zorder):
                    ax.draw_artist(artist)
            return np.asarray(self.agg.buffer_rgba())[..., :3].copy()
        finally:
            for ax, (_, containers) in self.stage.items():
                del ax.containers[containers:]   # those of bars: legends would list them again
                for artist in self._added(ax):
                    artist.remove()
                ax.set_prop_cycle(None)

    def _added(self, ax: Axes) -> list:
        return [artist for artist in ax.get_children() if artist not in self.stage[ax][0]]
