"""How each program of this folder runs: a user's mistake gives one line and exit status 2, a bug keeps its traceback."""

import sys
from collections.abc import Callable

from ipe_sr import console
from ipe_sr.errors import InputError


def run(main: Callable[[], None]) -> None:
    """Run a program; ends the process with status 2 where it raises InputError."""
    try:
        main()
    except InputError as error:
        sys.exit(console.complain("benchmarks", str(error)))
