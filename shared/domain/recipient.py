"""Who a text goes to, as far as the number alone tells: country, state, and the time zones where its owner may be."""

from dataclasses import dataclass
from typing import Final, Literal

# "premium": a call or text there costs its sender, and nobody reads it. "other": everything people have in their hands.
Kind = Literal["other", "toll-free", "premium", "withheld"]
# Parts of the USA that are no state: federal law counts there, and no state's.
TERRITORIES: Final = frozenset({"AS", "GU", "MP", "PR", "VI"})


@dataclass(frozen=True, slots=True)
class Recipient:
    """One number. `states` and `zones` are candidates, and all of them count: nobody knows in which one its owner is.

    `region` is an ISO 3166 code, or None where the number tells none. `states` has USPS codes and is empty outside the USA
    and where the state is unknown. `zones` has IANA names and is empty where no zone is known.
    """

    number: str
    region: str | None
    kind: Kind = "other"
    states: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()

    @property
    def is_american(self) -> bool:
        """In the USA or one of its territories, or perhaps: a +1 number without a country (toll-free) counts."""
        return self.region in TERRITORIES or self.region == "US" or (self.region is None and self.number[:2] == "+1")
