"""Sliders for pictures: the values of the sliders are the arguments of a pure function, whose picture one widget shows."""

from collections.abc import Callable, Sequence
from typing import Any

import imagecodecs
import ipywidgets
import numpy as np
from matplotlib import font_manager
from PIL import Image, ImageDraw, ImageFont

from ipe_sr import figures

Control = tuple[float, float, float] | Sequence[str]   # (low, high, step), or options
CAPTION = 44   # height of the caption above each frame of a filmstrip, in stored pixels


class Explorer(ipywidgets.VBox):
    """Sliders, a line of text and a picture. The keyboard moves every slider: Tab selects one, arrow keys change it.

    The state is a dict with a value for each slider.
    render: a pure function, called with the state as keywords; returns pixels (H, W, 3) uint8 (see `demos.scenes`).
    readout: called in the same way; returns one line of text with the numbers that the picture shows.
    controls: name of a slider -> (low, high, step), or a list of strings to choose from.
    start: the first state.
    """

    def __init__(
        self, render: Callable[..., np.ndarray], readout: Callable[..., str], controls: dict[str, Control],
        start: dict[str, Any],
    ):
        self.render, self.readout = render, readout
        self.controls = {name: _control(name, spec, start[name]) for name, spec in controls.items()}
        self.picture = ipywidgets.Image(format="png", layout={"max_width": f"{int(figures.WIDTH * 100)}px"})
        self.text = ipywidgets.Label()
        super().__init__([*self.controls.values(), self.text, self.picture])
        for control in self.controls.values():
            control.observe(self.update, "value")
        self.update()

    @property
    def state(self) -> dict[str, Any]:
        return {name: control.value for name, control in self.controls.items()}

    def update(self, _change=None) -> None:
        """Draw the present state into the one widget for pictures. A new widget for each event would flicker."""
        self.text.value = self.readout(**self.state).replace("   ", "\u2003")   # HTML shows several spaces as one
        # A file that is shown once should be written fast; its size does not matter. Pillow tries every PNG filter on every
        # row, which takes four times as long.
        self.picture.value = imagecodecs.png_encode(self.render(**self.state), level=1, filter=imagecodecs.PNG.FILTER.UP)

    def __repr__(self, *args, **kwargs) -> str:   # the text in place of the widget where there is no kernel
        # Jupyter cuts the text after 110 characters.
        return f"[interactive: {', '.join(self.controls)}; run the notebook to move them]"

    def filmstrip(self, states: Sequence[dict[str, Any]], alt: str, columns: int = 1) -> None:
        """Show some states in one static picture, each below its caption. Pages without a kernel, such as GitHub's, show it.

        states: each gives the values that differ from the present state.   alt: the picture's alternative text.
        """
        frames = [Image.fromarray(self.render(**(self.state | state))) for state in states]
        width, height = frames[0].width // columns, frames[0].height // columns
        cell = height + CAPTION
        sheet = Image.new("RGB", (width * columns, cell * -(-len(frames) // columns)), "white")
        pen, font = ImageDraw.Draw(sheet), ImageFont.truetype(font_manager.findfont("DejaVu Sans:bold"), CAPTION // 2)
        for i, (frame, state) in enumerate(zip(frames, states, strict=True)):
            left, top = i % columns * width, i // columns * cell
            caption = ", ".join(f"{_spoken(name)} {value}" for name, value in state.items())
            pen.text((left + width // 2, top + CAPTION // 2), caption, "black", font, anchor="mm")
            sheet.paste(frame.resize((width, height), Image.Resampling.LANCZOS), (left, top + CAPTION))
        figures.show(np.asarray(sheet), alt)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _control(name: str, spec: Control, value: Any) -> ipywidgets.Widget:
    common = {"description": _spoken(name), "style": {"description_width": "8em"}, "layout": {"width": "34em"}}
    if isinstance(spec[0], str):
        return ipywidgets.SelectionSlider(options=list(spec), value=value, **common)
    low, high, step = spec
    kind = ipywidgets.IntSlider if all(isinstance(n, int) for n in spec) else ipywidgets.FloatSlider
    return kind(min=low, max=high, step=step, value=value, **common)
