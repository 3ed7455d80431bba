"""Genuine webhooks that hurt: signed with the right token, and full of what breaks parsers and databases.

Each may be taken (then it is kept, as an event or set aside) or refused with a 4xx. What must not happen: a 5xx, a
dead process, a neighbour's event lost.
"""

from dataclasses import replace
from urllib.parse import urlencode

from ops.faultlab.traffic.letter import Letter

MANY_FIELDS = 10_000
HUGE = "9" * 400  # no integer type of anybody's


def poisons(letter: Letter) -> list[Letter]:
    """An inbound text in each of its poisonous forms."""
    params = dict(letter.params)
    # What the SDK's validator behind a Flask form would see of bytes that are no UTF-8.
    unreadable = {**params, "Body": "\ufffd\ufffda"}
    raw = urlencode({**params, "Body": "@@"}).replace("%40%40", "%ff%fea").encode()
    many = {**params, **{f"F{number}": "" for number in range(MANY_FIELDS)}}
    return [
        replace(letter, poison="bad-utf8", params=unreadable, body=raw),
        replace(letter, poison="nul", params={**params, "Body": "a\0b", "FromCity": "\0"}),
        replace(letter, poison="huge-number", params={**params, "NumMedia": HUGE, "NumSegments": HUGE}),
        replace(letter, poison="many-fields", params=many),
    ]
