"""Knows a conversation between a customer and a business, as as-call-service keeps it."""

from dataclasses import dataclass, field


@dataclass
class Message:
    """One text; `direction` is seen from the business, `media` is a list of URL and content type.

    `sender` is customer, system, human or ai. `failure` says why twilio-server did not take an answer.
    """

    message_sid: str | None
    direction: str
    sender: str
    body: str
    media: list[object] = field(default_factory=list)
    received_count: int = 1
    failure: str | None = None


@dataclass
class Conversation:
    """Once the AI has begun it answers at once, until a human takes over; then it is silent for good."""

    id: str
    tenant_id: str
    customer_phone: str
    business_phone: str
    call_sid: str
    messages: list[Message] = field(default_factory=list)
    ai_active: bool = False
    human_active: bool = False

    def take(self, message: Message) -> Message:
        """Keep a message once: the same message SID again only counts up, so that a repeat can be seen."""
        for known in self.messages:
            if message.message_sid and known.message_sid == message.message_sid:
                known.received_count += 1
                return known
        self.messages.append(message)
        return message
