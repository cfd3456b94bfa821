"""Methods before and after the paper, as their papers report them, as data: `followers.yaml`, which says what they are."""

import math
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml


@dataclass(frozen=True)
class Method:
    """parameters: of the decoder, in millions; NaN where unknown.   psnr: scale -> dB; NaN where its paper gives none."""

    parameters: float
    psnr: dict[int, float]


@cache
def read() -> tuple[dict[str, Method], str]:
    """The methods by name, by and large in the order of their figures; and the source to cite."""
    content = yaml.safe_load((resources.files(__package__) / "other_papers.yaml").read_text(encoding="utf-8"))

    def number(value: float | None) -> float:
        return math.nan if value is None else float(value)

    methods = {
        name: Method(number(entry["parameters"]), dict(zip(content["scales"], map(number, entry["psnr"]), strict=True)))
        for name, entry in content["methods"].items()
    }
    return methods, content["source"]
