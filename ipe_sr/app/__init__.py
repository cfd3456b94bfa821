"""A page in the browser that enlarges the reader's own pictures, served on this computer; it contacts no other server."""

import webbrowser
from pathlib import Path

from ipe_sr.console import out
from ipe_sr.errors import InputError, importing

FOLDER = Path(__file__).parent


def serve(port: int = 8866, browser: bool = True) -> None:
    """Serve the page until interrupted, to this computer only.

    browser: open the page in a browser. Raises InputError if tornado is not installed or the port is taken.
    """
    with importing("app", "the app"):
        import tornado  # noqa: F401 (the server needs it)

        from ipe_sr.app import server

    address = f"http://127.0.0.1:{port}/"

    def ready() -> None:
        out.print(f"open {address}   (Ctrl-C ends it)")
        if browser:
            webbrowser.open(address)

    try:
        server.run(port, ready)
    except OSError as error:
        raise InputError(f"--port {port}: cannot be served ({error.strerror}); give another --port") from None
