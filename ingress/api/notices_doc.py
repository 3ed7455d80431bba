"""What the API's documentation says of our notifications: Standard Webhooks, one entry for each type of the catalogue."""

from typing import Any, Final

from shared.notice_catalogue import NoticeType, catalogue

_TEXT: Final = {"type": "string"}
_HEADERS: Final = {
    "webhook-id": "Names the notification; the same over all retries and replays.",
    "webhook-timestamp": "Unix seconds of this attempt.",
    "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several are separated by spaces.",
}


def schemas() -> dict[str, dict[str, Any]]:
    """The document of each type: `{type, timestamp, data}`."""
    return {_name(notice.type): notice.schema for notice in catalogue().values()}


def webhooks() -> dict[str, Any]:
    """The `webhooks` part: what a subscriber must be ready to receive."""
    return {notice.type: {"post": _post(notice)} for notice in catalogue().values()}


def _post(notice: NoticeType) -> dict[str, Any]:
    return {
        "operationId": f"on_{notice.type.replace('.', '_')}",
        "tags": ["notifications"],
        "summary": notice.meaning,
        "parameters": [
            {"in": "header", "name": name, "required": True, "schema": _TEXT, "description": meaning}
            for name, meaning in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{_name(notice.type)}"},
                    "example": notice.example,
                }
            },
        },
        "responses": {"2XX": {"description": "Received. Anything else is tried again later."}},
    }


def _name(type_: str) -> str:
    return "Notice" + "".join(word.title() for word in type_.split("."))
