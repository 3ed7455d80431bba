"""TwiML as it comes over the wire: is it TwiML at all, and which verbs does it hold."""

import math
import re
from xml.etree import ElementTree as ET

from ops.twilio_sim.webhooks.letter import Answer

LARGEST_BYTES = 64 * 1024
XML_TYPES = ("text/xml", "application/xml", "text/html")


class BadTwiml(Exception):
    """`code` is Twilio's: 11750 too large, 12100 not parsable, 12300 wrong content type, 11200 and others from HTTP."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, why


def verbs_of(answer: Answer, *, spoken: str, empty_is_fine: bool = False) -> list[ET.Element]:
    """The verbs of a webhook's answer. Plain text that is no TwiML becomes one `spoken` verb. Raises BadTwiml."""
    if not answer.is_complete:
        raise BadTwiml(answer.error_code, answer.error)
    if len(answer.body) > LARGEST_BYTES:
        raise BadTwiml(11750, f"answer larger than {LARGEST_BYTES} bytes")
    if empty_is_fine and not answer.body.strip():
        return []
    return _by_type(answer, spoken)


def parse(text: str) -> list[ET.Element]:
    """Raises BadTwiml 12100. A document type is refused whole: entities are how XML is made to explode."""
    if re.search(r"<!DOCTYPE|<!ENTITY", text, re.IGNORECASE):
        raise BadTwiml(12100, "a document type is not allowed")
    try:
        root = ET.fromstring(text.strip())  # noqa: S314 - no document type, no entities, 64 kB at most
    except (ET.ParseError, ValueError, RecursionError) as error:
        raise BadTwiml(12100, f"not XML: {error}") from error
    if root.tag != "Response":
        raise BadTwiml(12100, f"the root element is <{str(root.tag)[:40]}>, not <Response>")
    return [verb for verb in root if isinstance(verb.tag, str)]


def text_of(verb: ET.Element) -> str:
    return (verb.text or "").strip()


def number_in(verb: ET.Element, name: str, default: float, low: float, high: float) -> float:
    """An attribute as a number within bounds; rubbish counts as not given (12200 is only a warning)."""
    try:
        value = float(verb.get(name, default))
    except ValueError:
        return default
    return default if math.isnan(value) else min(max(value, low), high)


def _by_type(answer: Answer, spoken: str) -> list[ET.Element]:
    kind = answer.content_type.split(";")[0].strip().lower()
    if kind in XML_TYPES:
        return parse(_decoded(answer))
    if kind == "text/plain":
        return _plain(_decoded(answer), spoken)
    raise BadTwiml(12300, f"content type {kind or 'missing'!r}")


def _plain(text: str, spoken: str) -> list[ET.Element]:
    try:
        return parse(text)
    except BadTwiml:
        verb = ET.Element(spoken)
        verb.text = text
        return [verb]


def _decoded(answer: Answer) -> str:
    charset = re.search(r"charset=\"?([\w-]+)", answer.content_type, re.IGNORECASE)
    try:
        return answer.body.decode(charset[1] if charset else "utf-8-sig")
    except (LookupError, UnicodeDecodeError) as error:
        raise BadTwiml(12100, f"cannot be decoded: {error}") from error
