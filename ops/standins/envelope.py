"""Knows the platform's answer shapes: `{"success": true, "data": …}` and `{"success": false, "error": {…}}`.

The written design has no `data`: what the running code puts there stands at the top.
"""

from flask import Response, jsonify


def success(content: dict[str, object], message: str, shape: str = "data") -> Response:
    """`shape` is data or top."""
    shown = {"data": content} if shape == "data" else content
    return jsonify({"success": True, **shown, "message": message})


def refusal(http_status: int, code: str, message: str) -> Response:
    """The platform's error body. Not every refusal is an HTTP error: an unknown number is told with 200."""
    answer = jsonify({"success": False, "error": {"code": code, "message": message}})
    answer.status_code = http_status
    return answer


class Refused(Exception):
    """What a sibling service refuses; becomes the platform's error body with this status."""

    def __init__(self, http_status: int, code: str, message: str):
        super().__init__(message)
        self.http_status, self.code, self.message = http_status, code, message
