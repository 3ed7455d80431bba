"""Refusals in Twilio's words: {code, message, more_info, status}."""

from flask import Response, jsonify

TEXTS = {
    20001: "Unknown or malformed parameter: {}",
    20003: "Authenticate",
    20009: "Resource not complete: wait until it has reached a final state",
    20404: "The requested resource {} was not found",
    21201: "No 'To' number is specified",
    21205: "Url parameter is required or invalid: {}",
    21210: "The source phone number provided, {}, is not yet verified for your account.",
    21211: "Invalid 'To' Phone Number: {}",
    21212: "Invalid From Number (caller ID): {}",
    21213: "No 'From' number is specified",
    21214: "'To' phone number cannot be reached: {}",
    21215: "Account not authorized to call {}",
    21216: "Account not allowed to call {}",
    21217: "Phone number does not appear to be valid: {}",
    21220: "Call is not in-progress. Cannot {}.",
    21266: "'To' and 'From' number cannot be the same: {}",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {}",
    21421: "PhoneNumber is invalid: {}",
    21422: "PhoneNumber is not available: {}",
    21602: "Message body is required.",
    21603: "A 'From' phone number or 'MessagingServiceSid' is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number provided ({}) is not a valid message-capable Twilio phone number for this "
    "destination/account",
    21609: "Invalid 'StatusCallback' URL: {}",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number {} has exceeded the maximum number of queued messages",
    21612: "The 'To' phone number: {}, is not currently reachable using the 'From' phone number.",
    21614: "'To' number {} is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit.",
    21620: "Invalid media URL(s): {}",
    21624: "Invalid validity period value: {}",
    30409: "Message cannot be canceled: it is {}",
    35114: "SendAt is not a date in ISO 8601: {}",
    35115: "SendAt must be between 300 seconds and 35 days from now",
    35118: "MessagingServiceSid is required to schedule a message",
}


class Refused(Exception):
    """Stops a request; the answer is built from it in one place."""

    def __init__(self, code: int, about: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.status = code, status
        self.message = TEXTS.get(code, "Error on purpose for {}").format(about)


def answer_of(refused: Refused) -> tuple[Response, int]:
    return body_of(refused.status, refused.code, refused.message), refused.status


def body_of(status: int, code: int, message: str) -> Response:
    info = f"https://www.twilio.com/docs/errors/{code}"
    return jsonify({"code": code, "message": message, "more_info": info, "status": status})
