"""What the programs of this folder share: the form of their help, and one line with exit status 2 for a user's mistake."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from ipe_sr import console
from ipe_sr.errors import InputError


class Help(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    """Keeps the line breaks of the description, and adds the default to the help of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


def parser(description: str) -> argparse.ArgumentParser:
    """The parser of the program that this process runs."""
    program = f"python -m ipe_sr.benchmarks.{Path(sys.argv[0]).stem}".removesuffix(".__main__")
    return argparse.ArgumentParser(program, description=description, formatter_class=Help)


def run(main: Callable[[], None]) -> None:
    """Run a program. Where it raises InputError, print its message and end with status 2; a bug keeps its traceback."""
    try:
        main()
    except InputError as error:
        sys.exit(console.complain("benchmarks", str(error)))
