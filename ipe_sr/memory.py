"""How much memory this process can still get: the machine's, and what limits of the process or of a container leave of it."""

from collections.abc import Iterator
from pathlib import Path

import psutil

from ipe_sr.errors import InputError

CGROUPS = Path("/sys/fs/cgroup")
UNLIMITED = 1 << 60   # cgroup version 1 writes a number of about this size where there is no limit


def free() -> int:
    """Bytes that this process can still allocate, as far as the system says."""
    return max(0, min([psutil.virtual_memory().available, *_left_by_process_limits(), *_left_by_control_groups()]))


def check(need: float, what: str, remedy: str) -> None:
    """Raises InputError if `need` bytes are not free.   what: takes the memory; it begins the message.   remedy: ends it."""
    if need > (available := free()):
        raise InputError(
            f"{what} would take about {need / 2**30:,.1f} GiB of memory, {available / 2**30:,.1f} GiB are free; {remedy}"
        )


def _left_by_process_limits() -> Iterator[int]:
    """What `ulimit -v` and `ulimit -d` leave."""
    try:
        import resource
    except ImportError:   # Windows has no such limits
        return
    used = psutil.Process().memory_info()
    for limit, taken in ((resource.RLIMIT_AS, used.vms), (resource.RLIMIT_DATA, getattr(used, "data", used.rss))):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            yield most - taken


def _left_by_control_groups() -> Iterator[int]:
    """What the limits of a container or of a batch system leave (Linux; control groups of version 2 and of version 1)."""
    try:
        lines = Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = CGROUPS / "memory" if controllers else CGROUPS
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        group = root / path.lstrip("/")
        for folder in (group, *group.parents):   # a limit holds for the groups within, too
            most, used = (_number(folder / name) for name in names)
            if most is not None and used is not None and most < UNLIMITED:
                yield most - used + _file_cache(folder)
            if folder == root:
                break


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None   # "max" is no limit


def _file_cache(group: Path) -> int:
    """Bytes of cached files, which the kernel gives back when memory is asked for."""
    try:
        numbers = dict(line.split() for line in (group / "memory.stat").read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):
        return 0
    return int(numbers.get("inactive_file", 0))
