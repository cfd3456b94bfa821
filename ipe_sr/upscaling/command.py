"""What `ipe-sr upscale` and `ipe-sr models` do and print, once their options are read."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.progress import ProgressColumn, Task, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ipe_sr import console, models
from ipe_sr.console import err, out
from ipe_sr.errors import InputError
from ipe_sr.imaging import images
from ipe_sr.imaging.writing import STREAM
from ipe_sr.upscaling import jobs, pictures
from ipe_sr.upscaling.pictures import Settings

LABELS = {"scale": "x", "size": "", "width": "w", "height": "h", "fit": "fit"}   # of a result that was given no name


class Speed(ProgressColumn):
    """Pictures done, and megapixels of results a second."""

    def render(self, task: Task) -> Text:
        speed = task.fields["megapixels"] / task.elapsed if task.elapsed else 0
        return Text(f"{task.fields['done']}/{task.total:g} pictures  {speed:.2f} MP/s")


def one(source: str, target: str | None, settings: Settings, ending: str | None, suffix: str) -> None:
    """Upscales one picture. target: the result's file; None makes a name beside the picture."""
    path = Path(target) if target else _beside(Path(source), settings, ending, suffix)
    if not target and path.exists() and path.samefile(source):
        raise InputError(f"{source}: its result would replace it; give the result a name")
    if ending:
        kind = images.check_suffix(f"a{ending}")
        settings = replace(settings, encoding=settings.encoding._replace(kind=kind))
    elif path == STREAM:
        settings = replace(settings, encoding=settings.encoding._replace(kind="PNG"))
    with console.progress(TimeRemainingColumn()) as bar:
        task = bar.add_task(source, total=1)
        height, width = pictures.upscale_file(
            source, path, settings=settings, advance=lambda share: bar.advance(task, share)
        )
    err.print(f"model: {settings.model}{' (interpolation)' if settings.model == 'bicubic' else ''}")
    (err if path == STREAM else out).print(f"{path}: {width} x {height} pixels")


def many(sources: Sequence[str], folder: Path, settings: Settings, ending: str | None, suffix: str, skip: bool) -> bool:
    """Upscales pictures into a folder, and prints a summary. Returns whether all went well."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {folder}: is a file; give a folder")
    plan = jobs.plan(sources, folder, settings.encoding, ending, suffix)
    with console.progress(Speed(), TimeRemainingColumn()) as bar:
        task = bar.add_task("upscale", total=len(plan.jobs), done=0, megapixels=0.0)

        def begin(job: jobs.Job, done: int, pixels: int) -> None:
            bar.update(task, description=job.source.name, completed=done, done=done, megapixels=pixels / 1e6)

        outcome = pictures.upscale_all(
            plan.jobs, settings, skip, begin, lambda share: bar.advance(task, share),
            fail=lambda message: console.complain("ipe-sr", message),
        )
    minutes = max(outcome.seconds, 1e-9) / 60
    parts = [f"{_counted(outcome.written)} written"]
    parts += [f"{outcome.skipped} skipped, whose results were there"] if outcome.skipped else []
    parts += [f"{len(outcome.failures)} FAILED"] if outcome.failures else []
    parts += [f"{_counted(plan.others, 'other file')} left alone"] if plan.others else []
    speed = f"{outcome.seconds:.1f} s, {outcome.written / minutes:.1f} pictures a minute" if outcome.written else ""
    err.print(f"model: {settings.model}{' (interpolation)' if settings.model == 'bicubic' else ''}")
    out.print(f"{folder}: {', '.join(parts)}{'; ' + speed if speed else ''}")
    return not outcome.failures


def _counted(number: int, what: str = "picture") -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _beside(source: Path, settings: Settings, ending: str | None, suffix: str) -> Path:
    """photo.jpg, at scale 2.7  ->  photo_x2.7.jpg."""
    if source == STREAM:
        return STREAM
    if not suffix:
        name, value = next((name, value) for name, value in vars(settings.target).items() if value is not None)
        numbers = value if isinstance(value, tuple) else (value,)
        suffix = f"_{LABELS[name]}{('-' if name == 'scale' else 'x').join(f'{number:g}' for number in numbers)}"
    return source.with_name(source.stem + suffix + (ending or jobs.ending_of(source)))


def models_table() -> Table:
    """The released models, what each is for, its size, and its speed on this machine."""
    table = Table("model", "for", "parameters", "seconds a megapixel", title="released models", title_justify="left")
    for name in models.released():
        count, seconds = pictures.measured(name)
        table.add_row(name, models.PURPOSES.get(name, "see weights/README.md"), f"{count:,}", f"{seconds:.2f}")
    return table
