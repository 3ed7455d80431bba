"""Messages.json: create, read, list, redact, cancel, delete, and the media of a message."""

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, g, jsonify, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from ops.twilio_sim.books import Book
from ops.twilio_sim.clock import now
from ops.twilio_sim.resources.media import Media
from ops.twilio_sim.resources.message import FINAL, Message
from ops.twilio_sim.rest.dates import date_filter
from ops.twilio_sim.rest.errors import Refused
from ops.twilio_sim.rest.form import form_of, is_number, url_field
from ops.twilio_sim.rest.magic import GOOD, SMS_FROM, SMS_TO, refuse_magic
from ops.twilio_sim.rest.paging import page_of
from ops.twilio_sim.senders import LONGEST_S, kind_of
from ops.twilio_sim.sms.optout import has_opted_out
from ops.twilio_sim.sms.outgoing import new_message, send
from ops.twilio_sim.sms.pool import sender_for
from ops.twilio_sim.webhooks.address import is_http_url
from ops.twilio_sim.world import World

LONGEST_BODY = 1600
MOST_MEDIA = 10
# What is not simply 400 among the codes a create may be refused with.
HTTP_STATUS = {20003: 401, 20005: 403, 20006: 403, 20403: 403, 20404: 404, 20429: 429, 20500: 500, 20503: 503}
SOONEST, LATEST = timedelta(seconds=300), timedelta(days=35)


def add_messages(api: Blueprint, world: World) -> None:
    @api.post("/Messages.json")
    def create(account_sid: str) -> tuple[Response, int]:
        return jsonify(_create(world, form_of(request), request.form.getlist("MediaUrl"))), 201

    @api.get("/Messages.json")
    def index(account_sid: str) -> dict[str, Any]:
        to, from_ = request.args.get("To", ""), request.args.get("From", "")
        sent = date_filter(request.args, "DateSent")

        shown_s = world.clock.world_s() - world.settings.list_lag_s

        def wanted(m: Message) -> bool:
            return from_ in ("", m.from_) and m.born_s <= shown_s and sent(m.sent_at)

        return page_of(world.messages, "messages", request.path, request.args, wanted, Message.as_json, heading=to)

    @api.get("/Messages/<sid>.json")
    def fetch(account_sid: str, sid: str) -> dict[str, Any]:
        return _found(world, sid).as_json()

    @api.post("/Messages/<sid>.json")
    def update(account_sid: str, sid: str) -> dict[str, Any]:
        return _update(world, _found(world, sid), form_of(request)).as_json()

    @api.delete("/Messages/<sid>.json")
    def delete(account_sid: str, sid: str) -> tuple[str, int]:
        if _found(world, sid).status not in FINAL | {"sent"}:
            raise Refused(20009, status=409)
        world.messages.remove(sid)
        return "", 204

    @api.get("/Messages/<sid>/Media.json")
    def media(account_sid: str, sid: str) -> dict[str, Any]:
        message = _found(world, sid)
        shelf = _shelf(world, message)
        return page_of(shelf, "media_list", request.path, request.args, lambda m: True, Media.as_json)

    @api.get("/Messages/<sid>/Media/<media_sid>.json")
    def one_media(account_sid: str, sid: str, media_sid: str) -> dict[str, Any]:
        return _media(world, sid, media_sid).as_json()

    @api.get("/Messages/<sid>/Media/<media_sid>")
    def media_itself(account_sid: str, sid: str, media_sid: str) -> AnyResponse:
        """Twilio too sends the client on to another host."""
        return redirect(_media(world, sid, media_sid).source_url, 307)


