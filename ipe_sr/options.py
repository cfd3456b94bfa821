"""The values of command-line options, as typed: numbers, sizes, names, lists and settings.

Each function raises InputError, which names the option, what was typed, and what would be right.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ipe_sr import files
from ipe_sr.errors import InputError


def listed(given: Sequence[str] | None, option: str) -> list[str]:
    """The values of an option that may be given several times, each time with commas: A,B.

    given: the texts as typed.   option: its name, for the message. Raises InputError for an empty value.
    """
    parts = [part.strip() for part in ",".join(given).split(",")] if given else []
    if "" in parts:
        raise InputError(f"{option} {','.join(given)!r} has an empty part; it takes names or numbers, separated by commas: A,B")
    return parts


def setting(text: str) -> tuple[str, Any]:
    """Splits KEY=VALUE and reads the value as YAML: 1e-4 is a float, "1e-4" in quotes is text, [1, 2] is a list.

    KEY is a name, or several with points between them. Raises InputError for anything else, and for an empty value.
    """
    key, equals, value = text.partition("=")
    if not (equals and key.replace(".", "_").isidentifier()):
        raise InputError(f"--set {text!r} is not KEY=VALUE")
    if not value.strip():
        raise InputError(f"--set {text!r} has no value; write {key}='\"\"' for an empty text, {key}=null for none")
    return key, files.parse_yaml(value, f"--set {text!r}")


def number(text: str, option: str) -> float:
    """A factor from 1 to a million; an int if it is a whole number."""
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{option}: {text!r} is not a number") from None
    if not 1 <= value <= 1e6:   # NaN fails as well
        raise InputError(f"{option}: {text!r} is out of range; factors go from 1 to 1,000,000")
    return int(value) if value.is_integer() else value


def scale_pair(text: str) -> float | tuple[float, ...]:
    """The value of --scale: one factor, or two as Y,X."""
    factors = tuple(number(part, "--scale") for part in text.split(","))
    if len(factors) > 2:
        raise InputError(f"--scale: {text!r} has {len(factors)} numbers; give one, or two as Y,X")
    return factors if len(factors) == 2 else factors[0]


def size(text: str, option: str) -> tuple[int, int]:
    """Height and width from HxW."""
    match = re.fullmatch(r"([1-9]\d{0,8})[xX×]([1-9]\d{0,8})", text)
    if not match:
        raise InputError(f"{option}: {text!r} is not HxW in pixels, such as 1080x1920")
    return int(match[1]), int(match[2])


def pixels(text: str) -> int:
    """The value of --max-pixels: at least 1, such as 400e6."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 1 <= value <= 1e12:   # NaN fails as well
        raise InputError(f"--max-pixels: {text!r} is not a number of pixels, such as 400e6")
    return int(value)


def choice(table: Mapping[str, Any], name: str | None, option: str) -> Any:
    """The entry of a table that an option names; None if it was not given."""
    if name is not None and name not in table:
        raise InputError(f"{option} {name!r} is unknown: use one of {', '.join(table)}")
    return table.get(name)
