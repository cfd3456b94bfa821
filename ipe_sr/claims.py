"""Claims: a notebook computes every number that it asserts, compares it with a bound, and prints one line about it."""

import math

from ipe_sr import files

KINDS = {
    "proved": "derived in the text; the number confirms it",
    "asserted": "asserted numerically",
    "reproduced": "reproduced at reduced scale",
    "reported": "reported by the paper and not reproduced here",
}


def claim(
    id: str, text: str, value: float, *, below: float | None = None, above: float | None = None,
    near: float | None = None, within: float = 0.0, kind: str = "asserted",
) -> None:
    """Assert that a value is below a bound, above a bound, or both; or that it is near a number.

    id: notebook and number, such as "03.4"; "00.x" marks a demonstration, which the run's record leaves out.
    value: a number, or a tensor of one element.   near, within: the number, and the largest difference from it.
    kind: "proved", "asserted" or "reproduced" (see `KINDS`).
    Prints one line. Raises AssertionError with that line if the claim fails; NaN always fails. Raises ValueError for a
    claim without a bound, which could not fail, and for another kind.
    """
    if kind not in KINDS or kind == "reported":
        raise ValueError(f"kind {kind!r} cannot be claimed: use one of proved, asserted, reproduced")
    if (below is None and above is None) == (near is None):
        raise ValueError("give `below`, `above` or both; or `near` with `within`")
    value = float(value.detach() if hasattr(value, "detach") else value)   # torch warns if the graph is lost
    if near is not None:
        near = float(near)
        holds, bounds = abs(value - near) <= within, f"{value:.4g} = {near:.4g} ± {within:.2g}"
    else:
        holds = (below is None or value < below) and (above is None or value > above) and not math.isnan(value)
        low, high = f"{above:.3g} < " if above is not None else "", f" < {below:.3g}" if below is not None else ""
        bounds = f"{low}{value:.3g}{high}" if low and high else f"{value:.3g}" + (high or f" > {above:.3g}")
    line = f"[{id}] {'holds' if holds else 'FAILS'}: {text}: {bounds}"
    if not id.endswith(".x"):
        event = {"event": "claim", "id": id, "text": text, "kind": kind, "holds": holds}
        files.note(event | {"value": value, "bounds": bounds})
    if not holds:
        raise AssertionError(line)
    print(line)


def reported(id: str, text: str, source: str) -> None:
    """Record and print a statement of the paper that this series does not check.   source: where the paper says it."""
    files.note({"event": "claim", "id": id, "text": text, "kind": "reported", "source": source})
    print(f"[{id}] reported, not reproduced here: {text} ({source})")
