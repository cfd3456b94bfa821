"""A real HTTP server on this machine that fails on demand."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """files: path -> content.   always: path -> an action for every request.   script: path -> actions for the next requests.

    An action is a status, a status with headers (503, {"Retry-After": "1"}), or ("cut", bytes): the connection ends early.
    ranges: whether Range is understood.   requests: (path, Range or None).   served: bytes of content sent.
    """

    def __init__(self):
        self.files, self.script, self.always, self.ranges = {}, {}, {}, True
        self.requests, self.served, self.url = [], 0, ""

    def ranges_of(self, path: str) -> list[str | None]:
        return [asked for where, asked in self.requests if where == path]


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked = self.headers.get("Range")
            site.requests.append((self.path, asked))
            planned = site.script.get(self.path, [])
            action = planned.pop(0) if planned else site.always.get(self.path)
            content = site.files.get(self.path)
            if isinstance(action, int) or (content is None and not action):
                return self.send_error(action or 404)
            if action and action[0] != "cut":
                return self.send_answer(*action)
            start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and site.ranges else 0
            if start and start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                return self.end_headers()
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + action[1] if action else len(content)
            site.served += len(content[start:end])   # before the client can be done
            self.wfile.write(content[start:end])

        def send_answer(self, status, headers):
            self.send_response(status)
            for name, value in ({"Content-Length": "0"} | headers).items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
