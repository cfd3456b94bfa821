"""What the project's command lines share: error messages, exit status and progress bars."""

import contextlib
import os
import signal
import sys
import warnings
from typing import NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from ipe_sr.errors import InputError

ClickException = typer.BadParameter.__mro__[2]   # the base class of usage errors, from the click that typer uses
OPTIONS = {"pretty_exceptions_enable": False, "add_completion": False, "rich_markup_mode": None}   # of each typer.Typer
out = Console(highlight=False, markup=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def run(app: typer.Typer, name: str) -> NoReturn:
    """Runs a command line and exits. Bad input prints one line and exits with status 2; Ctrl-C exits with status 130.

    A warning is printed as one line. Any other exception is a bug and keeps its traceback.   name: begins each line. SIGTERM
    ends the command as Ctrl-C does, so that no unfinished file is left; its status is 143.
    """
    _use_streams_of_our_own()
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) == signal.SIG_DFL:   # nohup ignores SIGHUP
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    warnings.filterwarnings("ignore", module=r"PIL\b")
    warnings.showwarning = lambda message, *_: print(f"{name}: {message}", file=sys.stderr)
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        code = complain(name, str(error))
    except typer.Abort:
        code = 130
    except ClickException as error:
        message = error.format_message()
        asked_nothing = type(error).__name__ == "NoArgsIsHelpError"   # the message is the help page
        code = print(message) or 2 if asked_nothing else complain(name, message)
    sys.exit(code or 0)


def _use_streams_of_our_own() -> None:
    """Characters that the terminal lacks are written as escapes, and C libraries cannot be confused with us on stderr."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):   # a stream may have been replaced, by pytest or by Jupyter
            stream.reconfigure(errors="backslashreplace")
    with contextlib.suppress(AttributeError, ValueError, OSError):
        if sys.stderr.fileno() == 2:
            sys.stderr = os.fdopen(os.dup(2), "w", 1, sys.stderr.encoding, "backslashreplace")


def complain(name: str, message: str) -> int:
    """Prints one line on stderr and returns the exit status of bad input."""
    print(f"{name}: " + " ".join(message.split()), file=sys.stderr)
    return 2


def progress(*columns: ProgressColumn) -> Progress:
    """A progress bar on stderr, removed when it is done. It is not shown if stderr is not a terminal.

    columns: what stands to the right of the bar; by default the counts and the remaining time.
    """
    columns = columns or (MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(
        TextColumn("{task.description}"), BarColumn(), *columns, console=err, transient=True, disable=not err.is_terminal,
    )
