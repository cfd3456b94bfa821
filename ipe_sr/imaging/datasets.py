"""Evaluation sets: where their pictures are and how their LR inputs are made."""

import dataclasses
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ipe_sr import files
from ipe_sr.errors import InputError
from ipe_sr.imaging import images, resample, samples

SUFFIXES = set(images.FORMATS) | {".bmp"}


@dataclass(frozen=True)
class Known:
    """A named set, and where it is below the data folder.

    folder: holds HR pictures, or HR/ and LR_bicubic/X2, X3, ...   protocol: the one that papers use for this set.
    lr: the folder that holds X2, X3, ... if it is not in `folder`.
    """

    folder: str
    protocol: str
    lr: str = ""


KNOWN = {
    "set5": Known("benchmark/Set5", "benchmark"),
    "set14": Known("benchmark/Set14", "benchmark"),
    "b100": Known("benchmark/B100", "benchmark"),
    "urban100": Known("benchmark/Urban100", "benchmark"),
    "kodak": Known("kodak", "benchmark"),
    "photos-train": Known("photos/train", "div2k"),
    "photos-valid": Known("photos/valid", "div2k"),
    "bsds-train": Known("bsds/train", "benchmark"),
    "bsds-test": Known("bsds/test", "benchmark"),
    "div2k-train": Known("DIV2K/DIV2K_train_HR", "div2k"),
    "div2k-valid": Known("DIV2K/DIV2K_valid_HR", "div2k", lr="DIV2K/DIV2K_valid_LR_bicubic"),
}
HELD_OUT = ("chelsea", "coffee")
SAMPLES = {   # photographs that need no download: all of them, and a split for small trainings
    "samples": tuple(samples.PHOTOS),
    "samples-train": tuple(name for name in samples.PHOTOS if name not in HELD_OUT),
    "samples-valid": HELD_OUT,
}


@dataclass(frozen=True)
class ImageSet:
    """The files of an evaluation set.

    name: the text that was given.   hr: picture files, sorted.   lr: the folder with X2, X3, ..., or None.
    protocol: the name of the usual one.   pairs: the folder LR of real pairs, whose files have the names of the HR files and
    one scale; or None.
    """

    name: str
    hr: tuple[Path, ...]
    lr: Path | None
    protocol: str
    pairs: Path | None = None


