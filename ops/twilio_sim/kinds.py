"""Checks values that come as JSON against the fields of a dataclass: known names, the kind of each default."""

from dataclasses import fields
from typing import Any

KINDS = {"float": "a number", "int": "a whole number", "str": "a string", "bool": "true or false"}


def checked(owner: type, wishes: dict[str, Any]) -> dict[str, Any]:
    """`wishes` with numbers made floats where the field is one. Raises ValueError naming the first that is wrong."""
    kinds = {f.name: getattr(f.type, "__name__", str(f.type)).split(" ")[0] for f in fields(owner)}
    return {name: _checked(kinds, name, value) for name, value in wishes.items()}


def within(name: str, value: float, low: float, high: float) -> None:
    """Raises ValueError outside of `low` to `high`, both included."""
    if not low <= value <= high:
        raise ValueError(f"{name} must be {low:g} to {high:g}")


def _checked(kinds: dict[str, str], name: str, value: Any) -> Any:
    kind = kinds.get(name)
    if kind is None:
        raise ValueError(f"unknown key {name!r}; known are {', '.join(kinds)}")
    if not _fits(kind, value):
        raise ValueError(f"{name} must be {KINDS[kind]}")
    return float(value) if kind == "float" else value


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    return isinstance(value, {"float": (int, float), "int": int, "str": str}.get(kind, ()))
