"""Unpacking: nothing is written outside the data folder, and an archive is installed completely or not at all."""

import errno
import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from data_world import GOOD, HTTP, NOISE, RIGHT, opened, tarred, zipped

from data_scripts import download, transfer, verify


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    with opened(tmp_path, monkeypatch, capsys) as world:
        yield world


@pytest.mark.parametrize("size", ["known", "unknown"])
@pytest.mark.parametrize("kind", ["sha256", "md5"])
@pytest.mark.parametrize(("file", "make"), [("pictures.zip", zipped), ("pictures.tar.gz", tarred)])
def test_install_and_second_run(world, file, make, kind, size):
    content = make(GOOD)
    digest = f"{kind}:{hashlib.new(kind, content).hexdigest()}"
    world.offer(content, file=file, hash=digest, **({"bytes": None} if size == "unknown" else {}))
    assert "pictures: 2 files installed" in world.works("pictures")
    assert world.installed() == RIGHT
    assert sorted(p.name for p in world.root.iterdir()) == [".installed", ".lock", "set"]
    asked = len(world.site.requests)
    assert "nothing to do" in world.works("pictures")
    assert len(world.site.requests) == asked
    assert "pictures: 2 files, 200006 bytes: complete" in world.works(script=verify)


UNSAFE_NAMES = {
    "../outside.png": "leads outside", "pictures/../../outside.png": "leads outside", "/tmp/outside.png": "absolute path",
    "..\\outside.png": "leads outside", "C:\\outside.png": "absolute path",
}


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("name", UNSAFE_NAMES)
def test_unsafe_names(world, name, make):
    world.offer(make(GOOD | {name: b"evil"}))
    world.fails("pictures", says=f"refused, its entry .*{UNSAFE_NAMES[name]}")
    assert not list(world.root.parent.rglob("outside.png")) and not Path("/tmp/outside.png").exists()


@pytest.mark.parametrize(("make", "kind", "word"), [
    (zipped, stat.S_IFLNK, "symbolic link"), (zipped, stat.S_IFCHR, "device"), (tarred, tarfile.SYMTYPE, "symbolic link"),
    (tarred, tarfile.LNKTYPE, "hard link"), (tarred, tarfile.CHRTYPE, "device"), (tarred, tarfile.FIFOTYPE, "device"),
])
def test_unsafe_kinds(world, make, kind, word):
    content = b"/etc/passwd" if make is zipped else b""
    world.offer(make(GOOD | {"pictures/link": content}, {"pictures/link": kind}))
    world.fails("pictures", says=f"refused, its entry 'pictures/link' is a {word}")


CONTENTS = {"zip": zipped(GOOD), "tar.gz": tarred(GOOD), "tar": tarred(GOOD, mode="w")}


@pytest.mark.parametrize(("kind", "keep"), [
    ("zip", 0.5), ("zip", 0.999), ("tar.gz", 0.5), ("tar.gz", 0.9999), ("tar", 0.5), ("tar", "between"), ("zip", "flip"),
])
def test_truncated_archive_with_the_right_hash(world, kind, keep):
    content = CONTENTS[kind]
    end_of_first = 512 + -(-len(NOISE) // 512) * 512   # where a tar's second file begins: a cut there looks like an end
    content = (
        content[:end_of_first] if keep == "between" else content.replace(NOISE[:9], b"x" * 9) if keep == "flip"
        else content[: int(keep * len(content))]
    )
    world.offer(content)
    world.fails("pictures", says="pictures.zip: damaged or cut short")


def test_archive_of_something_else(world):
    world.offer(zipped({"other/a.png": b""}))
    world.fails("pictures", says="has no pictures, so it is not the archive of pictures")


@pytest.fixture
def small_disk(world):
    """A data folder with room for 320 kB."""
    world.root.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=320k", "tmpfs", world.root], capture_output=True).returncode:
        pytest.skip("mounting a small tmpfs is not allowed here")
    try:
        yield world
    finally:
        subprocess.run(["umount", world.root], check=True)


def test_full_disk_in_download(small_disk):
    small_disk.offer(zipped({"pictures/a.png": NOISE * 3}), bytes=None)
    status, _, err = small_disk.run("pictures")
    assert status == 2 and len(err.splitlines()) == 1 and "the disk is full; free some space" in err
    assert {path.name for path in small_disk.root.rglob("*") if path.is_file()} == {".lock", "pictures.zip.part"}
    assert small_disk.part.stat().st_size > 200_000


def test_full_disk_in_unpacking(small_disk):
    content = zipped({"pictures/a.png": bytes(10**6)}, method=zipfile.ZIP_DEFLATED)
    small_disk.offer(content)
    small_disk.fails("pictures", says="the disk is full; free some space", part=len(content))


def test_full_disk_foreseen(small_disk):
    small_disk.offer(zipped({"pictures/a.png": NOISE * 3}))
    small_disk.fails("pictures", says=r"the disk is full: pictures needs 0.6 MB, 0.3 MB are free")
    assert not small_disk.site.requests


@pytest.mark.parametrize("module", [transfer, download])
def test_full_disk_then_space(world, module, monkeypatch):
    """A disk that is full for a while, without mounting one: the next run continues."""
    class Full(io.FileIO):
        def write(self, data):
            if self.tell() == 150_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data[: 150_000 - self.tell()])

    def full(path, mode, buffering=-1):
        return open(path, mode) if buffering else Full(path, mode)

    world.offer(content := zipped(GOOD))
    with monkeypatch.context() as patch:
        patch.setattr(module, "open", full, raising=False)
        kept = 150_000 if module is transfer else len(content)
        world.fails("pictures", says="the disk is full; free some space, then run the same command again", part=kept)
    world.works("pictures")
    assert world.installed() == RIGHT
    assert world.site.ranges_of(HTTP) == [None, *(["bytes=150000-"] if module is transfer else [])]


