"""Keeping what libraries say to themselves out of our own messages."""

import contextlib
import os
import threading
import warnings
from collections.abc import Iterator

_lock, _blocks, _saved = threading.Lock(), 0, -1


@contextlib.contextmanager
def libraries() -> Iterator[None]:
    """Drops what C libraries print on stderr during the block, such as libtiff's lines about a damaged file.

    Python's own messages of other threads are dropped, too, unless `sys.stderr` has a file descriptor of its own, as in the
    commands (see `console.run`).
    """
    global _blocks, _saved
    with _lock:
        _blocks += 1
        if _blocks == 1:
            with contextlib.suppress(OSError):   # stderr may be closed
                _saved = os.dup(2)
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0 and _saved >= 0:
                os.dup2(_saved, 2)
                os.close(_saved)
                _saved = -1


@contextlib.contextmanager
def pil_warnings() -> Iterator[None]:
    """Ignores PIL's warnings during the block: of large pictures, which have a limit of ours, and of damaged metadata.

    Filters of warnings belong to the whole process, so this does nothing in threads; who starts them ignores the warnings.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\b")
        yield
