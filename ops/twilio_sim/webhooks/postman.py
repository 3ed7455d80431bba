"""Delivers a webhook: signs, posts, follows redirects, tries again as the URL's fragment asks, remembers."""

import time
from dataclasses import replace
from urllib.parse import urldefrag, urlencode

from ops.twilio_sim.account import Account
from ops.twilio_sim.dice import Dice
from ops.twilio_sim.settings import Settings
from ops.twilio_sim.webhooks.address import is_http_url, joined
from ops.twilio_sim.webhooks.exchange import Limits, exchange
from ops.twilio_sim.webhooks.history import History
from ops.twilio_sim.webhooks.letter import Answer, Letter, Params
from ops.twilio_sim.webhooks.overrides import Overrides, overrides_of
from ops.twilio_sim.webhooks.signature import sign

MAX_REDIRECTS = 10
CALLBACKS = frozenset({"call-status", "message-status", "recording-status", "transcription", "amd"})
FORGED = "Zm9yZ2VkLCBub3Qgc2lnbmVkIHdpdGg="  # 28 characters and valid base64, as a real one


class Postman:
    def __init__(self, account: Account, history: History, dice: Dice, settings: Settings) -> None:
        self._account, self._history, self._dice, self._settings = account, history, dice, settings

    def post(self, letter: Letter) -> Answer:
        """The last attempt's answer. Takes 15 real seconds at most, retries included."""
        if letter.kind not in CALLBACKS:
            return self._deliver(letter)
        if self._dice.chance(self._settings.drop_rate, "drop", *letter.about):
            return self._drop(letter)
        answer = self._deliver(letter)
        if self._dice.chance(self._settings.duplicate_rate, "duplicate", *letter.about):
            self._deliver(letter)
        return answer

    def _deliver(self, letter: Letter) -> Answer:
        overrides = overrides_of(letter.url)
        deadline = time.monotonic() + overrides.total_s
        attempt = 1
        while True:
            answer = self._attempt(letter, attempt, overrides, deadline)
            retry = answer.failure in overrides.retried and attempt <= overrides.retries
            if not retry or time.monotonic() >= deadline:
                return answer
            attempt += 1

    def _attempt(self, letter: Letter, attempt: int, overrides: Overrides, deadline: float) -> Answer:
        body = urlencode(letter.params).encode()
        sent_ns, era = time.time_ns(), self._history.era
        answer = self._follow(letter, body, Limits(overrides.connect_s, overrides.read_s, deadline))
        entry_id = self._history.add(
            letter, answer, attempt=attempt, body=body, sent_ns=sent_ns, done_ns=time.time_ns(), era=era
        )
        return replace(answer, entry_id=entry_id)

    def _follow(self, letter: Letter, body: bytes, limits: Limits) -> Answer:
        """301, 302 and 303 turn into a GET without the parameters; 307 and 308 repeat the request as it was."""
        method, url, params = letter.method, letter.url, letter.params
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._send(letter, method, url, params, body, limits)
            if not answer.location:
                return answer
            url = joined(url, answer.location)
            if answer.http_status in (301, 302, 303):
                method, params = "GET", []
        return Answer(failure="5xx", error="too many redirects", error_code=11215, final_url=url)

    def _send(self, letter: Letter, method: str, url: str, params: Params, body: bytes, limits: Limits) -> Answer:
        """`body` is `params` as a form; a GET has them in its URL."""
        target = urldefrag(url).url
        if method != "GET":
            return exchange(method, target, body, self._headers(letter, target, params, body), limits)
        if params:
            target += ("&" if "?" in target else "?") + body.decode()
        return exchange(method, target, None, self._headers(letter, target, [], None), limits)

    def _headers(self, letter: Letter, url: str, params: Params, body: bytes | None) -> dict[str, str]:
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "Accept-Encoding": "gzip,deflate",
            "Cache-Control": "max-age=259200",
            "Connection": "close",
            "I-Twilio-Idempotency-Token": letter.token,
            "X-Home-Region": "us1",
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        if letter.tamper != "missing":
            headers["X-Twilio-Signature"] = self._signature(letter, url, params)
        return headers

    def _signature(self, letter: Letter, url: str, params: Params) -> str:
        if letter.tamper or not is_http_url(url):
            return FORGED  # what is no URL has nothing to sign, and is not sent either
        return sign(self._account.token, url, params, voice=letter.voice)

    def _drop(self, letter: Letter) -> Answer:
        """The network lost it: the world believes it was sent, the receiver never sees it."""
        moment, era = time.time_ns(), self._history.era
        answer = Answer(failure="rt", error="dropped on purpose", final_url=letter.url)
        body = urlencode(letter.params).encode()
        self._history.add(letter, answer, attempt=1, body=body, sent_ns=moment, done_ns=moment, era=era)
        return answer
