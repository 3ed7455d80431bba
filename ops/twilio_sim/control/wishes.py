"""Reads JSON bodies of the control API: named fields of known types, everything else is refused."""

from typing import Any

from flask import Request


class Wrong(Exception):
    """Answered as {"error": …} with `status`."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.why, self.status = why, status


def wishes_of(request: Request) -> dict[str, Any]:
    """The body as an object. A JSON content type is asked for, so that no other site's form can post here."""
    if not request.is_json:
        raise Wrong("send JSON with Content-Type: application/json", 415)
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Wrong("the body must be a JSON object")
    return body


def only(wishes: dict[str, Any], *names: str) -> None:
    if unknown := sorted(set(wishes) - set(names)):
        raise Wrong(f"unknown key {unknown[0]!r}; known are {', '.join(names)}")


def text(wishes: dict[str, Any], name: str, default: str | None = None) -> str:
    """Raises Wrong when it is missing without a default, or no string."""
    value = wishes.get(name, default)
    if not isinstance(value, str):
        raise Wrong(f"{name} must be a string")
    return value


def seconds(wishes: dict[str, Any], name: str, default: float | None) -> float | None:
    value = wishes.get(name, default)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 86400:
        raise Wrong(f"{name} must be seconds, 0 to 86400")
    return float(value)


def texts(wishes: dict[str, Any], name: str) -> dict[str, str]:
    """An object whose values are written as text: numbers too."""
    value = wishes.get(name, {})
    if not isinstance(value, dict) or any(isinstance(v, dict | list) for v in value.values()):
        raise Wrong(f"{name} must be an object of strings")
    return {str(n): "" if v is None else str(v) for n, v in value.items()}


def whole(request: Request, name: str, default: int) -> int:
    """A query parameter of digits."""
    value = request.args.get(name, str(default))
    if not value.isascii() or not value.isdigit() or len(value) > 12:
        raise Wrong(f"{name} must be a whole number")
    return int(value)
