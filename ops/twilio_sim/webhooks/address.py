"""Addresses that others wrote: is this one an http(s) URL, and where does a relative one lead."""

from urllib.parse import urljoin, urlsplit


def is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def joined(base: str, reference: str) -> str:
    """An address that cannot be read stays as it is: posting to it then says so (11100)."""
    try:
        return urljoin(base, reference.strip())
    except ValueError:
        return reference
