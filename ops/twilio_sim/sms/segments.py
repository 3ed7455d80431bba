"""How many segments a text is billed as (GSM 03.38: 160/153 septets, otherwise UCS-2: 70/67 units)."""

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("|^€{}[]~\\\f")  # an escape and a character: two septets


def segment_count(text: str) -> int:
    """At least 1. A pair of units or septets is never split over two segments."""
    if all(c in BASIC or c in EXTENDED for c in text):
        return _parts([2 if c in EXTENDED else 1 for c in text], single=160, joined=153)
    return _parts([len(c.encode("utf-16-le", "surrogatepass")) // 2 for c in text], single=70, joined=67)


def _parts(sizes: list[int], single: int, joined: int) -> int:
    if sum(sizes) <= single:
        return 1
    parts, room = 1, joined
    for size in sizes:
        if size > room:
            parts, room = parts + 1, joined
        room -= size
    return parts
