"""The plan of a sweep: which runs a table of `tables.yaml` asks for. Everything that can be wrong with them is found here.

Nothing in this module imports torch, so that `ipe-sr sweep --dry-run` answers at once.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ipe_sr import files, plugins, provenance
from ipe_sr.errors import InputError
from ipe_sr.imaging import datasets
from ipe_sr.models import configs
from ipe_sr.series import documents
from ipe_sr.sweeps import checked, experiments, records
from ipe_sr.sweeps.records import Place, Record
from ipe_sr.training import schedules

NOTEBOOK, TABLES, SCHEMA = "experiment.ipynb", "tables.yaml", "tables.schema.yaml"
DATA = "IPE_SR_DATA"


def make(folder: Path, table: str, params: str) -> dict[str, Any]:
    """The plan of one table with one parameter set, as JSON data.

    folder: holds the notebook, the Snakefile, `tables.yaml` and its schema.
    Returns {"table", "params", "caption", "notebook": {"name", "sha256", "path"}, "code_sha256", "environment", "threads",
    "resources", "runs"}. "environment" holds variables that a run needs on whatever machine it starts. "runs" maps names to
    {"place", "parameters", "schedule", "model"}. Raises InputError for bad input.
    """
    source = folder / TABLES
    tables = read_tables(folder)
    wanted = _entry(tables["tables"], "table", table, source)
    chosen = _entry(tables["params"], "parameter set", params, source)
    notebook = {"name": NOTEBOOK, "sha256": provenance.notebook_digest(documents.read(folder / NOTEBOOK))}
    runs: dict[str, Any] = {}
    for place, parameters in _requests(wanted, chosen, table, params, source):
        with _naming(source, place):
            experiment = experiments.prepare(**parameters)
        name = _name(experiment.preset.name, parameters)
        if name in runs:
            raise InputError(f"{source}: tables.{table} asks twice for {name}; remove one of the rows or methods")
        full = vars(experiment.place(**place))
        runs[name] = {"place": full, "parameters": parameters, **schedules.resolved(experiment.preset)}
    return {
        "table": table, "params": params, "caption": wanted["caption"],
        "notebook": notebook | {"path": str((folder / NOTEBOOK).resolve())}, "code_sha256": provenance.digest(records.CODE),
        "environment": _environment(),
        "threads": chosen["threads"], "resources": chosen["resources"], "runs": runs,
    }


def up_to_date(record: Record, plan: dict[str, Any], name: str) -> bool:
    """Whether a record is of this run of the plan, made by the same code with the same resolved options."""
    run = plan["runs"][name]
    made = {"schedule": record.schedule, "model": record.model, "parameters": record.parameters}
    by = {"name": record.notebook, "sha256": record.source_sha256}, record.code_sha256
    due = {key: plan["notebook"][key] for key in ("name", "sha256")}, plan["code_sha256"]
    return record.place == Place(**run["place"]) and made == {key: run[key] for key in made} and by == due


def read_tables(folder: Path) -> dict[str, Any]:
    """The content of `tables.yaml`. Raises InputError, naming the file and the key, if its schema does not allow it."""
    source = folder / TABLES
    if not source.is_file():
        raise InputError(f"{source}: no such file; run this in a checkout, or give --experiments FOLDER")
    tables = checked.read(source, folder / SCHEMA)
    for params, chosen in tables["params"].items():
        if unknown := sorted(chosen["tables"].keys() - tables["tables"].keys()):
            known = ", ".join(tables["tables"])
            raise InputError(f"{source}: params.{params}.tables: table {unknown[0]!r} is unknown; due: one of {known}")
        for table, here in chosen["tables"].items():
            labels = tables["tables"][table]["rows"]
            if unknown := [row for row in here.get("rows", []) if row not in labels]:
                raise InputError(
                    f"{source}: params.{params}.tables.{table}.rows: row {unknown[0]!r} is unknown; "
                    f"due: rows of tables.{table}, which are {', '.join(labels)}"
                )
    return tables


def _entry(known: dict[str, Any], what: str, name: str, source: Path) -> dict[str, Any]:
    if name not in known:
        raise InputError(f"{what} {name!r} is unknown in {source}: use one of {', '.join(known)}")
    return known[name]


def _requests(
    wanted: dict[str, Any], chosen: dict[str, Any], table: str, params: str, source: Path
) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Yields (place, parameters of the notebook) for each run of a table."""
    if table not in chosen["tables"]:
        known = ", ".join(chosen["tables"])
        raise InputError(f"{source}: params.{params}.tables: key {table!r} is missing; {params} has {known}")
    here = chosen["tables"][table]
    sets = [*here["data"], *(name for name in here["optional"] if _present(name))]
    for block, options in wanted["blocks"].items():
        settings = chosen["settings"] | options.get("settings", {})
        schedule = chosen["schedule"] + options["range"]
        if schedule not in schedules.names():
            raise InputError(
                f"{source}: tables.{table}.blocks.{block}.range: with the schedule {chosen['schedule']!r} of params.{params} "
                f"it makes {schedule!r}, which is unknown; due: one of {', '.join(schedules.names())}"
            )
        for row, content in wanted["rows"].items():
            if row not in here.get("rows", wanted["rows"]):
                continue
            place = {"table": table, "block": block, "row": row, "params": params}
            changed = content if isinstance(content, dict) else {"methods": content}
            own = settings | changed.get("settings", {})
            for method in changed["methods"]:
                if method not in configs.methods():
                    known = ", ".join(configs.methods())
                    raise InputError(f"{source}: tables.{table}.rows.{row}: method {method!r} is unknown; due: one of {known}")
                with _naming(source, place):
                    preset = schedules.preset(f"{schedule}-{method}", own)
                fixed = experiments.fixed_scale(preset)
                count = changed.get("seeds", len(here["seeds"])) if preset.model.trainable else 1   # all would give the same
                common = {"preset": preset.name, "settings": own, "data": sets, "threads": chosen["threads"]}
                common["scoring"] = wanted.get("scoring", {})
                for seed in here["seeds"][:count]:
                    yield place, common | {"scales": [fixed] if fixed else options["scales"], "seed": seed}


@contextlib.contextmanager
def _naming(source: Path, place: dict[str, str]) -> Iterator[None]:
    """Adds the file and the run to the message of an InputError."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{source}: {place['table']} with {place['params']}, row {place['row']!r}: {error}") from None


def _environment() -> dict[str, str]:
    """The variables of this process that a run needs, with absolute paths: it starts in another folder."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    found = {
        DATA: str(files.data_root().resolve()),
        plugins.PLUGINS: os.environ.get(plugins.PLUGINS),
        "PYTHONPATH": os.pathsep.join(os.path.abspath(path) for path in given if path),
    }
    return {name: value for name, value in found.items() if value}


def _present(name: str) -> bool:
    try:
        return bool(datasets.find(name))
    except InputError:
        return False


def _name(preset: str, parameters: dict[str, Any]) -> str:
    """PRESET-seedN. With settings, a short hash of them is inserted, so that different trainings get different folders."""
    mark = hashlib.sha256(json.dumps(parameters["settings"], sort_keys=True).encode()).hexdigest()[:6]
    return f"{preset}{f'-{mark}' if parameters['settings'] else ''}-seed{parameters['seed']}"
