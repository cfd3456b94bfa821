"""Claims: what a notebook asserts is computed, compared and printed in one line, or it does not stand there."""

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
    """Assert that a value is below a bound, above one (both may be given), or near a number to within a tolerance.

    id: "03.4", notebook and number; "00.x" marks a demonstration, which stays out of the run's record.
    kind: one of `KINDS`.
    Prints one line; raises AssertionError with the same line if the claim fails (NaN fails). Raises ValueError for
    a claim that cannot fail (no bound) or an unknown kind.
    """
    if kind not in KINDS or kind == "reported":
        raise ValueError(f"kind {kind!r} cannot be claimed: use one of proved, asserted, reproduced")
    if (below is None and above is None) == (near is None):
        raise ValueError("give `below`, `above` or both; or `near` with `within`")
    value = float(value.detach() if hasattr(value, "detach") else value)   # torch warns of a graph that is lost
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
    """Record something that the paper reports and this series does not check."""
    files.note({"event": "claim", "id": id, "text": text, "kind": "reported", "source": source})
    print(f"[{id}] reported, not reproduced here: {text} ({source})")
