"""The server behind the page: pictures in, enlargements out. It answers this computer alone.

A page has a key of its own, which it sends with each request. When its tab closes, its picture and its work end.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import tornado.httpserver
import tornado.web

from ipe_sr import models
from ipe_sr.app import FOLDER
from ipe_sr.app.work import ENDINGS, Desk
from ipe_sr.errors import InputError

LARGEST = 512 << 20   # bytes of a picture's file
FORGOTTEN = 120       # seconds without a sign of a page, which shows itself every few seconds, before its work ends
POLICY = "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'"


def run(port: int, ready: Callable[[], None]) -> None:
    """Serves until interrupted.   ready: is called as soon as the page can be opened. Raises OSError if the port is taken."""
    asyncio.run(_run(port, ready))


async def _run(port: int, ready: Callable[[], None]) -> None:
    desks: dict[str, tuple[Desk, float]] = {}
    app = tornado.web.Application([
        (r"/", Page, {"desks": desks}), (r"/picture", Pictures, {"desks": desks}), (r"/enlarge", Enlarge, {"desks": desks}),
        (r"/(before|after)\.png", Shown, {"desks": desks}), (r"/result", Result, {"desks": desks}),
        (r"/close", Close, {"desks": desks}), (r"/(page\.(?:js|css))", tornado.web.StaticFileHandler, {"path": str(FOLDER)}),
    ])
    server = tornado.httpserver.HTTPServer(app, max_body_size=LARGEST, max_buffer_size=LARGEST)
    server.listen(port, "127.0.0.1")
    ready()
    try:
        while True:
            await asyncio.sleep(5)
            for key, (desk, seen) in list(desks.items()):
                if time.monotonic() - seen > FORGOTTEN:
                    del desks[key]
                    desk.close()
    finally:
        for desk, _ in desks.values():
            desk.close()


class Handler(tornado.web.RequestHandler):
    """Base: refuses requests from pages of other servers, and finds the page's desk by its key."""

    def initialize(self, desks: dict[str, tuple[Desk, float]]) -> None:
        self.desks = desks

    def prepare(self) -> None:
        own = ("127.0.0.1", "localhost")
        origin = urlsplit(self.request.headers.get("Origin", f"//{self.request.host}")).netloc
        if self.request.host_name not in own or origin != self.request.host:
            raise tornado.web.HTTPError(403)

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Cache-Control", "no-store")

    def desk(self) -> Desk:
        key = self.get_query_argument("key")
        if key not in self.desks:
            raise tornado.web.HTTPError(404)
        desk = self.desks[key][0]
        self.desks[key] = desk, time.monotonic()
        return desk

    def answer(self, action: Callable[[], object]) -> None:
        """Writes what the action returns as JSON, or the one line of its InputError."""
        try:
            self.write(json.dumps(action() or {}))
        except InputError as error:
            self.write(json.dumps({"error": str(error)}))


class Page(Handler):
    def get(self) -> None:
        key = secrets.token_urlsafe(16)
        self.desks[key] = Desk(), time.monotonic()
        names = [name for name in models.released() if not models.PURPOSES.get(name, "").startswith(models.COMPARISON)]
        names.sort(key=lambda name: name != "ipe-field-light")   # the fast one first
        options = [(name, models.PURPOSES.get(name, "")) for name in [*names, "bicubic"]]
        self.render(str(FOLDER / "page.html"), key=key, models=options, formats=list(ENDINGS))


class Pictures(Handler):
    async def post(self) -> None:
        desk, name, data = self.desk(), unquote(self.request.headers.get("X-Name", "picture")), self.request.body
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(None, desk.open, name, data)
        except InputError as error:
            answer = {"error": str(error)}
        self.write(json.dumps(answer))


class Enlarge(Handler):
    def post(self) -> None:
        desk = self.desk()
        self.answer(lambda: desk.enlarge(json.loads(self.request.body)))

    def get(self) -> None:
        current = self.desk().current
        self.answer(lambda: current and current.state())


class Shown(Handler):
    def get(self, name: str) -> None:
        path = Path(self.desk().folder.name) / f"{name}.png"
        if not path.exists():
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", "image/png")
        self.write(path.read_bytes())


class Result(Handler):
    async def get(self) -> None:
        desk = self.desk()
        path = desk.result()
        if path is None:
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", "application/octet-stream")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{quote(desk.current.name)}")
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                self.write(block)
                await self.flush()


class Close(Handler):
    def post(self) -> None:
        desk, _ = self.desks.pop(self.get_query_argument("key"), (None, 0))
        if desk:
            desk.close()
