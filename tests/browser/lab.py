"""JupyterLab with the series in a temporary workspace, and a headless Chromium to use it with."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path

import nbformat
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from ipe_sr.series import documents, run_series

ROOT = Path(__file__).parents[2]
NOTEBOOKS = documents.notebooks(ROOT / "notebooks")   # each has sliders
ARTEFACTS = ROOT / ".out" / "browser"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)
SETTINGS = {   # all cells are in the page, and nothing asks the network or the reader
    "notebook-extension/tracker": {"windowingMode": "none"},
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
}
PATIENCE = 240   # seconds to wait for a server to start or for a notebook to run
WIDGET, SLIDERS, PICTURE = ".jupyter-widgets.widget-vbox", ".widget-slider", ".jupyter-widgets.widget-image"


def missing() -> str:
    """Why a browser test cannot run here; empty where it can."""
    if util.find_spec("playwright") is None:
        return "playwright is not installed: pip install -e '.[test]'"
    if util.find_spec("jupyterlab") is None:
        return "jupyterlab is not installed: pip install -e '.[notebooks]'"
    return "" if shutil.which("chromium") else "chromium is not on the PATH: apt-get install chromium"


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve copies of the notebooks, without outputs and with the smoke parameters, in JupyterLab.

    Yields the address to open, with a token; NAME in it stands for the notebook.
    """
    workspace, settings, token = folder / "notebooks", folder / "settings", os.urandom(16).hex()
    shutil.copytree(ROOT / "notebooks" / "experiments", workspace / "experiments")   # the records that notebooks read
    for job in run_series.plan(ROOT / "notebooks", "smoke"):
        pristine = load_notebook_node(str(job.notebook))
        notebook = parameterize_notebook(pristine, job.overrides, kernel_name="python3", language="python")
        for cell in documents.code_cells(notebook):
            cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, workspace / job.notebook.name)
    for name, values in SETTINGS.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
               "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={workspace}",
               f"--LabApp.user_settings_dir={settings}", f"--LabApp.workspaces_dir={folder / 'workspaces'}",
               "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly"]
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "RUNTIME")}
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/api/status?token={token}", server, folder / "server.log")
            yield f"{address}/lab/tree/NAME?token={token}&reset"
        finally:
            server.terminate()   # its kernels end with it
            server.wait(30)


@contextmanager
def serve_folder(folder: Path) -> Iterator[tuple[str, str]]:
    """Serve a folder in JupyterLab as it is. Yields the address of the server, and the token."""
    token = os.urandom(16).hex()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
               "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(f"{address}/api/status?token={token}", server, folder / "server.log")
            yield address, token
        finally:
            server.terminate()
            server.wait(30)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise RuntimeError("JupyterLab did not start:\n" + log.read_text(encoding="utf-8")[-2000:])


@contextmanager
def browse() -> Iterator:
    """Open a page of a headless Chromium. `page.errors` collects the errors of its scripts and its console."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.set_default_timeout(PATIENCE * 1000)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda message: page.errors.append(message.text) if message.type == "error" else None)
        try:
            yield page
        finally:
            browser.close()


@contextmanager
def opened(page, address: str, name: str) -> Iterator[None]:
    """Open a notebook and wait for its kernel, which ends with the context."""
    page.goto(address.replace("NAME", name))
    # Run All is lost before the kernel answers, because JupyterLab then asks which kernel to start. Its indicator says "idle"
    # too early.
    page.wait_for_function("""() => {
        const context = window.jupyterapp?.shell.currentWidget?.sessionContext
        return context?.isReady && context.session?.kernel?.status === "idle"
    }""")
    try:
        yield
    finally:
        page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")


@contextmanager
def executed(page, address: str, name: str) -> Iterator[None]:
    """Open and run a notebook. Its kernel ends with the context. Raises AssertionError if a cell fails."""
    with opened(page, address, name):
        done = page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
        failed = page.locator("[data-mime-type='application/vnd.jupyter.error']")
        assert not failed.count(), failed.first.inner_text()
        assert done is not False, "a cell failed"
        page.wait_for_selector(PICTURE)
        yield


def time_pictures(page) -> None:
    """Let the page measure, after each key press, the milliseconds to the next frame with a changed picture."""
    page.evaluate(
        """css => {
            addEventListener('keydown', () => { window.pressed = performance.now(); window.latency = null }, true)
            document.querySelectorAll(css).forEach(picture => picture.addEventListener('load', () => requestAnimationFrame(
                () => { window.latency = performance.now() - window.pressed })))
        }""", PICTURE)


def latency(page, handle, key: str) -> float:
    """Press a key on a slider's handle. Returns the milliseconds to the changed picture; `time_pictures` comes first."""
    handle.press(key)
    return page.wait_for_function("window.latency", polling="raf").json_value()
