"""What a report says in words: what a sweep is, how it differs from the paper's runs, and where its figures come from."""

from pathlib import Path

from ipe_sr.report import paper
from ipe_sr.report.results import Section, Sweep, describe


def title(sweep: Sweep) -> str:
    table = paper.read().tables.get(sweep.table)
    name = sweep.table.replace("table", "Table ")
    return f"{name} ({sweep.params})" + (f", after the paper's \"{table.caption}\"" if table else "")


def counts(sweep: Sweep) -> str:
    return f"{len(sweep.runs)} runs ended well, {len(sweep.failed)} failed, {len(sweep.missing)} missing"


def heading(section: Section) -> str:
    return f"Trained on {section.block}" + (f", scored on {section.data}" if section.data else "")


def notice(section: Section) -> str:
    """How the runs differ from the paper's; empty where they do not, or where no figure of the paper's stands beside."""
    if not section.reference:
        return ""
    theirs, runs = paper.read(), [run for run in section.sweep.runs if run.block == section.block and run.checkpoint]
    data = sorted({name for run in runs for name in run.schedule["data"]})
    steps = sorted({run.schedule["steps"] for run in runs})
    found = []
    if data and data != sorted(theirs.data):
        found.append(f"trained on {', '.join(data)}, not on DIV2K")
    if steps and steps != [theirs.steps]:
        found.append(f"for {', '.join(f'{n:,}' for n in steps)} steps, not {theirs.steps:,}")
    if not section.same_data:
        found.append(f"scored on {section.data}, not on DIV2K's validation set")
    if not found:
        return ""
    return f"Not the paper's experiment: {'; '.join(found)}. Compare the order of the rows and the signs, not the figures."


def provenance(sweep: Sweep) -> tuple[str, ...]:
    """Where the figures come from, one line a fact; what differs among runs is listed."""
    def all_of(*values: object) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in values)) or "none"

    runs = sweep.runs
    trouble = [f"failed: {describe(run)}: {run.failure}" for run in sweep.failed]
    trouble += [f"missing: {describe(place)}" for place in sweep.missing]
    if not runs:
        return (counts(sweep), *trouble)
    hours = sum(sum(run.seconds.values()) for run in runs) / 3600
    commits = (f"{(r.git['commit'] or 'unknown')[:12]}{' with changes' if r.git['dirty'] else ''}" for r in runs)
    conventions = (f"{s['data']}: {s['protocol']}, SSIM {s['ssim_convention']}, LR {s['lr']}" for r in runs for s in r.scores)
    return (
        counts(sweep), *trouble,
        f"seeds: {all_of(*sorted({run.seed for run in runs}))}; training and evaluation took {hours:.2f} h of one process",
        f"code: {all_of(*(run.code_sha256[:12] for run in runs))}; commit: {all_of(*commits)}; "
        f"notebook: {all_of(*(f'{run.notebook} {run.source_sha256[:12]}' for run in runs))}",
        f"device: {all_of(*(run.device for run in runs))}; threads: {all_of(*(run.threads for run in runs))}; "
        f"cores: {all_of(*(run.cores for run in runs))}",
        f"versions: {all_of(*(f'{name} {version}' for run in runs for name, version in run.versions.items()))}",
        f"scored as: {'; '.join(dict.fromkeys(conventions))}",
    )


def origin(series: Path, count: int) -> str:
    """Where the ledger's claims come from."""
    if not count:
        return f"Claims of the sweeps only: {series} holds no record of the series (ipe-sr notebooks makes them; see --series)."
    return f"{count} claims of the series' notebooks, as executed into {series}, and what the sweeps say to the paper's claims."
