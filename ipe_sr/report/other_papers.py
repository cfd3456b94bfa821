"""Results that other papers report for methods before and after ours, as data. `other_papers.yaml` holds and explains them."""

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ipe_sr import files


@dataclass(frozen=True)
class Method:
    """parameters: of the decoder, in millions; NaN if unknown.   psnr: scale -> dB; NaN if the method's paper gives none."""

    parameters: float
    psnr: dict[int, float]


@cache
def read() -> tuple[dict[str, Method], str]:
    """The methods by name, roughly ordered by PSNR, and the source to cite."""
    source = resources.files(__package__) / "other_papers.yaml"
    content = files.parse_yaml(source.read_text(encoding="utf-8"), source.name)

    def number(value: float | None) -> float:
        return math.nan if value is None else float(value)

    methods = {
        name: Method(number(entry["parameters"]), dict(zip(content["scales"], map(number, entry["psnr"]), strict=True)))
        for name, entry in content["methods"].items()
    }
    return methods, content["source"]
