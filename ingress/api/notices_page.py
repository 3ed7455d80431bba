"""The page ops/docs/notifications.md: the catalogue of notifications for people. `python -m ingress.api` writes it."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from shared.notice_catalogue import IGNORING, VERSIONING, NoticeType, catalogue
from shared.notice_schemas import Schema

COPY: Final = Path(__file__).parents[2] / "ops" / "docs" / "notifications.md"
_HEAD: Final = """# Notifications
Made from the catalogue (`shared/notice_catalogue.py`) by `python -m ingress.api`; a test fails while this page is old.

A notification is one POST of `{type, timestamp, data}` after [Standard Webhooks](https://www.standardwebhooks.com). The JSON
Schemas of the whole bodies are in [openapi.json](openapi.json) under `webhooks`, and `GET /api/event-types` has them with
their examples. `webhook-id` is constant over retries, redrives and replays: take each once. What passes between one business
number and one customer comes in order, and so do the steps of one text, of one recording, and the reports of one tenant.
README shows a receiver.
"""


def page() -> str:
    """The whole of it."""
    return "\n".join([_HEAD, *_rules(), *(line for notice in catalogue().values() for line in _section(notice))])


def _rules() -> Iterator[str]:
    yield from ("## Versions", "What a receiver may rely on:", "")
    yield from _items(f"{rule}" for rule in VERSIONING)
    yield from ("", "What a receiver must not stumble over:", "")
    yield from _items(IGNORING)
    yield ""


def _items(lines: Iterable[str]) -> Iterator[str]:
    return (f"- {line}" for line in lines)


def _section(notice: NoticeType) -> Iterator[str]:
    yield from (f"## `{notice.type}`", notice.meaning, "", "| field of `data` | kind | what it says |", "|---|---|---|")
    for name, schema in notice.schema["properties"]["data"]["properties"].items():
        yield f"| `{name}` | {_kind(schema)} | {schema['description']} |"
    yield from ("", "```json", json.dumps(notice.example, indent=2, ensure_ascii=False), "```", "")


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join("null" if one is None else f"`{one}`" for one in schema["enum"])
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return " or ".join(_named(kind, schema) for kind in kinds)


def _named(kind: str, schema: dict[str, Any]) -> str:
    if kind == "array":
        return f"list of {_kind(schema['items'])}"
    return (
        {"date-time": "time", "uuid": "UUID", "uri": "URL"}.get(schema.get("format", ""), kind)
        if kind == "string"
        else kind
    )
