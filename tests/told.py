"""Whether what a test's flows have promised to tell is what the catalogue says of it."""

from collections.abc import Iterator
from functools import cache

import psycopg
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from shared.notice_catalogue import catalogue


@cache
def validator(type_: str) -> Draft202012Validator:
    """Of the whole body, with its formats."""
    schema = catalogue()[type_].schema
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def faults(document: dict[str, object]) -> list[str]:
    """What is wrong with a body; nothing, when it is as the catalogue says."""
    found = best_match(validator(str(document["type"])).iter_errors(document))
    return [f"{document['type']} {found.json_path}: {found.message}"] if found else []


def wrongly_told(database_url: str) -> Iterator[str]:
    """Of all notifications in this database."""
    with psycopg.connect(database_url) as conn:
        rows = conn.execute("select type, created_at, data from notifications").fetchall()
    for type_, created_at, data in rows:
        yield from faults({"type": type_, "timestamp": created_at.isoformat(), "data": data})
