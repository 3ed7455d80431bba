"""The refusal of a readable request with fields that will not do."""

from ingress.problem import Problem
from shared.faults import Fault, in_body, in_query

__all__ = ["in_body", "in_query", "invalid"]


def invalid(faults: list[Fault]) -> Problem:
    """A readable request with fields that will not do."""
    return Problem(422, "validation-failed", "Validation failed", "See errors.", errors=faults)
