"""Where student code runs: with bubblewrap (`bwrap`), it sees neither the network nor the folders of the course."""

import functools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import ipe_sr
from ipe_sr import files
from ipe_sr.coursework.limits import MB
from ipe_sr.errors import InputError

KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "IPE_SR_DATA", "LD_LIBRARY_PATH")   # of the environment
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
CHOICES = ("auto", "bwrap", "none")


@dataclass(frozen=True)
class Sandbox:
    """hidden: folders that student code must not see.   used: whether bubblewrap runs it."""

    hidden: tuple[Path, ...] = ()
    used: bool = False

    def command(self, scratch: Path) -> list[str]:
        """What stands before the command of a worker. scratch: the only folder that outlives the sandbox."""
        if not self.used:
            return []
        hidden = [Path.home(), Path("/tmp"), *self.hidden]
        hidden = [folder.resolve() for folder in hidden if folder.is_dir()]
        needed = [sys.prefix, sys.base_prefix, Path(ipe_sr.__file__).parent, files.data_root()]
        mounts = [part for folder in hidden for part in (*_EMPTY, str(folder))]
        for place in (Path(place).resolve() for place in needed):
            inside = any(place.is_relative_to(folder) for folder in hidden)
            mounts += ["--ro-bind", str(place), str(place)] if inside and place.is_dir() else []
        mounts += ["--bind", str(scratch.resolve()), str(scratch.resolve())]
        return [*_WRAP, *mounts, "--chdir", str(scratch.resolve())]


_WRAP = ["bwrap", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent",
         "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
_EMPTY = ["--size", str(256 * MB), "--tmpfs"]   # a folder in memory


def chosen(choice: str, hidden: Sequence[Path]) -> Sandbox:
    """The sandbox by the option --sandbox. "auto" takes bubblewrap if it works.

    Raises InputError for an unknown choice, and for a sandbox that does not work here.
    """
    if choice not in CHOICES:
        raise InputError(f"--sandbox {choice!r} is unknown: use one of {', '.join(CHOICES)}")
    works = choice != "none" and _works()
    if choice == "bwrap" and not works:
        raise InputError("--sandbox bwrap: bubblewrap does not work here; install it, or use --sandbox none")
    return Sandbox(tuple(hidden), works)


@functools.cache
def _works() -> bool:
    if not shutil.which("bwrap"):
        return False
    return subprocess.run([*_WRAP, *_EMPTY, "/tmp", "true"], capture_output=True, check=False, timeout=30).returncode == 0


def environment(scratch: Path) -> dict[str, str]:
    """The environment of a worker: without this user's keys; its home and its temporary files are in `scratch`."""
    kept = {name: os.environ[name] for name in (*KEPT, *THREADS) if name in os.environ}
    fonts = scratch / ".cache" / "matplotlib"
    for known in (Path.home() / ".cache" / "matplotlib").glob("fontlist*.json"):   # making this list takes seconds
        fonts.mkdir(parents=True, exist_ok=True)
        shutil.copy(known, fonts)
    return kept | {"HOME": str(scratch), "TMPDIR": str(scratch), "PYTHONDONTWRITEBYTECODE": "1"}
