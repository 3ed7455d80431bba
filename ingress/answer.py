"""What a request is answered: a JSON object, kept as the very text that is sent, so that it can be sent again."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON object, and the headers that belong to it."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The body as it is sent and kept."""
        return json.dumps(self.body, ensure_ascii=False)

    def response(self) -> Response:
        """The answer on the wire."""
        return response(self.status, self.text(), self.headers)


def response(status: int, text: str, headers: Mapping[str, str]) -> Response:
    """An answer whose text is made already: JSON, if its headers do not say otherwise."""
    return Response(text, status, headers={"Content-Type": "application/json", **headers})
