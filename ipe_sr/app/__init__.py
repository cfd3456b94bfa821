"""The widget of notebook 13 as a page of its own, for readers without JupyterLab: served by Voila, without the network."""

import os
from pathlib import Path

from ipe_sr.errors import importing

FOLDER = Path(__file__).parent
PAGE = FOLDER / "your_own_picture.ipynb"
EXTENSIONS = ("@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8")   # of JupyterLab, all that is needed
SETTINGS = {
    "mathjax_url": "/voila/templates/ipe_sr/static/mathjax.js",
    "websocket_max_message_size": 100 << 20,   # bytes: of a picture on its way
}


def serve(port: int = 8866, browser: bool = True) -> None:
    """Serve the page on this computer alone, until interrupted. Raises InputError where Voila is not installed."""
    with importing("notebooks,app", "the app"):
        from voila.app import Voila

    paths = (str(FOLDER), os.environ.get("JUPYTER_PATH"))   # where the page's template is
    os.environ["JUPYTER_PATH"] = os.pathsep.join(path for path in paths if path)
    options = [
        str(PAGE), "--template=ipe_sr", "--Voila.ip=127.0.0.1", f"--port={port}", f"--Voila.open_browser={browser}",
        *(f"--VoilaConfiguration.extension_allowlist={name}" for name in EXTENSIONS),
    ]
    Voila.launch_instance(options, tornado_settings=SETTINGS)
