"""The command line: each command is a few lines over the package."""

import contextlib
import os
import statistics
import time
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from ipe_sr import __version__, console, options, plugins
from ipe_sr.console import err, out
from ipe_sr.coursework import commands as course
from ipe_sr.errors import InputError, importing

app = typer.Typer(
    name="ipe-sr", no_args_is_help=True, help="Arbitrary-scale image super-resolution with integrated positional encoding.",
    **console.OPTIONS,
)
app.add_typer(course.app, name="course")

ModelOption = Annotated[str, typer.Option("--model", help="A released model, or a checkpoint (.safetensors, LIIF's .pth).")]
SelfEnsembleOption = Annotated[bool, typer.Option("--self-ensemble", help="Mean over 8 flips and transposes: 8 times as slow.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1, ...")]


def _print_version(asked: bool) -> None:
    if asked:
        out.print(f"ipe-sr {__version__}")
        raise typer.Exit


@app.callback()
def _with_plugins(
    plugin: Annotated[
        list[str] | None,
        typer.Option("--plugin", metavar="MODULE", help="A module or .py file that registers models or encodings of your own."),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Arbitrary-scale image super-resolution with integrated positional encoding."""
    if plugin:
        plugins.add(plugin)


@app.command()
def upscale(
    sources: Annotated[list[str], typer.Argument(
        metavar="IN... [OUT]", help="Pictures, folders, patterns with *; - is stdin. Without --out, the second is the result."
    )],
    output: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder of the results.")] = None,
    scale: Annotated[str | None, typer.Option(help="Factor of at least 1, or two: Y,X. Fractions are fine.")] = None,
    size: Annotated[str | None, typer.Option(help="Exact size in pixels, HxW (height first).")] = None,
    width: Annotated[int | None, typer.Option(min=1, help="In pixels; the height follows.")] = None,
    height: Annotated[int | None, typer.Option(min=1, help="In pixels; the width follows.")] = None,
    fit: Annotated[str | None, typer.Option(help="The largest size within HxW that keeps the aspect ratio.")] = None,
    ending: Annotated[str | None, typer.Option("--format", help="png, jpg, webp, tif or avif; default: IN's.")] = None,
    quality: Annotated[int | None, typer.Option(min=1, max=100, help="Of JPEG, WebP and AVIF.")] = None,
    lossless: Annotated[bool, typer.Option("--lossless", help="Lossless WebP.")] = False,
    strip: Annotated[bool, typer.Option("--strip", help="Leave out all metadata but the colour profile.")] = False,
    suffix: Annotated[str, typer.Option(help="Is appended to the names of results: _large.")] = "",
    skip_existing: Annotated[bool, typer.Option("--skip-existing", help="Leave out pictures that have a result.")] = False,
    max_pixels: Annotated[str | None, typer.Option(help="The most pixels of a picture that is read: 400e6.")] = None,
    model: ModelOption = "ipe-liif-cell",
    fast: Annotated[bool, typer.Option("--fast", help="The model ipe-field: several times as fast, and less sharp.")] = False,
    dtype: Annotated[str, typer.Option(help="fp32 or bf16.")] = "fp32",
    self_ensemble: SelfEnsembleOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Upscale pictures by any factor, or to any exact size: IN OUT, or IN... --out DIR."""
    from ipe_sr.imaging import images
    from ipe_sr.upscaling import Target, command
    from ipe_sr.upscaling.pictures import Settings

    target = Target(
        options.scale_pair(scale) if scale is not None else None,
        options.size(size, "--size") if size is not None else None, width, height,
        options.size(fit, "--fit") if fit is not None else None,
    )
    target.of((1, 1))
    if fast and model not in ("ipe-liif-cell", "ipe-field"):
        raise InputError(f"--fast chooses the model ipe-field; give it without --model {model}")
    model = "ipe-field" if fast else model
    if max_pixels is not None:
        images.set_most_pixels(options.pixels(max_pixels))
    dotted = f".{ending.lower().removeprefix('.')}" if ending is not None else None
    if dotted not in (None, *images.FORMATS):
        raise InputError(f"--format {ending!r} is unknown: use one of {', '.join(name[1:] for name in images.FORMATS)}")
    if os.path.basename(suffix) != suffix:
        raise InputError(f"--suffix {suffix!r}: a name has no {os.sep}")
    settings = Settings(target, model, dtype, device, self_ensemble, images.Encoding(None, quality, lossless), strip)
    if output is not None:
        if not command.many(sources, output, settings, dotted, suffix, skip_existing):
            raise typer.Exit(1)
        return
    if len(sources) > 2 or skip_existing:
        raise InputError("several pictures, and --skip-existing, need --out DIR, the folder of the results")
    command.one(sources[0], sources[1] if len(sources) > 1 else None, settings, dotted, suffix)


@app.command("models")
def list_models() -> None:
    """List the released models: what each is for, its size, and its speed on this machine."""
    from ipe_sr.upscaling import command

    out.print(command.models_table())


@app.command()
def evaluate(
    model: ModelOption,
    data: Annotated[list[str], typer.Option(metavar="SETS", help="By name, or folders, separated by commas.")],
    scales: Annotated[list[str], typer.Option(metavar="FACTORS", help="Separated by commas: 2,3,4.")],
    protocol: Annotated[
        str | None, typer.Option(help="div2k, benchmark, edsr, srcnn or paper-table2; default: the usual one.")
    ] = None,
    ssim: Annotated[str | None, typer.Option(help="SSIM convention: rgb, luma or volume; default: the protocol's.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write every picture's scores here.")] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Also write one row for each picture here.")] = None,
    save: Annotated[Path | None, typer.Option("--save", help="Folder for pictures and error maps.")] = None,
    against: Annotated[str | None, typer.Option(help="Another model: --save gets a page that compares both.")] = None,
    self_ensemble: SelfEnsembleOption = False,
    device: DeviceOption = "auto",
) -> None:
    """PSNR and SSIM of a model on sets of pictures, under a named protocol."""
    from ipe_sr import evaluation, files, inspection, models, render
    from ipe_sr.imaging import datasets, metrics
    from ipe_sr.models import devices
    from ipe_sr.report import scores

    factors = [options.number(text, "--scales") for text in options.listed(scales, "--scales")]
    chosen = options.choice(metrics.PROTOCOLS, protocol, "--protocol")
    if ssim is not None and ssim not in metrics.SSIM_CONVENTIONS:
        raise InputError(f"--ssim {ssim!r} is unknown: use one of {', '.join(metrics.SSIM_CONVENTIONS)}")
    if against is not None and save is None:
        raise InputError("--against needs --save FOLDER, which gets the page")
    renderer = render.self_ensemble if self_ensemble else render.render
    started, names = time.monotonic(), tuple(Path(name or "").name for name in (against, model))
    with contextlib.ExitStack() as stack:
        report = stack.enter_context(files.replacing(json_file)) if json_file else None   # fails before the work, not after
        with files.journal() as events, console.progress() as bar:
            networks = [models.load(name).to(devices.device_named(device)) for name in (against, model) if name is not None]
            unread: list[str] = []
            sets = [datasets.readable(datasets.find(name), unread.append) for name in options.listed(data, "--data")]
            for message in unread:
                console.complain("ipe-sr", f"left out: {message}")
            task = bar.add_task("evaluate", total=sum(len(s.hr) for s in sets) * len(factors) * len(networks))
            look = stack.enter_context(inspection.Inspection(save, csv_file, names))
            *first, found = [
                [
                    score for s in sets for score in
                    evaluation.evaluate(network, s, factors, chosen, ssim, lambda: bar.advance(task), renderer, observe)
                ]
                for network, observe in zip(networks, (look.keep, look.observe)[-len(networks):], strict=True)
            ]
            look.finish(first[0] if first else [], found)
        if report:
            scores.write(scores.record(model, self_ensemble, time.monotonic() - started, found, events), report)
    title = f"{model}, self-ensemble" if self_ensemble else model
    columns = ("data", "scale", "protocol", "LR", "PSNR/dB", "SSIM", "LR-PSNR", "seconds")
    table = Table(*columns, title=title, title_justify="left", box=box.SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    for s in found:
        of_pictures = [row for row in look.rows if (row.data, row.scale) == (s.data, s.scale)]
        kept, seconds = (statistics.fmean(getattr(row, name) for row in of_pictures) for name in ("lr_psnr", "seconds"))
        ours = f"{s.ssim:.4f} ({s.ssim_convention})"
        table.add_row(s.data, f"x{s.scale:g}", s.protocol, s.lr, f"{s.psnr:.2f}", ours, f"{kept:.2f}", f"{seconds:.3f}")
    out.print(table)
    if unread:
        raise typer.Exit(1)


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A released model, or a checkpoint.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write: .onnx, .pt2 or .safetensors.")],
    scale: Annotated[str | None, typer.Option(help="The factor of the file, at least 1.")] = None,
    dynamic: Annotated[bool, typer.Option("--dynamic", help="Any factor: the size becomes a second input.")] = False,
) -> None:
    """Write a model for other programs: ONNX, torch.export, or a field as a network that spandrel loads."""
    from ipe_sr import exporting, models

    if (scale is None) != dynamic:
        raise InputError("give either --scale FACTOR or --dynamic")
    difference = exporting.export(models.load(model), target, None if dynamic else options.number(scale, "--scale"))
    size = target.stat().st_size / 1e6
    out.print(f"{target}: {size:.1f} MB; its results differ by at most {difference:.1e} from the model's")


@app.command()
def train(
    preset: Annotated[str, typer.Argument(metavar="PRESET", help="SCHEDULE-METHOD, such as tiny-ipe-liif.")],
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override an option.")] = None,
    output: Annotated[Path | None, typer.Option("--out", help="Folder of the run; default: .out/train/PRESET.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    devices: Annotated[int, typer.Option(help="How many devices (processes) share a batch.")] = 1,
    threads: Annotated[int | None, typer.Option(help="CPU threads; narrow models are fastest with 1.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Only measure for 30 s: time, memory and disk of the training.")] = False,
) -> None:
    """Train a model by a preset: checkpoints, logs and the finished model go into a folder."""
    from ipe_sr.training import schedules

    chosen = schedules.preset(preset, dict(options.setting(text) for text in settings or []))
    with importing("train", "training"):
        from ipe_sr.training import loop, planning

    if plan:
        if devices != 1:
            raise InputError("--plan measures one device; leave out --devices")
        for line in planning.measure(chosen, accelerator, threads).lines():
            out.print(line)
        return
    folder = output or Path(".out/train") / preset
    with console.progress() as bar:
        task = bar.add_task(preset, total=chosen.schedule.steps)

        def report(step: int, values: dict[str, float]) -> None:
            bar.update(task, completed=step, description=f"{preset}  {step / max(values.get('seconds', 0), 1e-9):.2f} it/s")
            shown = {name: value for name, value in values.items() if name not in ("learning_rate", "seconds")}
            if len(shown) > 1 or not err.is_terminal:
                err.print(f"step {step}  " + "  ".join(f"{k} {v:.4g}" for k, v in shown.items()))

        try:
            finished = loop.train(
                chosen, folder, resume=resume, accelerator=accelerator, devices=devices, threads=threads, progress=report
            )
        except loop.Diverged as error:
            err.print(f"ipe-sr: {error}")
            raise typer.Exit(1) from None
    if finished:   # the first of several processes says so
        out.print(f"{finished}")


@app.command()
def notebooks(
    params: Annotated[str, typer.Option(help="Preset: smoke, teach or paper.")] = "teach",
    only: Annotated[
        list[str] | None, typer.Option(metavar="NUMBERS", help="Of notebooks, separated by commas: 03,04.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="How many notebooks to run at once.")] = 1,
    output: Annotated[Path, typer.Option("--out", help="Folder for executed copies, records and the site.")] = Path(".out"),
    source: Annotated[Path, typer.Option("--notebooks", help="The folder that holds the series.")] = Path("notebooks"),
    parameters: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a parameter.")] = None,
    write_back: Annotated[bool, typer.Option("--write-back", help="Store the outputs in the series itself.")] = False,
    gaps: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Execute nothing; write copies whose central functions are empty.")
    ] = None,
) -> None:
    """Execute the series, check its claims and make a static site of the executed copies."""
    with importing("notebooks", "the series"):
        from ipe_sr.series import gaps as copies
        from ipe_sr.series import run_series, site

    if gaps is not None:
        written = copies.write(source, gaps)
        out.print(f"wrote {len(written)} notebooks to {gaps}")
        return

    plan = run_series.plan(source, params, options.listed(only, "--only"), parameters or [])
    if write_back:
        run_series.check_write_back(plan)
    results = run_series.execute(plan, output, jobs, report=lambda line: out.print(line))
    failed = [result for result in results if result.failure]
    index = site.build(output, source)
    if write_back and not failed:
        run_series.write_back(results)
    out.print(f"open {index}")
    if failed:
        raise typer.Exit(1)


@app.command()
def sweep(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table of tables.yaml: table1 to table4, decoders.")],
    params: Annotated[str, typer.Option(help="Parameter set of tables.yaml: tiny, frozen, small, hour or paper.")] = "tiny",
    jobs: Annotated[int, typer.Option(help="How many cores to use; with --profile, how many jobs to submit at once.")] = 1,
    output: Annotated[
        Path, typer.Option("--out", help="Folder for records and trainings; tables may share one.")
    ] = Path(".out/sweep"),
    source: Annotated[
        Path, typer.Option("--experiments", help="The folder with experiment.ipynb, Snakefile and tables.yaml.")
    ] = Path("notebooks/experiments"),
    profile: Annotated[Path | None, typer.Option(help="A snakemake profile, for SLURM or Kubernetes.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run, and why.")] = False,
) -> None:
    """Run what a table needs and does not have yet; after a kill, the same command goes on."""
    with importing("notebooks,train,sweep", "a sweep"):
        from ipe_sr.sweeps import sweep

    outcome = sweep.sweep(
        source, table, params, output, jobs, profile=profile, dry_run=dry_run, report=lambda line: out.print(line)
    )
    if dry_run:
        return
    for name, failure in outcome.failures.items():
        err.print(f"FAILED {name}: {failure}")
    out.print(f"{outcome.due - len(outcome.failures)} of {outcome.due} runs done; ipe-sr report {output} makes the tables")
    if outcome.failures:
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of one or several sweeps.")],
    series: Annotated[Path, typer.Option(help="Where ipe-sr notebooks put its records, for the ledger.")] = Path(".out"),
    output: Annotated[Path | None, typer.Option("--out", help="Folder of the report; default: DIR/report.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--experiments", help="The folder with tables.yaml; default: at DIR, around it, or in notebooks/ there."),
    ] = None,
) -> None:
    """Tables, comparisons beside the paper's, verdicts, pictures and the ledger of claims: HTML, Markdown and LaTeX."""
    from ipe_sr import report

    out.print(f"open {report.write(report.build(folder, series, source), output or folder / 'report')}")


@app.command("app")
def serve_app(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where the page is served, on this computer alone.")] = 8866,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open it in the browser.")] = True,
) -> None:
    """Enlarge pictures of your own in the browser, on a page that this computer serves."""
    from ipe_sr import app as page

    page.serve(port, browser)


def main() -> None:
    """Entry point."""
    console.run(app, "ipe-sr")
