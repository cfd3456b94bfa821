"""The one error that a user can cause. Everything else is a bug and keeps its traceback."""


class InputError(ValueError):
    """Bad input: one line that names the file or option, what was wrong and what would be right."""
