"""Knows one thing: does this URL answer 2xx within a moment? The containers' health checks ask, the image has no curl."""

import sys
from urllib.error import URLError
from urllib.request import urlopen

# Shorter than the health checks' own timeout, so that a hanging server gives a reason and not a killed probe.
PATIENCE_S = 4.0


def complaint(url: str) -> str | None:
    """Why `url` is not healthy; None when it is. A redirect that ends in 2xx counts as healthy."""
    try:
        with urlopen(url, timeout=PATIENCE_S):  # noqa: S310  # the URL is written in docker-compose.yml
            return None
    except (URLError, OSError, ValueError) as error:
        return f"{url}: {error}"


def main(arguments: list[str]) -> int:
    """One URL; 0 when it is healthy, else 1 and the reason on stderr."""
    found = complaint(arguments[0]) if len(arguments) == 1 else "usage: python -m ops.probe URL"
    if found:
        print(found, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
