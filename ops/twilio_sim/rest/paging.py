"""Lists in Twilio's envelope: pages by token, so that new rows do not shift what a client reads."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from ops.twilio_sim.books import Book, Named
from ops.twilio_sim.rest.errors import Refused

R = TypeVar("R", bound=Named)
DEFAULT_SIZE, LARGEST_SIZE = 50, 1000
POSITION = ("Page", "PageToken")


def page_of(
    book: Book[R],
    name: str,
    path: str,
    query: MultiDict[str, str],
    wanted: Callable[[R], bool],
    as_json: Callable[[R], Mapping[str, Any]],
    heading: str = "",
) -> dict[str, Any]:
    """Newest first. Reads no more of the book than the page shows.

    Raises Refused 20001 for a page size, page or token that is none.
    """
    size, page = _size(query), _whole(query, "Page", 0)
    shown, more = _shown(book, wanted, heading, query.get("PageToken", ""), page, size)
    position = _Position(path, query, size, page)
    return {
        name: [as_json(row) for row in shown],
        "page": page,
        "page_size": size,
        "start": page * size,
        "end": page * size + max(len(shown) - 1, 0),
        "uri": f"{path}?{urlencode(list(query.items(multi=True)))}" if query else position.uri(page),
        "first_page_uri": position.uri(0),
        "next_page_uri": position.uri(page + 1, f"PA{shown[-1].sid}") if shown and more else None,
        "previous_page_uri": position.uri(page - 1, f"PB{shown[0].sid}") if page and shown else None,
    }


class _Position:
    def __init__(self, path: str, query: MultiDict[str, str], size: int, page: int) -> None:
        kept = [(n, v) for n, v in query.items(multi=True) if n not in POSITION and n != "PageSize"]
        self._path, self._base = path, [*kept, ("PageSize", str(size))]

    def uri(self, page: int, token: str = "") -> str:
        more = [("Page", str(page))] + ([("PageToken", token)] if token else [])
        return f"{self._path}?{urlencode(self._base + more)}"


def _shown(
    book: Book[R], wanted: Callable[[R], bool], heading: str, token: str, page: int, size: int
) -> tuple[list[R], bool]:
    """The page, and whether older rows follow. PA…: older than the row it names; PB…: what ends just before it."""
    mark = _mark(book, token, page)
    if token.startswith("PB"):
        newer = filter(wanted, book.newer_than(mark or 0, heading=heading))
        return list(islice(newer, size))[::-1], True
    rows = list(islice(filter(wanted, book.newest_first(heading=heading, before=mark)), size + 1))
    return rows[:size], len(rows) > size


def _mark(book: Book[R], token: str, page: int) -> int | None:
    """The place that the token names; none on the first page."""
    if not token:
        if page:
            raise Refused(20001, "Page needs its PageToken")
        return None
    mark = book.place(token[2:])
    if token[:2] not in ("PA", "PB") or mark is None:
        raise Refused(20001, "PageToken")
    return mark


def _size(query: MultiDict[str, str]) -> int:
    """Above the largest size Twilio gives the largest."""
    size = _whole(query, "PageSize", DEFAULT_SIZE)
    if size < 1:
        raise Refused(20001, "PageSize")
    return min(size, LARGEST_SIZE)


def _whole(query: MultiDict[str, str], name: str, default: int) -> int:
    value = query.get(name, str(default))
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise Refused(20001, name)
    return int(value)
