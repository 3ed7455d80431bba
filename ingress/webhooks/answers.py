"""What Twilio gets back: TwiML, or nothing."""

from typing import Final

from flask import Response

from shared.domain import twiml

# Twilio sends POST unless a number is configured otherwise.
METHODS: Final = ["POST", "GET"]


def document(text: str) -> Response:
    """TwiML. Twilio reads at most 64 kB (error 11750); ours are below one."""
    return Response(text, mimetype="text/xml")


def nothing_to_say() -> Response:
    """An empty TwiML document: Twilio does nothing more."""
    return document(twiml.EMPTY)


def noted() -> Response:
    """For callbacks that take no instruction."""
    return Response(status=204)
