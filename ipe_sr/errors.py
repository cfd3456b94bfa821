"""The one error that a user can cause. Everything else is a bug and keeps its traceback."""

import contextlib
from collections.abc import Iterator


class InputError(ValueError):
    """Bad input: one line that names the file or option, what was wrong and what would be right."""


def first_line(error: BaseException) -> str:
    """What an error of others says, short enough to stand in one of ours; its name if it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def importing(extras: str, what: str) -> Iterator[None]:
    """A block that imports what belongs to optional extras of ours; where a package is missing it raises InputError.

    extras: as pip takes them, "notebooks,app".   what: needs them, the subject of the sentence.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise InputError(f"{what} needs the package {error.name}: pip install 'ipe_sr[{extras}]'") from None