def find(data: str | os.PathLike) -> ImageSet:
    """An evaluation set by name, or from a folder that holds pictures, or HR/ and perhaps LR_bicubic/X2, X3, ...

    NAME:COUNT is a part of a named set: COUNT of its pictures, evenly spaced in the order of their names.
    A folder with HR/ and LR/ holds pairs: the LR pictures are always those, and the scale is theirs.
    Raises InputError for an unknown name, for a folder that is missing or has no pictures, and for a COUNT above their number.
    """
    name, _, count = str(data).partition(":")
    if name.lower() in SAMPLES.keys() | KNOWN.keys() and not Path(data).is_dir():
        name = name.lower()
        data = f"{name}:{count}" if count else name
    if count and name in {**KNOWN, **SAMPLES}:
        return _part(find(name), str(data), count)
    if str(data) in SAMPLES:
        return ImageSet(str(data), tuple(samples.path(name) for name in SAMPLES[str(data)]), None, "div2k")
    known = KNOWN.get(str(data))
    folder = files.data_root() / known.folder if known else Path(data)
    if not folder.is_dir():
        if known:
            hint = "download it (see data_scripts), or set IPE_SR_DATA to the folder that has it"
            raise InputError(f"data set {data!r} is not at {folder}; {hint}")
        raise InputError(f"data {str(data)!r} is neither a folder nor one of {', '.join([*KNOWN, *SAMPLES])}")
    hr = folder / "HR" if (folder / "HR").is_dir() else folder
    visible = (path for path in hr.iterdir() if not path.name.startswith("."))   # a Mac leaves ._NAME beside NAME
    pictures = tuple(sorted(path for path in visible if path.suffix.lower() in SUFFIXES))
    if not pictures:
        raise InputError(f"{hr}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    lr = files.data_root() / known.lr if known and known.lr else folder / "LR_bicubic"
    pairs = folder / "LR" if hr != folder and (folder / "LR").is_dir() else None
    return ImageSet(str(data), pictures, lr if lr.is_dir() else None, known.protocol if known else "benchmark", pairs)


def readable(dataset: ImageSet, fail: Callable[[str], None]) -> ImageSet:
    """The set without the pictures that cannot be read.   fail: is called with a line for each of them.

    Raises the InputError of the last one if none is left.
    """
    kept, errors = [], []
    for path in dataset.hr:
        try:
            images.read(path)
        except InputError as error:
            errors.append(error)
        else:
            kept.append(path)
    if not kept:
        raise errors[-1]
    for error in errors:
        fail(str(error))
    return dataclasses.replace(dataset, hr=tuple(kept))


def _part(whole: ImageSet, name: str, count: str) -> ImageSet:
    n = len(whole.hr)
    if not (count.isdecimal() and 1 <= int(count) <= n):
        raise InputError(f"data {name!r}: {whole.name} has {n} pictures, so what follows the colon is a number from 1 to {n}")
    chosen = tuple(whole.hr[i * n // int(count)] for i in range(int(count)))
    return dataclasses.replace(whole, name=name, hr=chosen)


def file(path: str | os.PathLike) -> Path:
    """A file by its path, or by its path in the data folder (weights/edsr-baseline-liif.pth). Its use is noted in the journal.

    Raises InputError if there is no such file in either place.
    """
    places = (Path(path), files.data_root() / path)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(f"{path}: no such file, here or in the data folder {files.data_root()}")
    files.note_use(found)
    return found


def twins(pictures: Iterable[Path]) -> tuple[Path, Path] | None:
    """The first two pictures that share a name and differ only in suffix or folder; None if all names differ."""
    seen: dict[str, Path] = {}
    for path in pictures:
        if path.stem in seen:
            return seen[path.stem], path
        seen[path.stem] = path
    return None


def pair(dataset: ImageSet, path: Path, scale: float) -> tuple[np.ndarray, np.ndarray, str]:
    """(LR, HR, origin of the LR) of one picture: (h, w, C) and (H, W, C) uint8, C = 1 or 3, H = round(h * scale).

    Up to x4, LR is the set's own file (made by MATLAB) if there is one, else it is resampled exactly as by MATLAB. Beyond x4
    it is PIL's bicubic, as in LIIF's code. HR is cropped at the bottom and right to the area that LR covers.
    origin: "provided", "matlab" or "pil". Raises InputError for an unreadable picture, for one that is too small for the
    scale, and for an LR file of another size.
    """
    hr = colours(path)
    provided = _provided(dataset, path, scale)
    if provided:
        lr = colours(provided)
        if not all(map(_covers, lr.shape[:2], hr.shape[:2], (scale, scale))):
            found, due = (f"{h}x{w}" for h, w in (lr.shape[:2], (int(n / scale) for n in hr.shape[:2])))
            raise InputError(f"{provided}: has {found} pixels (height x width), where x{scale:g} of {path} has about {due}")
        if lr.shape[2] != hr.shape[2]:   # a gray picture stored once as gray and once as RGB
            lr, hr = (np.broadcast_to(a, (*a.shape[:2], 3)) for a in (lr, hr))
        return lr, crop(hr, lr.shape[:2], scale), "provided"
    hr, lr_size = fit(path, hr, scale)
    if scale <= 4:
        return resample.imresize(hr, lr_size), hr, "matlab"
    return pil_bicubic(hr, lr_size), hr, "pil"


def pil_bicubic(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 1 or 3) uint8 resized by PIL's bicubic: (*size, 1 or 3)."""
    picture = Image.fromarray(pixels.squeeze(-1) if pixels.shape[2] == 1 else pixels)
    return np.array(picture.resize(size[::-1], Image.Resampling.BICUBIC)).reshape(*size, -1)


def _covers(small: int, large: int, scale: float) -> bool:
    """Whether `small` LR pixels at this scale cover `large` HR pixels but for the margin that the makers of sets cut off."""
    return 0.9 * large < (small + 1) * scale and small * scale < large + scale


def fit(path: Path, hr: np.ndarray, scale: float) -> tuple[np.ndarray, tuple[int, int]]:
    """HR cropped to the area that whole LR pixels cover, and the LR size. Raises InputError if not one LR pixel fits.

    path: the picture's file, for the message.
    """
    lr_size = tuple(int(n / scale + 1e-9) for n in hr.shape[:2])
    if 0 in lr_size:
        raise InputError(f"{path}: too small for scale {scale:g}")
    return crop(hr, lr_size, scale), lr_size


def crop(hr: np.ndarray, lr_size: tuple[int, int], scale: float) -> np.ndarray:
    """(H, W, C) cropped at the bottom and right to the area that LR of this size covers."""
    return hr[: round(lr_size[0] * scale), : round(lr_size[1] * scale)]


def colours(path: Path) -> np.ndarray:
    """A picture file as (H, W, 1 or 3) uint8, without alpha. The use of the file is noted in the journal."""
    pixels = images.to_depth(images.read(path).pixels, np.uint8)
    files.note_use(path)
    return pixels[..., : 1 if pixels.shape[2] < 3 else 3]


def _provided(dataset: ImageSet, path: Path, scale: float) -> Path | None:
    if dataset.pairs is not None:
        if not (partner := dataset.pairs / path.name).is_file():
            raise InputError(f"{path}: has no partner {partner}")
        return partner
    if dataset.lr is None or scale > 4 or scale != int(scale):
        return None
    folder = dataset.lr / f"X{int(scale)}"
    candidates = [folder / f"{path.stem}x{int(scale)}.png", folder / path.name]
    return next((candidate for candidate in candidates if candidate.is_file()), None)
