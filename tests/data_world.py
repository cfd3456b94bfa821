"""A data folder, a catalogue and a server that fails on demand, for the tests of the data scripts."""

import contextlib
import hashlib
import io
import re
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from faulty_server import serving

from data_scripts import catalogue, download, prepare
from data_scripts.download import LOCK
from ipe_sr import console

HTTP, NOISE = "/pictures.zip", np.random.default_rng(0).bytes(200_000)
GOOD = {"pictures/a.png": NOISE, "pictures/sub/b.png": b"second", "pictures/._a.png": b"a Mac's", "README": b"not installed"}
RIGHT = {"set/HR/a.png": NOISE, "set/HR/sub/b.png": b"second"}   # what of it is installed, and where


def zipped(files: dict[str, bytes], kinds: dict[str, int] | None = None, method: int = zipfile.ZIP_STORED) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", method) as bundle:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.external_attr = ((kinds or {}).get(name, stat.S_IFREG) | 0o644) << 16
            bundle.writestr(info, content)
    return buffer.getvalue()


def tarred(files: dict[str, bytes], kinds: dict[str, bytes] | None = None, mode: str = "w:gz") -> bytes:
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode=mode) as bundle:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = (kinds or {}).get(name, tarfile.REGTYPE), len(content), "/etc/passwd"
            bundle.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class World:
    """A server, a catalogue of its archives, a data folder, and the scripts."""

    def __init__(self, site, folder: Path, monkeypatch, capsys):
        self.site, self.root, self.file = site, folder / "data", folder / "datasets.yaml"
        self.monkeypatch, self.capsys, self.raw = monkeypatch, capsys, {}
        monkeypatch.setattr(catalogue, "FILE", self.file)
        self.part = self.root / ".downloads" / "pictures.zip.part"

    def offer(self, content: bytes, name: str = "pictures", serve: bool = True, **changes) -> None:
        file = changes.get("file", "pictures.zip")
        if serve:
            self.site.files[f"/{file}"] = content
        self.raw[name] = {
            "title": "some", "urls": [f"{self.site.url}/{file}"], "file": file, "bytes": len(content), "licence": "none",
            "hash": f"sha256:{hashlib.sha256(content).hexdigest()}", "installs": {"set/HR": {"from": "pictures"}},
        } | changes
        self.file.write_text(yaml.safe_dump(self.raw), encoding="utf-8")

    def run(self, *arguments, script=download) -> tuple[int, str, str]:
        options = ["--out", str(self.root)] if script is not prepare else []
        options += ["--retries", "2", "--backoff", "0"] if script is download else []
        self.monkeypatch.setattr(sys, "argv", ["script", *options, *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            console.run(script.app, script.__name__.rpartition(".")[2])
        return caught.value.code, *self.capsys.readouterr()

    def works(self, *arguments, script=download) -> str:
        status, out, err = self.run(*arguments, script=script)
        assert (status, err) == (0, "")
        return out

    def fails(self, *arguments, says: str, script=download, part: int | None = None) -> None:
        """Status 2 and one line that matches. Beside the lock, the data folder holds only the part, of so many bytes."""
        status, _, err = self.run(*arguments, script=script)
        print(err)   # pytest -rP shows them: the table in data_scripts/README.md
        assert status == 2 and err.endswith("\n") and len(err.splitlines()) == 1, err
        assert re.search(says, err), err
        if script is download:
            left = {path: path.stat().st_size for path in self.root.rglob("*") if path.is_file() and path.name != LOCK}
            assert left == ({} if part is None else {self.part: part})
            assert part is not None or {path.name for path in self.root.glob("*")} <= {LOCK}

    def installed(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.root)): p.read_bytes() for p in sorted((self.root / "set").rglob("*")) if p.is_file()}


@contextlib.contextmanager
def opened(tmp_path: Path, monkeypatch, capsys) -> Iterator[World]:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with serving() as site:
        yield World(site, tmp_path, monkeypatch, capsys)
