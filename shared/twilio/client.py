"""Twilio's REST API, as far as we use it: the official SDK, with every answer turned into a value or an outcome.

One client per process: a new one per request costs 3.5 ms over TLS.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, Final

from twilio.rest import Client

from shared.domain.sound import Sound
from shared.errors import Permanent, Transient, Unknown
from shared.settings import Settings
from shared.twilio import calls, recordings
from shared.twilio.calls import Dialled
from shared.twilio.media import Media
from shared.twilio.outcomes import outcome
from shared.twilio.recordings import ListedRecording
from shared.twilio.texts import Reported, Sent, Sought, reported_of, sent_of
from shared.twilio.wire import HttpClient

_PAGE: Final = 1000  # Twilio's largest page
# Where one of these is set, Twilio does not ask the number's own addresses.
_OVERRIDES: Final = ("voice_application_sid", "sms_application_sid", "trunk_sid")
# Texts of one sender to one person within a settling time are few; a no is certain only if all of them were read.
_SOUGHT_PAGE: Final = 200
_SOUGHT_PAGES: Final = 10
_VALID_S: Final = (1, 36_000)  # Twilio's ValidityPeriod
# Twilio's code for "the call is not in a state for that" (error dictionary 21220): it has ended already, or only rings.
CALL_NOT_LIVE: Final = 21220
# A call that was just made, a recording that has just stopped: Twilio does not find it (error dictionary 20404).
NOT_FOUND: Final = 20404
LONGEST_TWIML: Final = 4000  # characters of `Twiml` (Calls resource)
# How recordings that are started on a live call say where they come from (Recordings resource, `source`).
_STARTED_LIVE: Final = "StartCallRecordingAPI"
CURRENT: Final = "Twilio.CURRENT"  # in place of a SID: the recording that runs, if there is one only


@dataclass(frozen=True, slots=True)
class OwnedNumber:
    """A phone number of the account. `settings` are its addresses and methods, `overrides` what Twilio asks before them."""

    sid: str
    phone_number: str
    settings: Mapping[str, str]
    overrides: Mapping[str, str]


class TwilioClient:
    """What we ask of Twilio. Every method raises an outcome of `shared.errors`, and nothing else on purpose."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._auth = (settings.twilio_account_sid, settings.twilio_auth_tokens[0])
        self._http = HttpClient(settings.twilio_api_url)
        self._sdk = Client(*self._auth, http_client=self._http)
        self._media = Media(settings)

    def send_message(
        self,
        *,
        to: str,
        from_: str,
        body: str,
        media_urls: list[str],
        status_callback: str,
        messaging_service_sid: str = "",
        validity_s: int | None = None,
        smart_encoded: bool = False,
    ) -> Sent:
        """Creates a message. Not idempotent at Twilio: Unknown means that it may have been taken.

        `from_` may be empty with a Messaging Service, which then chooses. `validity_s`: how long Twilio may keep it queued.
        Raises Transient (certainly not taken), Unknown, Permanent (refused).
        """
        wanted = _given(
            from_=from_,
            body=body,
            media_url=media_urls,
            messaging_service_sid=messaging_service_sid,
            validity_period=validity_s if validity_s is None else min(max(validity_s, _VALID_S[0]), _VALID_S[1]),
            smart_encoded=smart_encoded,
        )
        with outcome("messages", creating=True):
            created = self._sdk.messages.create(to=to, status_callback=status_callback, **wanted)
            if not created.sid:
                raise Unknown("no_answer")
            return sent_of(created, concurrency=self._http.last.concurrency, request_id=self._http.last.request_id)

    def find_messages(
        self,
        *,
        to: str,
        body: str,
        since: datetime,
        from_: str = "",
        until: datetime | None = None,
        messaging_service_sid: str = "",
        media_count: int | None = None,
        also: Collection[str] = (),
    ) -> list[Sent]:
        """Texts that may be this one, created from `since` to `until`, in Twilio's order: the newest first.

        `also`: what the body may read too. An empty answer is a certain no, as far as the list shows by now what Twilio has
        taken. Raises Transient, also when there are more texts to that person than we read.
        """
        sought = Sought((body, *also), since, until, messaging_service_sid, media_count)
        with outcome("messages", listing=True):
            return [
                sent_of(found) for found in self._listed(sought, _given(to=to, from_=from_)) if sought.is_like(found)
            ]

    def _listed(self, sought: Sought, filters: dict[str, Any]) -> Iterator[Any]:
        """Twilio's own filter is by day and by the time of sending, which a text in its queue has not: so none is used."""
        page: Any = self._sdk.messages.page(**filters, page_size=_SOUGHT_PAGE)
        read = 1
        while True:
            found = list(page)
            yield from found
            if page.next_page_url is None or (found and all(map(sought.is_too_old, found))):
                return
            if read == _SOUGHT_PAGES:
                raise Transient("too_many_alike")
            page, read = page.next_page(), read + 1

    def fetch_message(self, message_sid: str) -> Reported:
        """What Twilio says of a text now. Raises Transient, Permanent (20404 also for some seconds after it was made)."""
        with outcome("messages"):
            return reported_of(self._sdk.messages(message_sid).fetch())

    def cancel_message(self, message_sid: str) -> Reported:
        """Calls off a text that Twilio has scheduled. Raises Transient, Permanent when it is scheduled no more."""
        with outcome("messages"):
            return reported_of(self._sdk.messages(message_sid).update(status="canceled"))

    def end_call(self, call_sid: str) -> None:
        """Hangs a live call up. A call that is over already is as good. Raises Transient, Permanent."""
        try:
            with outcome("calls"):
                self._sdk.calls(call_sid).update(status="completed")
        except Permanent as refused:
            if refused.twilio_code != CALL_NOT_LIVE:
                raise

    def place_call(
        self, *, to: str, from_: str, twiml: str, ring_s: int, status_callback: str, amd_callback: str = ""
    ) -> Dialled:
        """Creates a call. Not idempotent at Twilio: Unknown means that the phone may ring.

        With `amd_callback` Twilio listens for an answering machine while the call goes on, and tells it there.
        Raises Transient (certainly not made), Unknown, Permanent (refused).
        """
        wanted = _given(
            machine_detection=amd_callback and "Enable",
            async_amd=amd_callback and "true",
            async_amd_status_callback=amd_callback,
        )
        with outcome("calls", creating=True):
            created = self._sdk.calls.create(
                to=to,
                from_=from_,
                twiml=twiml,
                timeout=ring_s,
                status_callback=status_callback,
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                **wanted,
            )
            if not created.sid:
                raise Unknown("no_answer")
            return calls.dialled_of(created)

    def find_calls(self, *, to: str, from_: str, since: datetime) -> list[Dialled]:
        """Calls that may be the one we asked for since then, the newest first. Raises Transient, also when there are more
        calls to that person than we read.

        Twilio's own filter is by the time at which it began to ring, which a call in its queue has not: so none is used.
        """
        with outcome("calls", listing=True):
            return [calls.dialled_of(found) for found in self._listed_calls(to, from_, since)]

    def _listed_calls(self, to: str, from_: str, since: datetime) -> Iterator[Any]:
        page: Any = self._sdk.calls.page(to=to, from_=from_, page_size=_SOUGHT_PAGE)
        read = 1
        while True:
            found = list(page)
            yield from (call for call in found if calls.may_be_ours(call, since))
            if page.next_page_url is None or (found and all(calls.is_too_old(call, since) for call in found)):
                return
            if read == _SOUGHT_PAGES:
                raise Transient("too_many_alike")
            page, read = page.next_page(), read + 1

    def call_status(self, call_sid: str) -> str:
        """Twilio's word for how a call stands now. Raises Transient, Permanent (NOT_FOUND)."""
        with outcome("calls"):
            return str(self._sdk.calls(call_sid).fetch().status)

    def redirect_call(self, call_sid: str, twiml: str) -> None:
        """Gives a live call other instructions. Raises Transient, Permanent (CALL_NOT_LIVE, NOT_FOUND)."""
        with outcome("calls"):
            self._sdk.calls(call_sid).update(twiml=twiml)

    def start_recording(self, call_sid: str, *, status_callback: str) -> str:
        """Records a live call from now on, a channel for each side; the recording's SID. Not idempotent at Twilio.

        Raises Transient (certainly not begun), Unknown, Permanent (CALL_NOT_LIVE, NOT_FOUND).
        """
        with outcome("recordings", creating=True):
            made = self._sdk.calls(call_sid).recordings.create(
                recording_channels="dual",
                recording_status_callback=status_callback,
                recording_status_callback_event=["in-progress", "completed", "absent"],
            )
            if not made.sid:
                raise Unknown("no_answer")
            return made.sid

    def recordings_started(self, call_sid: str) -> list[str]:
        """SIDs of the recordings that were started on this call while it was live, as its list shows them now.

        Raises Transient.
        """
        with outcome("recordings", listing=True):
            listed = self._sdk.calls(call_sid).recordings.list(page_size=_PAGE)
            return [found.sid for found in listed if found.sid and found.source == _STARTED_LIVE]

    def change_recording(self, call_sid: str, recording_sid: str, status: str) -> None:
        """`paused`, `in-progress` or `stopped`. What is said in a pause is left out, not silenced. `recording_sid` may be
        CURRENT.

        Raises Transient, Permanent (NOT_FOUND when it runs no more, CALL_NOT_LIVE).
        """
        wanted: dict[str, Any] = {"status": status} | ({"pause_behavior": "skip"} if status == "paused" else {})
        with outcome("recordings"):
            self._sdk.calls(call_sid).recordings(recording_sid).update(**wanted)

    def delete_recording(self, account_sid: str, sid: str) -> dict[str, str]:
        """Deletes a recording of that account; what Twilio answered: `deleted`, or `gone` when it has none (any more).

        Raises Transient, Permanent, also when we have no token of the account.
        """
        recordings.check_sid(sid)
        answered = "deleted"
        try:
            with outcome("recordings"):
                self._sdk_of(account_sid).recordings(sid).delete()
        except Permanent as refused:
            if refused.twilio_code != NOT_FOUND:
                raise
            answered = "gone"
        return {"answered": answered, "request_id": self._http.last.request_id}

    @property
    def account_sids(self) -> Collection[str]:
        """The account, and every further one that is configured."""
        return self._settings.accounts.keys()

    def listed_recordings(self, account_sid: str, since: datetime) -> Iterator[ListedRecording]:
        """Recordings of one account that were created since then. Raises Transient."""
        with outcome("recordings", listing=True):
            yield from recordings.listed(self._sdk_of(account_sid), account_sid, since)

    def find_recording(self, account_sid: str, recording_sid: str) -> ListedRecording | None:
        """One recording as Twilio has it now, None if it has none. Raises Transient, Permanent."""
        recordings.check_sid(recording_sid)
        try:
            with outcome("recordings"):
                found = self._sdk_of(account_sid).recordings(recording_sid).fetch()
        except Permanent as refused:
            if refused.twilio_code != NOT_FOUND:
                raise
            return None
        return recordings.listed_of(found, account_sid)

    def _sdk_of(self, account_sid: str) -> Client:
        tokens = self._settings.accounts.get(account_sid)
        if not tokens:
            raise Permanent(f"no auth token for account {account_sid}")
        return Client(account_sid, tokens[0], http_client=self._http)

    def owned_numbers(self, names: Collection[str]) -> list[OwnedNumber]:
        """Every number of the account with the settings in `names` (snake case), from all pages. Raises Transient."""
        with outcome("numbers", listing=True):
            listed = self._sdk.incoming_phone_numbers.list(page_size=_PAGE)
        return [_owned(number, names) for number in listed]

    def set_number(self, sid: str, settings: Mapping[str, str]) -> OwnedNumber:
        """Changes these settings; the number as Twilio then has it. Raises Transient, Permanent."""
        with outcome("numbers"):
            changed = self._sdk.incoming_phone_numbers(sid).update(**settings)
        return _owned(changed, settings)

    def numbers_in_services(self) -> dict[str, str]:
        """Numbers (by SID) whose texts go to a Messaging Service's address instead of their own, and its SID.

        Raises Transient, Permanent.
        """
        with outcome("messaging_services", listing=True):
            services = self._sdk.messaging.v1.services
            return {
                str(number.sid): str(service.sid)
                for service in services.list(page_size=_PAGE)
                if not service.use_inbound_webhook_on_number
                for number in services(str(service.sid)).phone_numbers.list(page_size=_PAGE)
            }

    def fetch_recording(
        self,
        account_sid: str,
        recording_sid: str,
        into: IO[bytes],
        *,
        format: str,
        channels: int,
    ) -> Sound:
        """Streams a recording of that account into a file: `Media.fetch`.

        Raises Transient while Twilio does not have it ready (404 for some seconds), breaks off or sends something else,
        Permanent when it never can be had: the account is not ours, or it is too large.
        """
        with outcome("media"):
            return self._media.fetch(account_sid, recording_sid, into, format=format, channels=channels)


def _owned(number: Any, names: Collection[str]) -> OwnedNumber:
    return OwnedNumber(
        number.sid,
        number.phone_number,
        {name: getattr(number, name) or "" for name in names},
        {name: sid for name in _OVERRIDES if (sid := getattr(number, name))},
    )


def _given(**optional: Any) -> dict[str, Any]:
    """Leaves out what is empty: the SDK would send it."""
    return {name: value for name, value in optional.items() if value}
