"""The widget of notebook 14 as a web page of its own. Voila serves it on this computer; no other server is contacted."""

import os
from pathlib import Path

from ipe_sr.errors import importing

FOLDER = Path(__file__).parent
PAGE = FOLDER / "your_own_picture.ipynb"
# The only JupyterLab extensions that the page needs.
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")
SETTINGS = {
    "mathjax_url": "/voila/templates/ipe_sr/static/mathjax.js",
    "websocket_max_message_size": 100 << 20,   # bytes; limits the size of an uploaded picture
}


def serve(port: int = 8866, browser: bool = True) -> None:
    """Serve the page until interrupted, to this computer only. Raises InputError if Voila is not installed.

    browser: open the page in a browser.
    """
    with importing("notebooks,app", "the app"):
        from voila.app import Voila

    paths = (str(FOLDER), os.environ.get("JUPYTER_PATH"))   # Voila finds the page's template on this path
    os.environ["JUPYTER_PATH"] = os.pathsep.join(path for path in paths if path)
    options = [
        str(PAGE), "--template=ipe_sr", "--Voila.ip=127.0.0.1", f"--port={port}", f"--Voila.open_browser={browser}",
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
    ]
    Voila.launch_instance(options, tornado_settings=SETTINGS)
