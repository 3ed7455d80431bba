"""XML as text: elements, attributes and what may stand in them. For TwiML, where rendering must cost microseconds."""

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

# What XML 1.0 cannot hold, not even escaped: one such character makes a whole document unreadable (Twilio error 12100).
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Attributes = dict[str, str]
"""By name, in order. "" is left out, unless the name is in `element`'s `blank`."""


def text(words: str) -> str:
    """`words` as the content of an element."""
    return escape(_FORBIDDEN.sub("", words))


def element(name: str, attributes: Attributes, content: str = "", *, blank: tuple[str, ...] = ()) -> str:
    """One element with this content, which is markup already."""
    said = "".join(
        f" {key}={quoteattr(_FORBIDDEN.sub('', value))}" for key, value in attributes.items() if value or key in blank
    )
    return f"<{name}{said}>{content}</{name}>" if content else f"<{name}{said}/>"
