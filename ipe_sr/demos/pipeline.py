"""The map of the pipeline that opens the notebooks: from the LR picture to the colour of a pixel, with some stages lit."""

from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from ipe_sr import figures
from ipe_sr.figures import BLACK, BLUE, ORANGE

ARROW = {"arrowstyle": "-|>", "mutation_scale": 10, "color": BLACK, "shrinkA": 0, "shrinkB": 0}
WIDTH, HEIGHT = 1.28, 0.72   # of a box, in inches
TOP, BOTTOM = 1.62, 0.42     # the heights of the centres of both rows
# Stage -> (column, height of its centre, what leaves it).
STAGES = {
    "picture": (0, TOP, "3 colours for\neach LR pixel"),
    "features": (1, TOP, "64 numbers for\neach LR pixel"),
    "latent codes": (2, TOP, "3 x 3 features\nunfolded: 576"),
    "decoder": (3, TOP, "a colour from\neach latent code"),
    "ensemble": (4, TOP, "4 answers,\n4 weights"),
    "colour": (5, TOP, "3 colours for\neach HR pixel"),
    "pixel": (2, BOTTOM, "centre and size,\nlocal units"),
    "encoding": (3, BOTTOM, "PE of the centre,\nIPE of the area"),
}
ARROWS = (
    ("picture", "features"), ("features", "latent codes"), ("latent codes", "decoder"), ("pixel", "encoding"),
    ("encoding", "decoder"), ("decoder", "ensemble"), ("ensemble", "colour"),
)


def pipeline(*lit: str) -> Figure:
    """The map, with these stages lit.

    lit: names of `STAGES`; none for the map alone. Raises ValueError for another name.
    """
    if unknown := set(lit) - STAGES.keys():
        raise ValueError(f"stage {min(unknown)!r} is unknown: use some of {', '.join(STAGES)}")
    fig, axes = figures.panels(height=2.1)
    ax = axes[0, 0]
    ax.set(xlim=(0, figures.WIDTH), ylim=(0, 2.1))
    ax.axis("off")
    for name, (column, y, text) in STAGES.items():
        x, on = _centre(column), name in lit
        look = {"facecolor": ORANGE, "edgecolor": BLACK, "linewidth": 2.2} if on else {"facecolor": "white", "edgecolor": BLUE}
        corner = (x - (WIDTH - 0.22) / 2, y - HEIGHT / 2)
        ax.add_patch(FancyBboxPatch(corner, WIDTH - 0.22, HEIGHT, boxstyle="round,pad=0,rounding_size=0.1", **look))
        ax.text(x, y + 0.19, name, ha="center", va="center", fontsize=9.5, weight="bold")
        ax.text(x, y - 0.13, text, ha="center", va="center", fontsize=7, linespacing=1.25)
    for start, end in ARROWS:
        ax.add_patch(FancyArrowPatch(*_ends(start, end), **ARROW))
    if lit:
        ax.text(_centre(0), BOTTOM, "orange:\nthis notebook", ha="center", va="center", fontsize=8.5, color=BLACK,
                bbox={"boxstyle": "round", "facecolor": ORANGE, "edgecolor": BLACK})
    return fig


def show_map(*lit: str) -> None:
    """Display the map in a notebook.   lit: as for `pipeline`."""
    here = f" Lit here: {', '.join(lit)}." if lit else ""
    alt = ("Map of the pipeline: the LR picture becomes features, then latent codes; the pixel that is asked for becomes an "
           "encoding; both go into the decoder, then the ensemble, then the colour.")
    figures.show(pipeline(*lit), alt + here)


def _centre(column: int) -> float:
    return (column + 0.5) * figures.WIDTH / 6


def _ends(start: str, end: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where an arrow begins and ends: at the sides of the boxes, or above and below them in one column."""
    (a, y, _), (b, to, _) = STAGES[start], STAGES[end]
    if a == b:
        return (_centre(a), y + HEIGHT / 2), (_centre(b), to - HEIGHT / 2)
    half = (WIDTH - 0.22) / 2
    return (_centre(a) + half, y), (_centre(b) - half, to)
