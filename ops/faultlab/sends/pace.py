"""How many segments of one sender came within any window of time, and how many may."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

Sent = tuple[int, int]
"""When Twilio took it (ns), and its segments."""

WINDOWS_S: Final = (1.0, 10.0)
# A text that leaves on time may arrive so much later than the one before it: on two cores that a dozen processes share, a
# thread waits for its turn, and a connection is opened anew after a fault.
LATE_S: Final = 0.5


def most_in(sent: Sequence[Sent], window_s: float) -> int:
    """The most segments that any half-open window of `window_s` seconds holds."""
    ordered, first, inside, most = sorted(sent), 0, 0, 0
    for at_ns, segments in ordered:
        inside += segments
        while at_ns - ordered[first][0] >= window_s * 1e9:
            inside -= ordered[first][1]
            first += 1
        most = max(most, inside)
    return most


def allowed(rate: float, window_s: float, sent: Sequence[Sent]) -> int:
    """What a sender of `rate` segments a second may show in such a window.

    One more than the rate says stands at the window's edge, the last text counts whole however many segments it has, and
    what is LATE_S late comes together with what is on time.
    """
    longest = max((segments for _, segments in sent), default=1)
    return int(rate * (window_s + LATE_S)) + longest


def rate_of(sent: Sequence[Sent]) -> float:
    """Segments a second from the first to the last; 0.0 for fewer than two."""
    ordered = sorted(sent)
    if len(ordered) < 2:
        return 0.0
    lasted_s = sum(later[0] - earlier[0] for earlier, later in pairwise(ordered)) / 1e9
    return sum(segments for _, segments in ordered[:-1]) / lasted_s if lasted_s else 0.0
