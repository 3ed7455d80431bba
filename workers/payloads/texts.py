"""What Twilio says in the webhooks of a text (Twilio docs, messaging webhooks, tracking outbound message status)."""

from typing import Final

from marshmallow import EXCLUDE, Schema

from shared.domain.status import MESSAGE_RANK
from workers.payloads.fields import Address, CarrierMoment, Code, Count, OneOf, Price, Short, Sid, Words
from workers.payloads.voice import PLACES

MOST_MEDIA: Final = 10  # Twilio's limit per message
_SAME: Final = frozenset(
    {"SmsSid", "SmsMessageSid", "SmsStatus"}
)  # older copies; the event's key has settled which counts
_CHANNEL: Final = {
    "ProfileName", "WaId", "ButtonText", "ButtonPayload", "ButtonType", "OriginalRepliedMessageSid",
    "OriginalRepliedMessageSender", "Latitude", "Longitude", "Address", "Label", "MessageType", "ExternalUserId",
    "ForwardedFrom", "Forwarded", "FrequentlyForwarded", "ChannelMetadata", "ChannelInstallSid", "ChannelPrefix",
    "ChannelToAddress", "ChannelStatusMessage", "ChannelStatusCode", "EventType", "StructuredMessage", "InteractiveData",
    "ListId", "ListTitle", "ListDescription", "ReferralBody", "ReferralHeadline", "ReferralMediaContentType",
    "ReferralMediaUrl", "ReferralNumMedia", "ReferralSourceId", "ReferralSourceType", "ReferralSourceUrl",
    "ReferralCtwaClid", "ContactsJson", "FlowData",
}  # fmt: skip
_ELSEWHERE: Final = PLACES | _SAME | _CHANNEL | {
    "AccountSid", "ApiVersion", "AddOns", "ErrorMessage", "ErrorUrl", "MessageSid", "MessageStatus", "NumMedia",
}  # fmt: skip
_MEDIA: Final = frozenset(f"{name}{i}" for name in ("MediaUrl", "MediaContentType") for i in range(MOST_MEDIA))


class Text(Schema):
    """What both directions carry. The SID is `message_sid` of event_keys: it has three names."""

    class Meta:
        unknown = EXCLUDE

    elsewhere = _ELSEWHERE

    from_number = Address("From")
    to_number = Address("To")
    body = Words("Body")
    segments = Count("NumSegments")
    messaging_service_sid = Sid("MessagingServiceSid")
    error_code = Code("ErrorCode")


class Incoming(Text):
    """A customer's text. `opt_out_type` comes with Advanced Opt-Out only."""

    elsewhere = _ELSEWHERE | _MEDIA

    media_count = Count("NumMedia")  # read so that an odd one is counted: the media say themselves how many they are
    opt_out_type = OneOf("OptOutType", ("STOP", "START", "HELP"))


class Report(Text):
    """How far a text of ours has come."""

    elsewhere = _ELSEWHERE | _MEDIA

    status = OneOf("MessageStatus", MESSAGE_RANK)
    older_status = OneOf("SmsStatus", MESSAGE_RANK)
    price = Price("Price")
    price_unit = Short("PriceUnit")
    carrier_done_at = CarrierMoment("RawDlrDoneDate")