def test_something_in_the_way(world):
    world.offer(zipped(GOOD))
    (world.root / "set/HR").mkdir(parents=True)
    (world.root / "set/HR/mine.png").write_bytes(b"mine")
    status, _, err = world.run("pictures")
    assert status == 2 and len(err.splitlines()) == 1 and "in the way" in err
    assert world.installed() == {"set/HR/mine.png": b"mine"} and not world.site.requests


def test_all_destinations_or_none(world):
    """If the second of two destinations cannot be moved into place, the first is removed again."""
    world.offer(zipped(GOOD | {"more/c.png": b"c"}), installs={"set/HR": {"from": "pictures"}, "way/more": {"from": "more"}})
    world.root.mkdir()
    (world.root / "way").write_bytes(b"in the way of a folder")
    status, _, err = world.run("pictures")
    assert status == 2 and len(err.splitlines()) == 1 and "/way: cannot be written (File exists)" in err
    assert {p.name for p in world.root.rglob("*") if p.is_file()} == {".lock", "pictures.zip.part", "way"}
    assert not world.installed()
    (world.root / "way").unlink()
    world.works("pictures")
    assert world.installed() == RIGHT and (world.root / "way/more/c.png").read_bytes() == b"c"
    (world.root / "way/more/c.png").unlink()   # one destination lost: only that one comes back
    assert "1 file installed" in world.works("pictures")
    assert "3 files" in world.works(script=verify)


def test_interrupted(world, monkeypatch):
    """Ctrl-C while unpacking keeps the download; the files of a killed run are removed."""
    def interrupt(*_):
        raise KeyboardInterrupt

    world.offer(content := zipped(GOOD))
    with monkeypatch.context() as patch:
        patch.setattr(download, "_write", interrupt)
        assert world.run("pictures")[0] == 130
    assert [path for path in world.root.rglob("*") if path.is_file() and path.name != ".lock"] == [world.part]
    left = world.root / ".unpacking-pictures/set/HR/a.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left")
    world.works("pictures")
    assert world.installed() == RIGHT and world.site.served == len(content)
    assert sorted(path.name for path in world.root.iterdir()) == [".installed", ".lock", "set"]


@pytest.mark.parametrize("make", [zipped, tarred, lambda files: tarred(files, mode="w")])
def test_random_damage(world, make):
    """An archive with random damage is installed, or refused in one line."""
    original, rng = make({"pictures/a.png": b"a" * 99, "pictures/b.png": b"b" * 99}), np.random.default_rng(0)
    for _ in range(60):
        content = bytearray(original)
        for at in rng.integers(len(content), size=3):
            content[at] = rng.integers(256)
        world.offer(bytes(content))
        status, _, err = world.run("pictures")
        assert (status, len(err.splitlines())) in ((0, 0), (2, 1)), err
        shutil.rmtree(world.root)