def _create(world: World, form: dict[str, str], media_urls: list[str]) -> dict[str, Any]:
    """The answer shows the first state; nothing has happened to the message before it is built."""
    to, from_, service = form.get("To", "").strip(), form.get("From", "").strip(), form.get("MessagingServiceSid", "")
    _check_parties(world, to, from_, service)
    _check_content(form.get("Body", ""), media_urls)
    callback = url_field(form, "StatusCallback", 21609)
    wait, validity_s = _scheduled_in(form, service), _validity_s(form)
    message = new_message(
        world, to=to, from_=from_ or None, body=form.get("Body", ""), direction="outbound-api",
        media_urls=media_urls, status_callback=callback, messaging_service_sid=service or None,
        status="scheduled" if wait else "accepted" if service else "queued",
    )  # fmt: skip
    answer = message.as_json()
    if service and not from_:
        message.from_ = sender_for(world, service, to)
    g.line.sid, g.line.made_s, g.line.sender = message.sid, time.time(), message.from_
    send(world, message, in_s=wait, validity_s=validity_s)
    return answer


def _check_parties(world: World, to: str, from_: str, service: str) -> None:
    if not to:
        raise Refused(21604)
    if not from_ and not service:
        raise Refused(21603)
    refuse_magic(to, SMS_TO)
    refuse_magic(from_, SMS_FROM)
    if not is_number(to):
        raise Refused(21211, to)
    if to == from_:
        raise Refused(21266, to)
    if from_ and from_ != GOOD and world.number(from_) is None:
        raise Refused(21606, from_)
    _check_reach(world, to, from_)
    if not service:  # a service finds out only afterwards
        _check_sender(world, to, from_)


def _check_reach(world: World, to: str, from_: str) -> None:
    if kind_of(from_) == "alphanumeric" and to.startswith("+1"):
        raise Refused(21612, to)  # no name can be the sender of a text in North America
    if code := world.phone(to).create_error:
        raise Refused(code, to, HTTP_STATUS.get(code, 400))


def _check_sender(world: World, to: str, from_: str) -> None:
    if has_opted_out(world, to, from_):
        raise Refused(21610)
    if world.queues.is_full(from_):
        raise Refused(21611, from_)


def _check_content(body: str, media_urls: list[str]) -> None:
    if not body and not media_urls:
        raise Refused(21602)
    if len(body) > LONGEST_BODY:
        raise Refused(21617)
    wrong = [url for url in media_urls if not is_http_url(url)]
    if wrong or len(media_urls) > MOST_MEDIA:
        raise Refused(21620, ", ".join(wrong))


def _scheduled_in(form: dict[str, str], service: str) -> float:
    """Seconds until it is to be sent, 0 for now."""
    if form.get("ScheduleType") != "fixed" and "SendAt" not in form:
        return 0.0
    if not service:
        raise Refused(35118)
    try:
        moment = datetime.fromisoformat(form.get("SendAt", ""))
    except ValueError as error:
        raise Refused(35114, form.get("SendAt", "")) from error
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now()
    if not SOONEST <= wait <= LATEST:
        raise Refused(35115)
    return wait.total_seconds()


def _validity_s(form: dict[str, str]) -> float:
    wanted = form.get("ValidityPeriod", "") or f"{LONGEST_S:.0f}"
    if not re.fullmatch(r"[0-9]{1,9}", wanted) or not 1 <= int(wanted) <= LONGEST_S:
        raise Refused(21624, wanted)
    return float(wanted)


def _update(world: World, message: Message, form: dict[str, str]) -> Message:
    with world.lock:
        if form.get("Status"):
            if form["Status"] != "canceled":
                raise Refused(20001, "Status")
            if message.status != "scheduled":
                raise Refused(30409, message.status)
            message.move("canceled")
        elif form.get("Body") == "":
            if message.status not in FINAL | {"sent"}:
                raise Refused(20009, status=409)
            message.body = ""
        else:
            raise Refused(20001, "Body")
    return message


def _found(world: World, sid: str) -> Message:
    message = world.messages.get(sid)
    if message is None:
        raise Refused(20404, request.path, 404)
    return message


def _shelf(world: World, message: Message) -> Book[Media]:
    shelf: Book[Media] = Book(world.lock)
    for media in message.media:
        shelf.add(media)
    return shelf


def _media(world: World, sid: str, media_sid: str) -> Media:
    for media in _found(world, sid).media:
        if media.sid == media_sid:
            return media
    raise Refused(20404, request.path, 404)
