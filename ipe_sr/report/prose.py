"""The sentences of a report: what a sweep is, how it differs from the paper's runs, and where its numbers come from."""

from pathlib import Path

from ipe_sr import provenance
from ipe_sr.report import paper
from ipe_sr.report.results import Section, Sweep, describe
from ipe_sr.sweeps import records
from ipe_sr.sweeps.records import Record


def title(sweep: Sweep) -> str:
    """The sweep's table and parameter set, and the paper's table that it follows."""
    table = paper.read().tables.get(sweep.table)
    name = sweep.table.replace("table", "Table ")
    return f"{name} ({sweep.params})" + (f", after the paper's \"{table.caption}\"" if table else "")


def counts(sweep: Sweep) -> str:
    """How many runs succeeded, failed and are missing."""
    return f"{len(sweep.runs)} runs ended well, {len(sweep.failed)} failed, {len(sweep.missing)} missing"


def difference(first: str, second: str) -> str:
    """First - second, in words. A second name that holds a sign stands in parentheses."""
    signed = any(sign in second for sign in (" + ", " - "))
    return f"{first} − ({second})" if signed else f"{first} − {second}"


def heading(section: Section) -> str:
    """What the section's networks were trained and scored on."""
    return f"Trained on {section.block}" + (f", scored on {section.data}" if section.data else "")


def scoring(section: Section) -> str:
    """By which protocol and SSIM convention the section is scored; empty if no run has ended well."""
    return "scored by protocol {}, SSIM convention {}".format(*section.scoring) if section.scoring else ""


def notice(section: Section) -> str:
    """How the runs differ from the paper's. Empty if they do not differ, or if the report prints no numbers of the paper."""
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
    protocol, ssim = section.scoring or (section.table.protocol, section.table.ssim)
    if protocol != section.table.protocol:
        found.append(f"scored by protocol {protocol}, where the paper's figures seem to be of {section.table.protocol}")
    if section.table.with_ssim and ssim != section.table.ssim:
        found.append(f"SSIM of convention {ssim}, where the paper's seems to be {section.table.ssim}")
    if not found:
        return ""
    advice = "Compare the order of the rows and the signs of differences, not the levels."
    return f"Not the paper's experiment: {'; '.join(found)}. {advice}"


def remarks(section: Section) -> tuple[str, ...]:
    """What has to be known about the paper's rows, one line for each row of the section that needs it."""
    known = section.table.remarks if section.table else {}
    return tuple(f"{row}: {known[row]}" for row in section.rows if row in known)


def other_code(sweep: Sweep) -> str:
    """A sentence that names the commit behind records made by other code than this package's. Empty for today's code."""
    today = provenance.digest(records.CODE)
    old = [run for run in sweep.runs if run.code_sha256 != today]
    if not old:
        return ""
    days = sorted({run.started[:10] for run in old})
    return (
        f"These runs were made on {' to '.join(dict.fromkeys((days[0], days[-1])))} by other code than this package's, from "
        f"{' and '.join(_commits(old))}. To repeat them exactly, use that code."
    )


def where_from(sweep: Sweep) -> tuple[str, ...]:
    """Where the numbers come from, one line for each fact; a line lists all values if the runs differ."""
    runs = sweep.runs
    trouble = [f"failed: {describe(run)}: {run.failure}" for run in sweep.failed]
    trouble += [f"missing: {describe(place)}" for place in sweep.missing]
    if not runs:
        return (counts(sweep), *trouble)
    hours = sum(sum(run.seconds.values()) for run in runs) / 3600
    conventions = (f"{s['data']}: {s['protocol']}, SSIM {s['ssim_convention']}, LR {s['lr']}" for r in runs for s in r.scores)
    return (
        counts(sweep), *trouble,
        f"seeds: {_listed(*sorted({run.seed for run in runs}))}; training and evaluation took {hours:.2f} h of one process",
        f"code: {_listed(*(run.code_sha256[:12] for run in runs))}, from {' and '.join(_commits(runs))}; "
        f"notebook: {_listed(*(f'{run.notebook} {run.source_sha256[:12]}' for run in runs))}",
        f"device: {_listed(*(run.device for run in runs))}; threads: {_listed(*(run.threads for run in runs))}; "
        f"cores: {_listed(*(run.cores for run in runs))}",
        f"versions: {_listed(*(f'{name} {version}' for run in runs for name, version in run.versions.items()))}",
        f"scored as: {'; '.join(dict.fromkeys(conventions))}",
    )


def origin(series: Path, count: int) -> str:
    """Where the ledger's claims come from.   count: how many of them the series' notebooks made."""
    if not count:
        return (
            f"These claims come from the sweeps only, because {series} holds no record of the notebook series. "
            "ipe-sr notebooks makes one; see --series."
        )
    return (
        f"{count} claims come from the notebooks of the series, as executed into {series}. The others compare the sweeps with "
        "the paper's claims."
    )


def _commits(runs: list[Record] | tuple[Record, ...]) -> list[str]:
    """The commits that made the runs, each once, in words."""
    return list(dict.fromkeys(
        f"commit {run.git['commit'][:12]}{' with uncommitted changes' if run.git['dirty'] else ''}"
        if run.git["commit"] else "an unknown commit" for run in runs
    ))


def _listed(*values: object) -> str:
    return ", ".join(dict.fromkeys(str(value) for value in values)) or "none"
