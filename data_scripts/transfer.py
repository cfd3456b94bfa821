"""Download a file over HTTP: retry, resume after a cut connection, try one mirror after another, check the hash."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urljoin

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util import Retry

from data_scripts.catalogue import Dataset, writing
from ipe_sr.errors import InputError, first_line

INDEX = "https://pypi.org/simple"   # PIP_INDEX_URL overrides it, as it does for pip
CHUNK = 1 << 16                     # bytes
TIMEOUT = 30                        # seconds without an answer
LONGEST_WAIT = 60                   # seconds; a server may ask for a longer pause (Retry-After)
TEMPORARY = (408, 429, 500, 502, 503, 504)   # statuses after which the same request may succeed


class Fault(Exception):
    """The reason why one mirror cannot serve the file."""


@dataclass
class Download:
    """Downloads one archive into the file `part`, which survives a failure: the next call continues it.

    retries: how many attempts may follow a failed one that gained no bytes.   backoff: factor of urllib3's waiting times,
    in seconds.   report: called with the bytes so far and the bytes in all (None if unknown).
    """

    entry: Dataset
    part: Path
    retries: int
    backoff: float
    report: Callable[[int, int | None], None] = lambda done, total: None
    _total: int | None = field(default=None, init=False)   # bytes of the whole file, as the last response says

    def fetch(self, urls: Iterable[str]) -> None:
        """Completes `part` from the first URL that serves a file with the right hash.

        Raises InputError with one reason for each URL if none does, and if the disk is full.
        """
        faults = []
        for url in urls:
            try:
                return self._fetch_and_check(self._resolve(url))
            except Fault as fault:
                faults.append(f"{url}: {fault}")
        kept = f"{self._size()} bytes are kept and the next run goes on from there; " if self._size() else ""
        advice = "try later, name another place with --mirror URL, or give the archive with --file"
        raise InputError(f"{self.entry.name}: no download worked ({'; '.join(faults)}); {kept}{advice}")

    def _fetch_and_check(self, url: str) -> None:
        attempts = 2 if self._size() else 1   # what an earlier call kept may belong to another file: then start again
        for _ in range(attempts):
            self._complete(url)
            if self.entry.digest(self.part) == self.entry.hash:
                return
            self.part.unlink()
        kind, _, digest = self.entry.hash.partition(":")
        raise Fault(f"its {kind} is not {digest}: damaged, or another file")

    def _complete(self, url: str) -> None:
        """Requests what is missing until all has arrived. urllib3 retries requests, but not a body that is cut."""
        most, retry = self._size(), self._retry
        while True:
            try:
                return self._receive(url)
            except HTTPError as error:
                if self._size() > most:
                    most, retry = self._size(), self._retry
                    continue
                trouble = f"no data for {TIMEOUT} s" if isinstance(error, ReadTimeoutError) else "connection cut"
                try:
                    retry = retry.increment("GET", url, error=error)
                except HTTPError:   # the retries are used up
                    raise Fault(f"{trouble} after {self._size()} of {self._total or '?'} bytes, {self._times}") from None
                retry.sleep()

    def _receive(self, url: str) -> None:
        """Sends one request and appends what arrives. Raises urllib3's HTTPError if the body is cut."""
        have, expected = self._size(), self.entry.bytes
        if have and have == expected:
            return
        if expected and have > expected:
            self.part.unlink()
            have = 0
        with self._get(url, {"Range": f"bytes={have}-"} if have else {}, (200, 206, 416) if have else (200, 206)) as response:
            found = response.headers.get("Content-Range", "")
            if response.status_code == 416 and found == f"bytes */{have}":   # nothing is missing
                return
            if response.status_code == 416:   # the kept bytes are not the beginning of this file
                self.part.unlink()
                return self._receive(url)
            continues = response.status_code == 206 and found.startswith(f"bytes {have}-")
            if response.status_code == 206 and not continues:
                raise Fault("answers with another range than asked for")
            start, rest = have if continues else 0, response.raw.length_remaining
            self._total = None if rest is None else start + rest
            if expected and self._total not in (None, expected):
                raise Fault(f"has a file of {self._total} bytes where {expected} are right")
            self._append(response, start)

    def _append(self, response: requests.Response, start: int) -> None:
        with writing(self.part.parent):
            file = open(self.part, "ab" if start else "wb", buffering=0)   # noqa: SIM115 (it closes below)
        with file:
            while chunk := response.raw.read1(CHUNK, decode_content=False):   # the bytes as they are, also of a .tar.gz
                with writing(self.part.parent):
                    while chunk:
                        chunk = chunk[file.write(chunk):]
                self.report(file.tell(), self._total)

    def _get(self, url: str, headers: dict[str, str], good: tuple[int, ...]) -> requests.Response:
        """The response to a GET request, its body still to be read. Raises Fault for any status that is not `good`."""
        try:
            response = self._session.get(url, headers=headers, stream=True, timeout=TIMEOUT)
        except requests.ConnectionError as error:
            raise Fault(f"{_reason(error)}, {self._times}") from None
        except requests.RequestException as error:
            raise Fault(_reason(error)) from None
        if response.status_code not in good:
            response.close()
            times = f", {self._times}" if response.status_code in TEMPORARY else ""
            raise Fault(f"HTTP {response.status_code} {response.reason}{times}")
        return response

    def _resolve(self, url: str) -> str:
        """pypi:PROJECT -> the URL of the archive on the project's page of the package index; other URLs unchanged."""
        if not url.startswith("pypi:"):
            return url
        page = f"{os.environ.get('PIP_INDEX_URL', INDEX).rstrip('/')}/{url.removeprefix('pypi:')}/"
        try:
            response = self._get(page, {"Accept": "application/vnd.pypi.simple.v1+json"}, (200,))
            links = {file["filename"]: file["url"] for file in response.json()["files"]}
        except Fault as fault:
            raise Fault(f"{fault} at {page}") from None
        except (requests.RequestException, KeyError, TypeError):
            raise Fault(f"{page} is no list of files in JSON") from None
        if self.entry.file not in links:
            raise Fault(f"{page} has no {self.entry.file}")
        return urljoin(response.url, links[self.entry.file])

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    @property
    def _times(self) -> str:
        return f"{self.retries + 1} times"

    @property
    def _retry(self) -> Retry:
        return Retry(
            total=self.retries, backoff_factor=self.backoff, retry_after_max=LONGEST_WAIT,
            status_forcelist=TEMPORARY, raise_on_status=False,
        )

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.headers.update({"User-Agent": "ipe_sr", "Accept-Encoding": "identity"})   # ranges count the file's own bytes
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=self._retry))
        return session


def _reason(error: BaseException) -> str:
    """The innermost message: requests and urllib3 wrap what the operating system says."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return first_line(error)
