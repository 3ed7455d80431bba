"""What Twilio's debugger says (Twilio docs, "Debugger webhook")."""

from typing import Final

from marshmallow import EXCLUDE, Schema

from workers.payloads.fields import Moment, OneOf, Sid, Words

LEVELS: Final = ("ERROR", "WARNING")


class Alert(Schema):
    """The debugger's form; what it is about is JSON in `Payload`."""

    class Meta:
        unknown = EXCLUDE

    elsewhere = frozenset({"AccountSid", "ParentAccountSid", "PayloadType"})

    sid = Sid("Sid")
    level = OneOf("Level", LEVELS)
    at = Moment("Timestamp")
    about = Words("Payload")
