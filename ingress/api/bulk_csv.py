"""A bulk as a table: a header row, then a line for each recipient. What all texts have in common is in the query string.

`to` is the only column that must be there; `body`, `media_urls` (by blanks) and `idempotency_key` mean what they mean in JSON,
and every other column is a variable.
"""

import csv
import io
import re
from typing import Any, Final

from flask import request

from ingress.problem import Problem

_OURS: Final = ("to", "body", "idempotency_key")
_UNHOLDABLE: Final = re.compile(r"[\0\ud800-\udfff]")


def document() -> dict[str, Any]:
    """The document that the request in hand would have been as JSON. Raises Problem 400 for what is no table."""
    said: dict[str, Any] = request.args.to_dict()
    if said.get("validity_s", "").isascii() and said.get("validity_s", "").isdigit():
        said["validity_s"] = int(said["validity_s"][:9])
    return said | {"recipients": [*map(_recipient, _rows())]}


def _rows() -> list[dict[str | None, Any]]:
    try:
        text = request.get_data().decode("utf-8-sig")
        table = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        names = [*(table.fieldnames or ())]
        rows = [*table]
    except (ValueError, csv.Error):
        raise _unreadable("It must be one table of comma-separated values in UTF-8.") from None
    if "to" not in names or len({*names}) < len(names):
        raise _unreadable("Its first line must name every column once, and one of them `to`.")
    if _UNHOLDABLE.search(text) or any(map(_UNHOLDABLE.search, request.args.values())):
        raise _unreadable("A text in it has U+0000 or a single surrogate.")
    return rows


def _recipient(row: dict[str | None, Any]) -> dict[str, Any]:
    """Cells that are empty are not there; cells beyond the header are a fault of this recipient alone."""
    cells = {name: value for name, value in row.items() if name is not None and value}
    said: dict[str, Any] = {name: cells.pop(name) for name in _OURS if name in cells}
    if "media_urls" in cells:
        said["media_urls"] = cells.pop("media_urls").split()
    variables = {name: row[name] or "" for name in row if name and name not in (*_OURS, "media_urls")}
    surplus = {"surplus_cells": row[None]} if None in row else {}
    return said | {"variables": variables} | surplus


def _unreadable(detail: str) -> Problem:
    return Problem(400, "unreadable-body", "The body cannot be read", detail)
