"""What the page's server keeps: for each open page one picture, and the enlargement that is being made of it."""

import io
import math
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ipe_sr import models
from ipe_sr.errors import InputError
from ipe_sr.imaging import images, quiet
from ipe_sr.imaging.images import Encoding, Picture
from ipe_sr.upscaling import Target, pictures
from ipe_sr.upscaling.pictures import Settings

SHOWN = 2400   # pixels of the longer side of what the page shows; the download has all
ENDINGS = {"PNG": ".png", "JPEG": ".jpg", "WebP": ".webp", "TIFF": ".tif", "AVIF": ".avif"}


class Stopped(Exception):
    """The page was closed, or another enlargement was asked for."""


@dataclass
class Enlargement:
    """share: that is done, 0 to 1.   made: the size (H, W) of the result.   error: a line for the reader."""

    name: str
    started: float = field(default_factory=time.monotonic)
    share: float = 0.0
    made: tuple[int, int] | None = None
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    stopped: bool = False

    def state(self) -> dict[str, Any]:
        """For the page, as JSON data."""
        spent = time.monotonic() - self.started
        left = spent * (1 - self.share) / self.share if 0 < self.share < 1 else None
        return {"share": self.share, "left": left, "made": self.made, "error": self.error, "notes": self.notes,
                "name": self.name}


class Desk:
    """The work of one open page. `close` ends it and removes its files."""

    computer = ThreadPoolExecutor(1)   # one enlargement at a time uses the whole processor

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ipe_sr-")
        self.picture: Picture | None = None
        self.name = ""
        self.current: Enlargement | None = None

    def open(self, name: str, data: bytes) -> dict[str, Any]:
        """Takes a picture from the bytes of a file. Raises InputError if they are no picture."""
        self._stop()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            self.picture, self.name = images.decode(data, Path(name).name or "picture"), Path(name).name or "picture"
        self.show(self.picture, "before.png")
        height, width = self.picture.pixels.shape[:2]
        return {"name": self.name, "width": width, "height": height, "notes": [str(each.message) for each in said]}

    def enlarge(self, asked: dict[str, Any]) -> None:
        """Begins an enlargement.   asked: "model", "format", and one of "scale", "width" and "height", as the page sends them.

        Raises InputError for what cannot be made.
        """
        if self.picture is None:
            raise InputError("choose a picture first")
        self._stop()
        if asked.get("model") not in models.released() or asked.get("format") not in ENDINGS:
            raise InputError("choose a model and a format of the list")
        try:
            numbers = {key: float(asked[key]) for key in ("scale", "width", "height") if asked.get(key)}
        except (TypeError, ValueError):
            raise InputError("the scale and the size are numbers") from None
        if not all(math.isfinite(number) and 1 <= number <= 1e6 for number in numbers.values()):
            raise InputError("the scale is at least 1, and a size at least that of the picture")
        target = Target(numbers.get("scale"), None, *(int(numbers[k]) if k in numbers else None for k in ("width", "height")))
        settings = Settings(target, asked["model"], encoding=Encoding(images.FORMATS[ENDINGS[asked["format"]]]))
        size = target.of(self.picture.pixels.shape[:2])
        out = Path(self.folder.name) / f"result{ENDINGS[asked['format']]}"
        images.check_target(out, (*size, self.picture.pixels.shape[2]), self.picture.pixels.dtype)
        self.current = Enlargement(f"{Path(self.name).stem}_{size[1]}x{size[0]}{out.suffix}")
        self.computer.submit(self._make, self.current, self.picture, out, settings)

    def _make(self, work: Enlargement, picture: Picture, out: Path, settings: Settings) -> None:
        def advance(share: float) -> None:
            if work.stopped:
                raise Stopped
            work.share = min(1.0, work.share + share)

        try:
            advance(0)
            work.started = time.monotonic()
            made = pictures.enlarged_file(Path(self.name), out, picture, models.cached(settings.model), settings, advance)
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                images.write(out, made)
            work.notes += [str(each.message).removeprefix(f"{out}: ") for each in said]
            self.show(made, "after.png")
            work.made, work.share = made.pixels.shape[:2], 1.0
        except Stopped:
            pass
        except InputError as error:
            work.error = str(error)
        except Exception:   # the page must hear of it, and the traceback goes to the terminal
            work.error = "an error within ipe_sr; the terminal shows it"
            raise

    def result(self) -> Path | None:
        """The file to download, if it is done."""
        done = self.current is not None and self.current.made is not None
        return next(Path(self.folder.name).glob("result.*"), None) if done else None

    def show(self, picture: Picture, name: str) -> None:
        """Stores what the page shows of a picture: a PNG of 8 bits with its profile, of at most `SHOWN` pixels a side."""
        with quiet.libraries():
            image = images.to_pil(Picture(images.to_depth(picture.pixels, "uint8"), picture.icc))
            image.thumbnail((SHOWN, SHOWN))
            file = io.BytesIO()
            image.save(file, "PNG", icc_profile=picture.icc, compress_level=1)
            (Path(self.folder.name) / name).write_bytes(file.getvalue())

    def close(self) -> None:
        self._stop()
        self.picture = None
        self.folder.cleanup()

    def _stop(self) -> None:
        if self.current:
            self.current.stopped = True
        self.current = None
        for path in Path(self.folder.name).glob("result.*"):
            path.unlink()
