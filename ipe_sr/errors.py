"""The error for bad input. Any other exception is a bug and keeps its traceback."""

import contextlib
from collections.abc import Iterator


class InputError(ValueError):
    """Bad input. The message is one line: the file or option, what is wrong with it, and what would be right."""


def first_line(error: BaseException) -> str:
    """The first line of an error message from a library, to be quoted in our own; the error's class if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def importing(extras: str, what: str) -> Iterator[None]:
    """Wraps the imports of optional packages. Raises InputError, with the command that installs them, if one is missing.

    extras: our extras that install the packages, in pip's notation: "notebooks,app".   what: what needs the packages; it
    begins the message: "training needs the package lightning".
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"{what} needs the package {error.name}: pip install 'ipe_sr[{extras}]'") from None
