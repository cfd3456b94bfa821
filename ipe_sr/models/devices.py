"""Devices by name."""

import torch

from ipe_sr.errors import InputError


def device_named(name: str) -> torch.device:
    """A device by name; "auto" is a GPU if there is one. Raises InputError if the device is not available."""
    name = name.lower()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device).item()   # the device "meta" has no numbers
    except (RuntimeError, AssertionError):
        raise InputError(f"device {name!r} is not available here: use auto, cpu, or cuda where there is one") from None
    return device
