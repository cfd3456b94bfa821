"""What one submission may use, and the limits that the operating system enforces on its processes."""

from dataclasses import dataclass

MB = 2**20


@dataclass(frozen=True)
class Limits:
    """What grading one notebook may use.

    cell, notebook, rendering: seconds for one cell, for a whole notebook, and for making its page of feedback.
    memory: bytes that all processes of the submission may use together.   processes: their greatest number.
    file: bytes of one file that they write.   written: bytes that they write in all.
    outputs: bytes of the outputs of one cell; what exceeds them is cut.   reply: bytes that a worker may send in all.
    submission: bytes of a submitted file.   sentence: characters of a sentence about an answer.
    cells, source: the number of cells that a student may add, and the characters of each cell.
    """

    cell: int = 60
    notebook: int = 900
    rendering: int = 60
    memory: int = 6000 * MB
    processes: int = 64
    file: int = 64 * MB
    written: int = 1000 * MB
    outputs: int = MB
    reply: int = 32 * MB
    submission: int = 16 * MB
    sentence: int = 400
    cells: int = 200
    source: int = 100_000


def apply(limits: Limits) -> None:
    """Limit this process and all that it will start. Where the operating system has no such limits, nothing happens."""
    try:
        import resource
    except ImportError:   # Windows
        return
    for name, most in (("RLIMIT_DATA", limits.memory), ("RLIMIT_FSIZE", limits.file), ("RLIMIT_CORE", 0)):
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
