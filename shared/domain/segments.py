"""How a text travels: its alphabet, the parts it is cut into and paid by, and what would make it shorter.

Rules: 3GPP TS 23.038 and 23.040, and Twilio's published calculator (TwilioDevEd/message-segment-calculator), with which
this agrees: what a reader takes for one character (`graphemes`) is not cut by a part, but CR LF may be.
"""

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Final, Literal, NamedTuple

from shared.data import read
from shared.domain.graphemes import clusters, sticks

Encoding = Literal["GSM-7", "UCS-2"]

# Twilio's limit of one message, in characters (error 21617). Twilio does not say whether an emoji is one or two of them:
# one here, so nothing is refused that Twilio may take, and what it does not take comes back as 21617.
LONGEST: Final[int] = read("gsm7")["body_limit_characters"]
_PAIRED: Final = 0xFFFF  # above, a character is two UTF-16 units
_WORTH_A_BLANK: Final = 0.75  # a message is cut at a blank if that costs at most a quarter of it
_BREAKS: Final = " \n\t"  # not the no-break space


class Located(NamedTuple):
    """A character and every place of it, counted in characters (code points) from 0."""

    character: str
    positions: tuple[int, ...]

    @property
    def code(self) -> str:
        """As Unicode writes it: `U+2019`."""
        return f"U+{ord(self.character):04X}"

    @property
    def name(self) -> str:
        """Unicode's name for it, or its code where there is none (control characters)."""
        return unicodedata.name(self.character, self.code)


class Replacement(NamedTuple):
    """One character that may be replaced; the position is in the text as it was."""

    position: int
    character: str
    replaced_by: str


@dataclass(frozen=True, slots=True)
class Measured:
    """What a text costs. An empty one (a picture alone) is one part: one message is sent and paid.

    `units` are septets for GSM-7 and UTF-16 units for UCS-2, without headers; `characters` are code points; `parts`
    joined are the text, and there are `segments` of them; `forcing` says what keeps it from being GSM-7.
    """

    encoding: Encoding
    segments: int
    units: int
    characters: int
    forcing: tuple[Located, ...]
    parts: tuple[str, ...]


def measure(body: str) -> Measured:
    """The alphabet and the parts of `body`, as it is sent without Smart Encoding."""
    septets = _septets()
    forcing = _located(body, lambda letter: letter not in septets)
    encoding: Encoding = "UCS-2" if forcing else "GSM-7"
    units = sum(map(_utf16_units, body)) if forcing else sum(map(septets.__getitem__, body))
    limits = read("gsm7")["limits"][encoding]
    parts = (body,) if units <= limits["single"] else tuple(_packed(_pieces(body, encoding), limits["part"]))
    return Measured(encoding, len(parts), units, len(body), forcing, parts)


def is_too_long(body: str) -> bool:
    """Whether Twilio would refuse `body` for its length (21617)."""
    return len(body) > LONGEST


def unsendable(body: str) -> tuple[Located, ...]:
    """The characters that no phone shows: U+0000 and the other controls, and halves of surrogate pairs.

    Line feed, carriage return, tab and form feed (the GSM alphabet has it) may be sent. The rest is to be refused and not
    taken out silently: where one turns up, something else is usually wrong with the text too.
    """
    return _located(body, lambda letter: unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\r\t\f")


def split(body: str, longest: int = LONGEST) -> tuple[str, ...]:
    """`body` as texts of at most `longest` characters; joined they are `body`. They may arrive in another order.

    No character as a reader sees it is cut, unless it alone is longer than that; a blank or line end near the end of a
    text is where it is cut. Raises ValueError when `longest` is below 1.
    """
    if longest < 1:
        raise ValueError("a text holds one character at least")
    pieces = []
    while len(body) > longest:
        at = _cut(body, longest)
        pieces.append(body[:at])
        body = body[at:]
    return (*pieces, body)


def smart_encoded(body: str) -> str:
    """What Twilio makes of `body` with Smart Encoding switched on: to be measured in its place where it is."""
    return body.translate(_look_alikes())


def smart(body: str) -> tuple[str, tuple[Replacement, ...]]:
    """Smart Encoding as an offer: the text and what is replaced in it.

    `body` itself and nothing, where the replacements would cost a part more, leave nothing, or pass Twilio's limit.
    """
    text = smart_encoded(body)
    worse = measure(text).segments > measure(body).segments or is_too_long(text) > is_too_long(body)
    if worse or not text:
        return body, ()
    known = _look_alikes()
    found = ((at, letter, known.get(ord(letter))) for at, letter in enumerate(body))
    return text, tuple(Replacement(at, letter, other) for at, letter, other in found if other is not None)


def segments_saved(body: str) -> int:
    """How many parts fewer `body` has when the offer of `smart` is taken."""
    return measure(body).segments - measure(smart(body)[0]).segments


def _located(body: str, is_meant: Callable[[str], bool]) -> tuple[Located, ...]:
    places: dict[str, list[int]] = {}
    for at, letter in enumerate(body):
        if is_meant(letter):
            places.setdefault(letter, []).append(at)
    return tuple(Located(letter, tuple(positions)) for letter, positions in places.items())


def _pieces(body: str, encoding: Encoding) -> Iterator[tuple[str, int]]:
    """What is not cut by a part, with its units."""
    if encoding == "GSM-7":
        yield from ((letter, _septets()[letter]) for letter in body)
        return
    most = read("gsm7")["limits"][encoding]["part"]
    for cluster in clusters(body):
        units = sum(map(_utf16_units, cluster))
        if units > most or cluster == "\r\n":
            yield from ((letter, _utf16_units(letter)) for letter in cluster)
        else:
            yield cluster, units


def _packed(pieces: Iterable[tuple[str, int]], most: int) -> Iterator[str]:
    """Each part takes as many pieces as fit."""
    part: list[str] = []
    free = most
    for piece, units in pieces:
        if units > free:
            yield "".join(part)
            part, free = [], most
        part.append(piece)
        free -= units
    yield "".join(part)


def _cut(text: str, longest: int) -> int:
    """Where the first text of `text` ends."""
    ends = [*takewhile(lambda end: end <= longest, _ends(text))]
    near = longest * _WORTH_A_BLANK
    blanks = [end for end in ends if end >= near and text[end - 1] in _BREAKS]
    return (blanks or ends or [longest])[-1]


def _ends(text: str) -> Iterator[int]:
    """Where `text` may be cut."""
    end = 0
    for cluster in clusters(text):
        end += len(cluster)
        if not sticks(cluster):
            yield end


def _utf16_units(letter: str) -> int:
    return 2 if ord(letter) > _PAIRED else 1


@cache
def _septets() -> dict[str, int]:
    """Every character of the GSM alphabet, with its septets."""
    table = read("gsm7")
    return dict.fromkeys(table["basic"].values(), 1) | dict.fromkeys(table["extension"].values(), 2)


@cache
def _look_alikes() -> dict[int, str]:
    replacements = read("smart_encoding")["replacements"]
    return {int(code.removeprefix("U+"), 16): text for code, text in replacements.items()}
