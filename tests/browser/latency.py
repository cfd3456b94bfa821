"""Measure how long a picture takes to change after a key press, in JupyterLab in headless Chromium.

`python -m tests.browser.latency [--presses 21] [--only 09 10]` prints a table with a row for each slider of the series.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from tests.browser import lab


def rows(presses: int, only: list[str]):
    """Yield (notebook, slider, median, 90th percentile) for each slider, times in milliseconds.

    presses: of each slider, to and fro. An odd number leaves each slider beside its start: in notebook 09 the learning rate
        changes nothing as long as the number of steps is 0.   only: the numbers of the notebooks; all of them if it is empty.
    """
    with tempfile.TemporaryDirectory() as folder, lab.serve(Path(folder)) as address:
        for path in (path for path in lab.NOTEBOOKS if not only or path.name[:2] in only):
            with lab.browse() as page, lab.executed(page, address, path.name):
                lab.time_pictures(page)
                for slider in page.locator(lab.SLIDERS).all():
                    handle, label = slider.get_by_role("slider"), slider.locator(".widget-label").inner_text()
                    low, high, now = (float(handle.get_attribute(f"aria-value{end}")) for end in ("min", "max", "now"))
                    keys = ("ArrowRight", "ArrowLeft") if now - low < high - now else ("ArrowLeft", "ArrowRight")
                    times = [lab.latency(page, handle, keys[i % 2]) for i in range(presses)]
                    yield path.stem, label, statistics.median(times), statistics.quantiles(times, n=10)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presses", type=int, default=21, help="of each slider, an odd number")
    parser.add_argument("--only", nargs="+", default=[], metavar="NN", help="the numbers of notebooks")
    chosen = parser.parse_args()
    if chosen.presses < 3 or chosen.presses % 2 == 0:
        parser.error(f"--presses: {chosen.presses} is not an odd number from 3 on")
    if lab.missing():
        sys.exit(lab.missing())
    print(f"{'notebook':<36} {'slider':<16} {'median':>8} {'90 %':>8}   ms over {chosen.presses} presses")
    for notebook, slider, median, late in rows(chosen.presses, chosen.only):
        print(f"{notebook:<36} {slider:<16} {median:>8.0f} {late:>8.0f}", flush=True)


if __name__ == "__main__":
    main()
