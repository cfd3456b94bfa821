"""One file over HTTP: retried, resumed where the connection was cut, tried at one mirror after another, checked by pooch."""

import http.client
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urldefrag, urljoin
from urllib.request import Request, urlopen

import pooch

from data_scripts.catalogue import Dataset, writing
from ipe_sr.errors import InputError

INDEX = "https://pypi.org/simple"   # unless PIP_INDEX_URL names another, as for pip
CHUNK, TIMEOUT = 1 << 16, 30        # bytes; seconds without an answer
PASSING = (URLError, OSError, http.client.HTTPException)   # what may be gone a moment later
BUSY = {408, 429}


class Fault(Exception):
    """Why one mirror does not serve."""


@dataclass
class Resuming:
    """A downloader for pooch that appends to `part` with a Range request, and begins anew where a server knows no ranges.

    expected: bytes of the whole file, or None.   retries: how often in a row, without any gain, a connection may fail.
    backoff: seconds before the first retry, doubled for each further one.   report(bytes so far, bytes in all or None).
    """

    part: Path
    expected: int | None
    retries: int
    backoff: float
    report: Callable[[int, int | None], None] = lambda done, total: None
    resumed: bool = False   # whether the last file holds bytes that an earlier call left

    def __call__(self, url: str, output_file: str, _: object) -> None:
        best = self.size()
        self.resumed, failures = best > 0, 0
        while True:
            try:
                self._receive(url)
                break
            except HTTPError as error:
                error.close()
                if error.code < 500 and error.code not in BUSY:
                    raise Fault(f"HTTP {error.code} {error.reason}") from None
                trouble = f"HTTP {error.code} {error.reason}"
            except PASSING as error:
                trouble = str(getattr(error, "reason", None) or error) or type(error).__name__
            failures = 0 if self.size() > best else failures + 1
            best = max(best, self.size())
            if failures > self.retries:
                raise Fault(f"{trouble}, {failures} times")
            time.sleep(self.backoff * 2 ** max(failures - 1, 0))
        os.replace(self.part, output_file)

    def size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _receive(self, url: str) -> None:
        have = self.size()
        if have and have == self.expected:
            return
        if self.expected and have > self.expected:
            self.part.unlink()
            have = 0
        headers = {"User-Agent": "ipe_sr"} | ({"Range": f"bytes={have}-"} if have else {})
        try:
            response = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
        except HTTPError as error:
            if error.code != 416 or not have:
                raise
            if error.headers.get("Content-Range") != f"bytes */{have}":   # else there is nothing left to send
                self.part.unlink()
                raise ConnectionError("the kept part does not fit this file") from None
            return
        with response:
            continues = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            if response.status == 206 and not continues:
                raise Fault("answers with another range than asked for")
            start = have if continues else 0
            total = None if response.length is None else start + response.length
            if self.expected and total not in (None, self.expected):
                raise Fault(f"has a file of {total} bytes where {self.expected} are right")
            self._append(response, start, total)
        if total is not None and self.size() < total:
            raise ConnectionError(f"connection cut after {self.size()} of {total} bytes")

    def _append(self, response: http.client.HTTPResponse, start: int, total: int | None) -> None:
        with writing(self.part.parent):
            file = open(self.part, "ab" if start else "wb", buffering=0)   # noqa: SIM115 (it closes below)
        with file:
            while chunk := response.read(CHUNK):
                with writing(self.part.parent):
                    while chunk:
                        chunk = chunk[file.write(chunk):]
                self.report(file.tell(), total)


def fetch(entry: Dataset, urls: Iterable[str], folder: Path, downloader: Resuming) -> Path:
    """The archive in `folder`, from the first URL that serves it with the right hash.

    Raises InputError where none does (it says why for each), or the disk is full.
    """
    pooch.get_logger().setLevel("ERROR")   # it would say what the progress bar says
    kind, digest = entry.hash.split(":")
    faults = []
    for url in urls:
        try:
            where = _resolve(url, entry.file)
            for last in (False, True):
                with writing(folder):
                    try:
                        return Path(pooch.retrieve(where, entry.hash, entry.file, folder, downloader=downloader))
                    except InputError:
                        raise
                    except ValueError:   # pooch's: the hash differs; the file is gone by now
                        if last or not downloader.resumed:
                            raise Fault(f"its {kind} is not {digest}: damaged, or another file") from None
        except Fault as fault:
            faults.append(f"{url}: {fault}")
    kept = f"{downloader.size()} bytes are kept and the next run goes on from there; " if downloader.size() else ""
    advice = "try later, name another place with --mirror URL, or give the archive with --file"
    raise InputError(f"{entry.name}: no download worked ({'; '.join(faults)}); {kept}{advice}")


class _Links(HTMLParser):
    def __init__(self, page: str):
        super().__init__()
        self.page, self.found = page, {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (href := dict(attributes).get("href")):
            url = urldefrag(urljoin(self.page, href)).url
            self.found[unquote(url.rpartition("/")[2])] = url


def _resolve(url: str, file: str) -> str:
    """pypi:PROJECT -> the URL of `file` on the project's page of the package index; other URLs as they are."""
    if not url.startswith("pypi:"):
        return url
    page = f"{os.environ.get('PIP_INDEX_URL', INDEX).rstrip('/')}/{url.removeprefix('pypi:')}/"
    try:
        with urlopen(Request(page, headers={"User-Agent": "ipe_sr", "Accept": "text/html"}), timeout=TIMEOUT) as response:
            links = _Links(response.url)
            links.feed(response.read().decode("utf-8", "replace"))
    except HTTPError as error:
        error.close()
        raise Fault(f"HTTP {error.code} {error.reason} at {page}") from None
    except (*PASSING, ValueError) as error:
        raise Fault(f"{error} at {page}") from None
    if file not in links.found:
        raise Fault(f"{page} has no {file}")
    return links.found[file]
