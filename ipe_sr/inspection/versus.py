"""A page that compares two models: the mean difference on each set with its interval, and the pictures that differ most."""

import io
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image
from torch import Tensor

from ipe_sr.evaluation import Observation, Score
from ipe_sr.imaging import images
from ipe_sr.inspection.pictures import error_map
from ipe_sr.report import scores, web
from ipe_sr.report.document import Block, Cell, Heading, Paragraph, Picture, Table

DETAIL = 96    # pixels of the result along each side of a detail
SHOWN = 6      # how many pictures the page shows
LARGER = 3     # how many times larger a detail is shown


@dataclass(frozen=True)
class Detail:
    """The part of a picture where two models differ most.   panels: what is shown -> (H, W, 3) uint8."""

    text: str
    difference: float
    panels: dict[str, np.ndarray]


@dataclass
class Versus:
    """Collects details while a second model is evaluated on the pictures of a first one.

    names: of both models.
    """

    names: tuple[str, str]
    details: list[Detail] = field(default_factory=list)

    def observe(self, seen: Observation, other: Tensor) -> None:
        """Called with each picture of the second model.   other: what the first model made of it, (C, H, W)."""
        one, two = ((sr.clamp(0, 1) - seen.hr).square().mean(0) for sr in (other, seen.sr))        # squared errors (H, W)
        if min(one.shape) < 8:
            return
        top, left, rows, columns = busiest((one - two).numpy())
        here = (slice(None), slice(top, top + rows), slice(left, left + columns))
        decibels = 10 * math.log10((one[here[1:]].mean().item() + 1e-8) / (two[here[1:]].mean().item() + 1e-8))
        panels = {name: images.to_pixels(sr[here]) for name, sr in zip(self.names, (other, seen.sr), strict=True)}
        panels |= {"original": images.to_pixels(seen.hr[here])}
        panels |= {
            f"error of {name}": error_map(sr[here], seen.hr[here])
            for name, sr in zip(self.names, (other, seen.sr), strict=True)
        }
        text = f"{seen.score.name} ({seen.data}, x{seen.scale:g}): {decibels:+.2f} dB for {self.names[1]} in this detail"
        self.details.append(Detail(text, abs(decibels), panels))

    def page(self, one: list[Score], two: list[Score]) -> str:
        """The page as HTML.   one, two: the scores of both models, of the same sets and scales."""
        first, second = self.names
        blocks: list[Block] = [
            Heading(f"{second} against {first}", 1),
            Paragraph(f"A positive difference means that {second} is better. The interval is for other pictures of the same "
                      "kind (Student's t over the pictures). One training each: nothing is said about other seeds."),
            _table(first, second, one, two),
            Heading("The details that differ most"),
            Paragraph(f"Each picture's detail is the square of at most {DETAIL} pixels in which the squared errors of both "
                      "models differ most. The error maps show the mean absolute error of the colours: black is 0, yellow "
                      "0.1 or more."),
        ]
        for number, detail in enumerate(sorted(self.details, key=lambda d: -d.difference)[:SHOWN]):
            blocks += [Paragraph(f"{detail.text}. From left to right: {', '.join(detail.panels)}."),
                       Picture(f"detail{number}", in_one_row(list(detail.panels.values())), detail.text)]
        return web.document(blocks)


def busiest(difference: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height and width of the window in which the differences (H, W) add up to the most, in absolute value."""
    rows, columns = (min(DETAIL, n) for n in difference.shape)
    sums = np.pad(difference, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    of_windows = sums[rows:, columns:] - sums[:-rows, columns:] - sums[rows:, :-columns] + sums[:-rows, :-columns]
    top, left = np.unravel_index(np.abs(of_windows).argmax(), of_windows.shape)
    return int(top), int(left), rows, columns


def in_one_row(panels: Iterable[np.ndarray]) -> bytes:
    """Panels of one size beside one another, each pixel enlarged: a PNG."""
    wide = [np.pad(p.repeat(LARGER, 0).repeat(LARGER, 1), ((0, 0), (0, 8), (0, 0)), constant_values=255) for p in panels]
    data = io.BytesIO()
    Image.fromarray(np.concatenate(wide, 1)).save(data, "PNG")
    return data.getvalue()


def _table(first: str, second: str, one: list[Score], two: list[Score]) -> Table:
    rows = []
    for a, b in zip(one, two, strict=True):
        cells = [Cell(b.data), Cell(f"x{b.scale:g}"), Cell(b.protocol), Cell(f"{b.psnr:.2f}"), Cell(f"{a.psnr:.2f}")]
        if len(b.images) > 1:
            mean, interval = scores.difference(b.record(), a.record())
            cells += [Cell(f"{mean:+.3f}"), Cell(f"{interval.low:+.3f} to {interval.high:+.3f}")]
        else:
            cells += [Cell(f"{b.psnr - a.psnr:+.3f}"), Cell("one picture")]
        cells += [Cell(f"{b.ssim - a.ssim:+.4f}")]
        rows.append(tuple(cells))
    header = ("data", "scale", "protocol", f"PSNR of {second} / dB", f"PSNR of {first} / dB", "difference / dB", "95% interval",
              "difference in SSIM")
    return Table("Mean scores and their differences", header, tuple(rows))
