"""The limit of a server: a WSGI application that looks at nothing and answers 204."""

from collections.abc import Callable, Iterable
from typing import Any


def app(_environ: dict[str, Any], start_response: Callable[[str, list[tuple[str, str]]], Any]) -> Iterable[bytes]:
    """As WSGI calls it."""
    start_response("204 No Content", [])
    return ()
