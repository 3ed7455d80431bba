"""What may be sent along as media, as far as its URLs tell: Twilio fetches them, we never do.

Source: Twilio docs, "Messages resource" (MediaUrl) and "Accepted content types for media".
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import PurePosixPath
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit

from shared.domain.senders import SenderKind, can_send_media

MOST: Final = 10  # media of one message
# In all. More is refused for images (Twilio makes them smaller for the carriers); for the rest it is advice: carriers take
# less than Twilio does, and nothing makes a video smaller.
IMAGES_BYTES: Final = 5 * 1024 * 1024
OTHERS_BYTES: Final = 500 * 1024
# An MMS is paced as one segment however long its text is: Twilio sends one MMS a second for a long code and three for a
# toll-free number (Twilio help, "MMS account rate limits"), which is their rate of segments.
PACED_SEGMENTS: Final = 1

Code = Literal["too_many_media", "not_https", "not_a_url", "credentials_in_url", "private_host", "sender_without_media"]
_IMAGES: Final = frozenset({".jpeg", ".jpg", ".gif", ".png"})  # what Twilio makes fit the phone
_HOME_NAMES: Final = ("localhost", "local", "internal", "lan", "home.arpa")  # RFC 6761, 6762, 8375 and what is usual
_DIGITS: Final = "0123456789"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why media cannot be sent; `pointer` is where in the request (RFC 6901, as a fragment)."""

    pointer: str
    code: Code
    detail: str


def faults(urls: list[str], kind: SenderKind | None = None, region: str | None = None) -> list[Fault]:
    """Everything that is wrong with these media, for a sender of this kind and region where they are known."""
    found = [fault for at, url in enumerate(urls) for fault in _faults_of(url, f"#/media_urls/{at}")]
    if len(urls) > MOST:
        found.append(Fault("#/media_urls", "too_many_media", f"at most {MOST} media in a message"))
    if urls and kind is not None and not can_send_media(kind, region):
        found.append(Fault("#/from", "sender_without_media", "media can be sent by numbers of the US and Canada only"))
    return found


def is_image(url: str) -> bool:
    """Whether `url` ends like an image that Twilio resizes. What it does not say (no ending) is not taken for one."""
    try:
        return PurePosixPath(urlsplit(url).path).suffix.lower() in _IMAGES
    except ValueError:
        return False


def advised_bytes(urls: list[str]) -> int:
    """The most that these media should have together: the limit of images if all of them are."""
    return IMAGES_BYTES if all(map(is_image, urls)) else OTHERS_BYTES


def _faults_of(url: str, pointer: str) -> list[Fault]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises where it is none
    except ValueError:
        host, parts = "", SplitResult("", "", "", "", "")
    if not host or any(letter.isspace() or not letter.isprintable() for letter in url):
        return [Fault(pointer, "not_a_url", "not a URL with a host")]
    found = []
    if parts.scheme != "https":
        found.append(Fault(pointer, "not_https", "only https: media travel with what people wrote"))
    if "@" in parts.netloc:
        found.append(
            Fault(pointer, "credentials_in_url", "no user or password: URLs are logged by everybody on the way")
        )
    if _is_private(host):
        found.append(Fault(pointer, "private_host", "Twilio cannot fetch from a private or local address"))
    return found


def _is_private(host: str) -> bool:
    if any(host == name or host.endswith(f".{name}") for name in _HOME_NAMES):
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        # 127.1, 0x7f.0.0.1 and 2130706433 are addresses to many a resolver, and a single word is a name of a local net.
        return "." not in host or host.rpartition(".")[2][:1] in _DIGITS
    return not _is_public(address)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    inner = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = inner or address
    return address.is_global and not address.is_multicast
