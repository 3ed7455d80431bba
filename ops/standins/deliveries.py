"""Knows what a subscriber received: each notification once by its id, with how often and whether the signature held."""

from binascii import Error as NotBase64
from dataclasses import dataclass, field

from standardwebhooks import Webhook, WebhookVerificationError

# A load run must not fill the memory: the oldest notifications go first.
KEPT_DELIVERIES = 50_000


@dataclass
class Delivery:
    """One notification. `order` counts from 1 by first arrival; `verified` tells about the latest attempt.

    `is_taken`: it was answered with yes. `data` is what the first attempt said; `changes` counts the later ones that said
    something else under its id.
    """

    id: str
    type: str
    verified: bool
    data: object
    order: int
    attempts: int = 1
    changes: int = 0
    refusal: str | None = None
    is_taken: bool = False


@dataclass
class Subscriber:
    name: str
    secret: str | None = None
    received: dict[str, Delivery] = field(default_factory=dict)
    arrived_count: int = 0

    def refusal(self, body: bytes, headers: dict[str, str]) -> str | None:
        """Why this delivery cannot be believed; None when the Standard Webhooks signature holds."""
        if self.secret is None:
            return "no secret known for this subscriber"
        try:
            Webhook(self.secret).verify(body, headers, json_parse=False)
        except WebhookVerificationError as error:
            return str(error)
        # The package does not translate what a malformed header makes it trip over.
        except (ValueError, NotBase64) as error:
            return f"malformed signature: {error}"
        return None

    def take(self, delivery_id: str, event_type: str, data: object, refusal: str | None) -> Delivery:
        """Write the attempt down; an id that was seen before only counts up."""
        known = self.received.get(delivery_id)
        if known is not None:
            known.attempts += 1
            known.changes += (known.type, known.data) != (event_type, data)
            known.verified, known.refusal = refusal is None, refusal
            return known
        self.arrived_count += 1
        made = Delivery(delivery_id, event_type, refusal is None, data, self.arrived_count, refusal=refusal)
        self.received[delivery_id] = made
        if len(self.received) > KEPT_DELIVERIES:
            del self.received[next(iter(self.received))]
        return made

    def forget(self) -> None:
        self.received.clear()
        self.arrived_count = 0
