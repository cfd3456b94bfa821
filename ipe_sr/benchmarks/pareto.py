"""Compare quality with time, over whole pictures: `python -m ipe_sr.benchmarks.pareto`.

Each line shows one model: the number of its weights, the seconds that it takes for one picture, encoder included, and its mean
PSNR in dB on a test set. The timed picture has random pixels, because the time does not depend on what it shows. The models
take turns, so that a disturbance of the machine meets all of them; a time is the median of the turns.
A star marks the Pareto frontier: no other model in the table is both faster and better.
"""

from pathlib import Path

import torch

from ipe_sr import evaluation, figures, files, models, options, render
from ipe_sr.benchmarks import command, timing
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets


def frontier(seconds: dict[str, float], psnr: dict[str, float]) -> list[str]:
    """The names that no other name beats in one of the two and equals in the other; the fastest first.

    seconds, psnr: of each name.
    """
    best: list[str] = []
    for name in sorted(seconds, key=lambda name: (seconds[name], -psnr[name])):
        if not best or psnr[name] > psnr[best[-1]]:
            best.append(name)
    return best


def figure(facts: dict) -> figures.Figure:
    """Quality over time, one point for each model, and the frontier as a line of steps.   facts: as `main` writes them."""
    fig, axes = figures.panels(height=3.8)
    ax, best = axes[0, 0], [row for row in facts["rows"] if row["frontier"]]
    ax.step([row["seconds"] for row in best], [row["psnr"] for row in best], where="post", color="0.7", zorder=0)
    for row in facts["rows"]:
        at = row["seconds"], row["psnr"]
        ax.plot(*at, "o", color=figures.COLOURS[0] if row["frontier"] else "0.5")
        shift, side = ((-6, 4), "right") if row["frontier"] else ((6, -10), "left")   # the two kinds keep apart
        ax.annotate(row["model"], at, xytext=shift, textcoords="offset points", fontsize=8, ha=side)
    ax.set_xscale("log")
    ax.margins(x=0.2)
    ax.set(xlabel=f"seconds for {facts['picture']} x{facts['scale']}", ylabel=f"PSNR, dB ({facts['data']} x{facts['scale']})")
    return fig


def main() -> None:
    parser = command.parser(__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names or checkpoints; default: all released")
    parser.add_argument("--data", default="set5", metavar="SET", help="the test set that the PSNR is measured on")
    parser.add_argument("--scale", type=int, default=2, help="the upscaling factor, of the PSNR and of the time")
    parser.add_argument("--lr", default="320x480", metavar="HxW", help="the size of the timed LR picture")
    parser.add_argument("--bf16", action="store_true", help="compute the timed picture in bfloat16")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--rounds", type=int, default=3, help="timed turns of each model")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to this file")
    parser.add_argument("--figure", type=Path, metavar="FILE.pdf", help="also draw the table")
    asked = parser.parse_args()
    if asked.figure and asked.figure.suffix != ".pdf":
        raise InputError(f"--figure {asked.figure}: the figure is a PDF file; give a name that ends in .pdf")
    height, width = options.size(asked.lr, "--lr")
    for path in filter(None, (asked.json, asked.figure)):
        files.check_writable(path)   # fails before the work, not after
    torch.set_num_threads(asked.threads)
    loaded = {Path(name).name: models.load(name) for name in asked.models or models.released()}
    dataset = datasets.find(asked.data)
    lr = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
    size = (height * asked.scale, width * asked.scale)
    dtype = torch.bfloat16 if asked.bf16 else None
    work = {name: lambda model=model: render.render(model, lr, size, dtype) for name, model in loaded.items()}
    seconds = timing.medians(work, asked.rounds)
    psnr = {name: evaluation.evaluate(model, dataset, [asked.scale])[0].psnr for name, model in loaded.items()}
    best = frontier(seconds, psnr)
    rows = [
        {"model": name, "weights": sum(p.numel() for p in loaded[name].parameters()), "seconds": seconds[name],
         "psnr": psnr[name], "frontier": name in best}
        for name in sorted(loaded, key=seconds.get)
    ]
    facts = {
        "machine": timing.machine(), "torch": torch.__version__, "threads": asked.threads, "rounds": asked.rounds,
        "picture": f"{width} x {height}", "scale": asked.scale, "bf16": asked.bf16, "data": asked.data, "rows": rows,
    }
    print(f"{'':2}{'model':24} {'weights':>10} {'seconds':>9} {'PSNR':>7}")
    for row in rows:
        star = "*" if row["frontier"] else ""
        print(f"{star:2}{row['model']:24} {row['weights']:10,} {row['seconds']:9.3f} {row['psnr']:7.2f}")
    if asked.json:
        files.write_json(asked.json, facts)
    if asked.figure:
        with files.replacing(asked.figure) as temporary:
            temporary.write_bytes(figures.pdf(figure(facts)))


if __name__ == "__main__":
    command.run(main)
