"""Knows pns-provisioning-service: whose number this is. An unknown number is told with 200 and `success: false`."""

from flask import Blueprint, Response, current_app

from ops.standins.books import Books
from ops.standins.envelope import refusal, success

STATUSES = ("provisioning", "provisioned", "active", "suspended", "released")

pns = Blueprint("pns", __name__)


@pns.get("/pns/phone-numbers/lookup/<number>")
def lookup(number: str) -> Response:
    """`number` is E.164; a plus lost on the way is added, as the real service does."""
    books: Books = current_app.extensions["books"]
    e164 = number if number.startswith("+") else f"+{number}"
    with books.lock:
        record = books.numbers.get(e164)
    if record is None:
        return refusal(200, "PHONE_NUMBER_NOT_FOUND", f"Phone number {e164} not found")
    return success({"tenantId": record["tenantId"], "phoneNumber": e164, "status": record["status"]}, "Found")
