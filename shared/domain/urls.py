"""The addresses of ours that Twilio is given: where, with what we must know later, and how often it shall try."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

# Twilio retries neither a 5xx nor a read timeout unless the URL asks for it (Twilio docs, "Webhooks: connection
# overrides"): up to 3 more tries on everything, 2 s to connect and 4 s to answer. Its 15 s for all of them hold four quick
# refusals, or the two slowest tries, or three that connect and are not answered.
OVERRIDES: Final = "#rc=3&rp=all&ct=2000&rt=4000"


@dataclass(frozen=True, slots=True)
class Urls:
    """Our callback addresses as Twilio sees them. `base` is the public URL without a slash at its end."""

    base: str

    def to(self, path: str, **query: str | int) -> str:
        """An address Twilio may call, with the delivery we ask for. What is "" in the query is left out of it.

        The query stands before the `#`: what stands behind is read as overrides, and is not sent.
        """
        asked = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items() if value != "")
        return f"{self.base}{path}{'?' if asked else ''}{asked}{OVERRIDES}"
