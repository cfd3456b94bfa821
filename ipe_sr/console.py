"""What every command line of the project shares: one line and exit status 2 for a user's mistake, progress on stderr."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from ipe_sr.errors import InputError

ClickException = typer.BadParameter.__mro__[2]   # the base of usage errors, from whichever click this typer brings
OPTIONS = {"pretty_exceptions_enable": False, "add_completion": False, "rich_markup_mode": None}   # of every typer.Typer
out = Console(highlight=False, markup=False, soft_wrap=True)
err = Console(stderr=True, highlight=False)


def listed(given: Sequence[str] | None, option: str) -> list[str]:
    """What an option was given, once or several times, each time with commas. Raises InputError for an empty part."""
    parts = [part.strip() for part in ",".join(given).split(",")] if given else []
    if "" in parts:
        raise InputError(f"{option} {','.join(given)!r} has an empty part; it takes names or numbers with commas between: A,B")
    return parts


def setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE, the value as YAML. Raises InputError for anything else."""
    key, equals, value = text.partition("=")
    if not (equals and key.replace(".", "_").isidentifier()):
        raise InputError(f"--set {text!r} is not KEY=VALUE")
    try:
        return key, yaml.safe_load(value)
    except yaml.YAMLError:
        raise InputError(f"--set {text!r}: the value is not readable") from None


def run(app: typer.Typer, name: str) -> NoReturn:
    """Run a command line and exit: a user's mistake is one line and status 2, a warning is one line, Ctrl-C is 130,
    a bug keeps its traceback."""
    warnings.showwarning = lambda message, *_: print(f"{name}: {message}", file=sys.stderr)
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        code = complain(name, str(error))
    except typer.Abort:
        code = 130
    except ClickException as error:
        message = error.format_message()
        asked_nothing = type(error).__name__ == "NoArgsIsHelpError"   # what typer says then is the help page
        code = print(message) or 2 if asked_nothing else complain(name, message)
    sys.exit(code or 0)


def complain(name: str, message: str) -> int:
    """Print one line on stderr; the exit status of a mistake."""
    print(f"{name}: " + " ".join(message.split()), file=sys.stderr)
    return 2


def progress(*columns: ProgressColumn) -> Progress:
    """A bar on stderr that vanishes when done, and does not appear where stderr is no terminal; `columns` follow the bar."""
    columns = columns or (MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(
        TextColumn("{task.description}"), BarColumn(), *columns, console=err, transient=True, disable=not err.is_terminal,
    )
