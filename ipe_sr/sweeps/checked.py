"""YAML files that are checked by a JSON schema, whose descriptions become part of the messages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema

from ipe_sr import files
from ipe_sr.errors import InputError


def read(source: Path, schema: Path) -> dict[str, Any]:
    """The content of a YAML file. Raises InputError, naming the file and the key, if the schema does not allow it."""
    content = files.read_yaml(source)
    error = jsonschema.exceptions.best_match(_validator(files.read_yaml(schema)).iter_errors(content))
    if error:
        due = error.schema.get("description", "see the schema")
        raise InputError(f"{source}: {_key(error.absolute_path)}{_wrong(error)}; due: {due}")
    return content


def _validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """JSON schema takes 2.0 for a whole number; numbers of threads and seeds have to be written as such."""
    types = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda checker, value: type(value) is int)
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=types)(schema)


def _key(path: Iterator[str | int]) -> str:
    """Where in the file: tables.table4.rows.LIIF[0]"""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return f"{text}: " if text else ""


def _wrong(error: jsonschema.ValidationError) -> str:
    """What is wrong, in words of ours where the library's are hard to read."""
    if error.validator == "required":
        return f"key {next(key for key in error.validator_value if key not in error.instance)!r} is missing"
    if error.validator == "additionalProperties":
        return f"key {next(key for key in error.instance if key not in error.schema['properties'])!r} is unknown"
    if error.instance in (None, "", [], {}):
        return "it is empty"
    return f"{_short(error.instance)} is not allowed"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
