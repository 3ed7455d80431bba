"""What a transcript must not keep: card numbers, codes, social security and account numbers.

One pass over the words of a text; each word is looked at a bounded number of times,
so that the time grows with the length alone, whatever the text.
A marker such as `[card]` holds no digit: what was redacted once stays as it is.
"""

import re

_SPOKEN = {
    word: str(digit)
    for digit, words in enumerate(("zero oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"))
    for word in words.split()
}
_CARD = range(13, 20)  # digits of a payment card number, ISO/IEC 7812
# One digit, written or spoken; a word may not run on into other letters.
_DIGIT = re.compile(
    r"[0-9]|(?<![^\W\d_])(?:" + "|".join(_SPOKEN) + r")(?![^\W\d_])",
    re.IGNORECASE,
)
# What may stand between two digits of one number: anything but letters, digits and markers.
_GAP = re.compile(r"[^\w\[\]]{0,8}\Z")
_SSN = re.compile(r"(?<!\d)\d{3}[-. ]\d{2}[-. ]\d{4}(?!\d)")
# Taken whole or not at all: a word of it is never the secret itself.
_LINK = r"(?:\s{1,3}(?:number|code|is|was|its|it's|my|the)\b|[:=,#]){0,4}+\s{0,3}+"
_KEYED = (
    ("ssn", r"social security|ssn", 9, 9),
    ("code", r"security code|cvv2?|cvc2?", 3, 4),
    ("account", r"account|routing|iban", 4, 17),
    ("pin", r"pin|passcode", 4, 12),
)
_KEYS = tuple(
    (kind, re.compile(rf"\b(?:{words})\b{_LINK}\Z", re.IGNORECASE), low, high) for kind, words, low, high in _KEYED
)
_PASSWORD = re.compile(rf"(\b(?:password|passphrase)\b{_LINK})(?<=[\s:=,#])(?!\[)([^\s\[\]]{{1,64}})", re.IGNORECASE)
_BEFORE = 80  # characters before a number in which its keyword is looked for


_MARKER = re.compile(r"\[(?:ssn|card|code|account|pin|password)\]")

Edit = tuple[int, int, str]  # from and up to which character, and what stands there instead


def redact(text: str) -> tuple[str, int]:
    """The text with its secrets replaced by markers, and how many were replaced."""
    found = secrets(text)
    return _edited(text, found), len(found)


def secrets(text: str) -> list[Edit]:
    """Where the secrets are, in order, none in another, with the marker of each."""
    found: list[Edit] = []
    for look in (_shaped, _numbers, _passwords):
        found = _both(found, look(_edited(text, found)))
    return found


def markers(text: str) -> int:
    """How many secrets were taken out of this text before."""
    return len(_MARKER.findall(text))


def _edited(text: str, edits: list[Edit]) -> str:
    kept: list[str] = []
    at = 0
    for start, stop, marker in edits:
        kept += text[at:start], marker
        at = stop
    return "".join([*kept, text[at:]])


def _both(first: list[Edit], then: list[Edit]) -> list[Edit]:
    """`then` was found in the text that `first` had left; both are told of the text before. A marker is never in an edit."""
    ends: list[tuple[int, int]] = []  # where a marker ends in the later text, and how much was lost up to there
    lost = 0
    for start, stop, marker in first:
        ends.append((start - lost + len(marker), lost + stop - start - len(marker)))
        lost = ends[-1][1]
    moved: list[Edit] = []
    at = lost = 0
    for start, stop, marker in then:
        while at < len(ends) and ends[at][0] <= start:
            lost = ends[at][1]
            at += 1
        moved.append((start + lost, stop + lost, marker))
    return sorted([*first, *moved])


def _shaped(text: str) -> list[Edit]:
    return [(found.start(), found.end(), "[ssn]") for found in _SSN.finditer(text)]


def _passwords(text: str) -> list[Edit]:
    return [(found.start(2), found.end(2), "[password]") for found in _PASSWORD.finditer(text)]


def _numbers(text: str) -> list[Edit]:
    return [(start, stop, f"[{kind}]") for run in _runs(text) for start, stop, kind in _secrets(text, run)]


def _runs(text: str) -> list[list[re.Match[str]]]:
    """The digits of the text, those that may be one number together."""
    runs: list[list[re.Match[str]]] = []
    end = -1
    for digit in _DIGIT.finditer(text):
        if runs and digit.start() - end <= 8 and _GAP.match(text[end : digit.start()]):
            runs[-1].append(digit)
        else:
            runs.append([digit])
        end = digit.end()
    return runs


def _secrets(text: str, run: list[re.Match[str]]) -> list[tuple[int, int, str]]:
    """What of these digits is secret. A number that a keyword announces ends before a card does: `cvv 123 4111…`."""
    keyed = _keyed(text, run)
    if keyed and keyed[1] == run[-1].end():
        return [keyed]
    cards = _cards([_SPOKEN.get(one[0].lower(), one[0]) for one in run], run)
    keyed = _keyed(text, [digit for digit in run if not cards or digit.start() < cards[0][0]])
    return [keyed, *(card for card in cards if card[0] >= keyed[1])] if keyed else cards


def _keyed(text: str, run: list[re.Match[str]]) -> tuple[int, int, str] | None:
    """The number that the words before it announce: as many groups of the run as may belong to one."""
    start = run[0].start() if run else 0
    before = text[max(0, start - _BEFORE) : start]
    for kind, words, low, high in _KEYS:
        size = next((n for n in range(min(high, len(run)), low - 1, -1) if _ends_group(run, n)), 0)
        if size and words.search(before):
            return start, run[size - 1].end(), kind
    return None


def _ends_group(run: list[re.Match[str]], size: int) -> bool:
    """Whether the first `size` digits are whole groups, not cut within one."""
    return size == len(run) or run[size - 1].end() < run[size].start()


def _cards(digits: list[str], run: list[re.Match[str]]) -> list[tuple[int, int, str]]:
    """A card begins and ends where a group of digits does: one in ten numbers passes Luhn, and so would a part of most."""
    found: list[tuple[int, int, str]] = []
    ends = {n + 1 for n in range(len(run)) if _ends_group(run, n + 1)}
    at = 0
    while at + _CARD.start <= len(digits):
        begins = at == 0 or at in ends
        size = next((n for n in reversed(_CARD) if begins and at + n in ends and _is_card(digits[at : at + n], n)), 0)
        if size:
            found.append((run[at].start(), run[at + size - 1].end(), "card"))
        at += size or 1
    return found


def _is_card(digits: list[str], size: int) -> bool:
    """Whether there are so many digits and they pass the check of Luhn (ISO/IEC 7812-1)."""
    if len(digits) != size or digits[0] == "0":
        return False
    doubled = sum(sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return (doubled + sum(int(one) for one in digits[-1::-2])) % 10 == 0
