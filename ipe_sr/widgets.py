"""Thin ipywidgets bindings: sliders to the state of a pure render function, its picture into one Image widget."""

import io
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets
from matplotlib.figure import Figure
from PIL import Image

from ipe_sr import figures

Control = tuple[float, float, float] | Sequence[str]   # (low, high, step), or options


class Explorer(ipywidgets.VBox):
    """Sliders, a text readout and a picture. Every control takes the keyboard: Tab to it, then the arrow keys.

    render: keyword state -> Figure, pure.   readout: keyword state -> one line of text with the numbers to be seen.
    controls: for each keyword (low, high, step), or a list of strings.   start: the first state.
    """

    def __init__(
        self, render: Callable[..., Figure], readout: Callable[..., str], controls: dict[str, Control], start: dict[str, Any]
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
        """Draw the present state into the one picture: a new figure for each event would flicker."""
        self.text.value = self.readout(**self.state)
        self.picture.value = figures.png(self.render(**self.state))

    def __repr__(self, *args, **kwargs) -> str:   # what readers without a kernel see
        return f"[interactive: {', '.join(self.controls)}; run the notebook to move them]"   # Jupyter cuts at 110

    def filmstrip(self, states: Sequence[dict[str, Any]], alt: str, columns: int = 2) -> None:
        """Show some states as one static picture, for GitHub, print and every viewer without a kernel."""
        frames = [Image.open(io.BytesIO(figures.png(self.render(**(self.state | state))))).convert("RGB") for state in states]
        width, height = frames[0].width // columns, frames[0].height // columns
        sheet = Image.new("RGB", (width * columns, height * -(-len(frames) // columns)), "white")
        for i, frame in enumerate(frames):
            sheet.paste(frame.resize((width, height), Image.Resampling.LANCZOS), (i % columns * width, i // columns * height))
        buffer = io.BytesIO()
        sheet.save(buffer, "PNG")
        figures.show(buffer.getvalue(), alt)


def _control(name: str, spec: Control, value: Any) -> ipywidgets.Widget:
    common = {"description": name.replace("_", " "), "style": {"description_width": "8em"}, "layout": {"width": "34em"}}
    if isinstance(spec[0], str):
        return ipywidgets.SelectionSlider(options=list(spec), value=value, **common)
    low, high, step = spec
    kind = ipywidgets.IntSlider if all(isinstance(n, int) for n in spec) else ipywidgets.FloatSlider
    return kind(min=low, max=high, step=step, value=value, **common)
