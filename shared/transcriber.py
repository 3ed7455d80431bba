"""An engine that writes down what is said: any that speaks the OpenAI API's `POST /v1/audio/transcriptions`.

It is not trusted to be quick, to be brief, or to answer what was asked.
"""

import json
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import requests
from urllib3.exceptions import HTTPError

from shared.errors import Permanent, Transient, Unreadable
from shared.settings import Settings

PATH: Final = "/v1/audio/transcriptions"
# One lost SYN is repeated after 1 s and after 3 s (RFC 6298). It is also all that a piece of the sound may wait to be taken.
CONNECT_S: Final = 4.0
# An engine that has been idle loads its model first: gigabytes from a disk.
START_S: Final = 60.0
# One that needs longer than half of the sound's length never catches up with two telephones that are busy.
SHARE_OF_LENGTH: Final = 0.5
# All threads of a worker busy for 900 s are taken for stuck (`workers/watchdog.py`). Sound of more than 24 minutes must
# come faster than at half of its length: two hours at a tenth.
LONGEST_S: Final = 780.0
# An hour's words with their times are 200 kB, with every token of them 2 MB.
LARGEST_BYTES: Final = 4_000_000
# As many segments as a long call has; one that is none is left out.
MOST_SEGMENTS: Final = 5_000
# What an engine may ask us to wait: it is tried for some hours, and a word of it must not use them up.
LONGEST_WAIT_S: Final = 1_800.0
# These speak of the sound: it will not please the next time. The others (401, 404, 429 …) are the installation's or the
# moment's, and would cost every recording until somebody mends them.
_REFUSED: Final = frozenset({400, 406, 410, 411, 413, 414, 415, 416, 422})
_CODE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,49}")


@dataclass(frozen=True, slots=True)
class Words:
    """What the engine heard. `confidence` is an estimate: 0 to 1, None where it gives nothing to reckon it from.

    `segments`: what was said when, `[{"start_s": 0.0, "end_s": 2.5, "text": "…"}]`.
    """

    text: str
    language: str | None
    confidence: float | None
    segments: list[dict[str, Any]]


def deadline_s(length_s: float) -> float:
    """All that an engine may take for sound of this many seconds, from the connection to its last byte."""
    return min(START_S + SHARE_OF_LENGTH * length_s, LONGEST_S)


class Sent:
    """The body: the fields, then the sound piece by piece. Its length is known, so that it needs no chunks.

    Raises Transient out of the middle when the engine takes it too slowly, and whatever the sound raises.
    """

    def __init__(self, head: bytes, sound: Iterator[bytes], size_bytes: int, tail: bytes, until: float) -> None:
        self._head, self._sound, self._tail, self._until = head, sound, tail, until
        self._length = len(head) + size_bytes + len(tail)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        for piece in self._sound:
            if time.monotonic() > self._until:
                raise Transient("engine_slow")
            yield piece
        yield self._tail


def ask(settings: Settings, sound: Iterator[bytes], *, size_bytes: int, content_type: str, length_s: float) -> Words:
    """Sends the sound and waits for its words. Raises Transient, Permanent (it refuses this sound), Unreadable, and what
    reading the sound raises.

    A connection of its own each time: one is asked for once in minutes, and an engine behind a balancer may have moved.
    Its head alone may drip longer than the deadline; that is bound by the lease of whoever asks.
    """
    until = time.monotonic() + deadline_s(length_s)
    body, form_type = _form(settings, sound, size_bytes, content_type, until)
    headers = {"Content-Type": form_type, "Accept": "application/json", "Accept-Encoding": "identity"}
    if settings.transcription_key:
        headers["Authorization"] = f"Bearer {settings.transcription_key}"
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy variable or .netrc of the host must not meet our key, or the sound
            with session.post(
                settings.transcription_url + PATH,
                data=body,
                headers=headers,
                timeout=(CONNECT_S, deadline_s(length_s)),
                allow_redirects=False,  # neither the key nor what people said goes where an answer points
                stream=True,
            ) as answer:
                return _words(answer, until)
    except requests.RequestException as fault:
        raise Transient(f"engine: {type(fault).__name__}") from fault


def _form(
    settings: Settings, sound: Iterator[bytes], size_bytes: int, content_type: str, until: float
) -> tuple[Sent, str]:
    """multipart/form-data (RFC 7578). The name of the file tells engines its kind, and nothing of whose it is."""
    boundary = uuid4().hex
    fields = {"model": settings.transcription_model, "response_format": "verbose_json"}
    if settings.transcription_language:
        fields["language"] = settings.transcription_language
    plain = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    name = "recording.mp3" if content_type == "audio/mpeg" else "recording.wav"
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {content_type}'
    head, tail = f"{plain}{file}\r\n\r\n".encode(), f"\r\n--{boundary}--\r\n".encode()
    return Sent(head, sound, size_bytes, tail, until), f"multipart/form-data; boundary={boundary}"


def _words(answer: requests.Response, until: float) -> Words:
    if answer.status_code != 200:
        raise _refusal(answer, until)
    try:
        told = json.loads(_read(answer, until))
    except (ValueError, RecursionError) as fault:
        raise Unreadable("engine_unreadable") from fault
    if not isinstance(told, dict) or not isinstance(told.get("text"), str):
        raise Unreadable("engine_unreadable")
    found = [one for one in _list(told.get("segments"))[:MOST_SEGMENTS] if _is_segment(one)]
    segments = [{"start_s": one["start"], "end_s": one["end"], "text": _clean(one["text"])} for one in found]
    return Words(_clean(told["text"]), _spoken(told.get("language")), _confidence(found), segments)


def _refusal(answer: requests.Response, until: float) -> Transient | Permanent:
    """What it says besides may repeat what it heard: only a code of it is kept."""
    reason = f"engine_{answer.status_code}"
    if answer.status_code in _REFUSED:
        return Permanent(" ".join(filter(None, [reason, _code(answer, until)])))
    wait = answer.headers.get("retry-after", "")
    asked_s = min(float(wait), LONGEST_WAIT_S) if wait.isascii() and wait.isdigit() else None
    return Transient(reason, retry_after_s=asked_s)


def _code(answer: requests.Response, until: float) -> str:
    try:
        told = json.loads(_read(answer, until))
        code = told["error"]["code"]
    except (ValueError, RecursionError, LookupError, TypeError, Transient, Unreadable, requests.RequestException):
        return ""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _read(answer: requests.Response, until: float) -> bytes:
    """All of the body, of what came at a time: to wait for a full buffer would let an answer drip for ever."""
    held = bytearray()
    try:
        while piece := answer.raw.read1(65_536):
            held += piece
            if len(held) > LARGEST_BYTES:
                raise Unreadable("engine_answers_without_end")
            if time.monotonic() > until:
                raise Transient("engine_slow")
    except (OSError, HTTPError) as fault:
        raise Transient(f"engine: {type(fault).__name__}") from fault
    return bytes(held)


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []


def _is_segment(one: object) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("text"), str)
        and all(_is_number(one.get(name)) and one[name] >= 0 for name in ("start", "end"))
    )


def _confidence(segments: list[dict[str, Any]]) -> float | None:
    """An estimate, not a measure: e to the mean log-probability of the tokens, each segment by its length.

    Engines of this kind give no other (OpenAI API, verbose_json: `avg_logprob`). It is high for words that are likely, also
    where nobody has said them.
    """
    rated = [(one["end"] - one["start"], one["avg_logprob"]) for one in segments if _is_number(one.get("avg_logprob"))]
    total_s = sum(length_s for length_s, _ in rated if length_s > 0)
    if total_s <= 0:
        return None
    mean = sum(length_s * logprob for length_s, logprob in rated if length_s > 0) / total_s
    return math.exp(min(mean, 0.0))


def _is_number(value: object) -> bool:
    """Of a size that seconds and logarithms have; neither NaN nor infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9


def _spoken(language: object) -> str | None:
    """`en` or `english`, as it comes: engines differ."""
    return language.lower() if isinstance(language, str) and re.fullmatch(r"[A-Za-z-]{2,35}", language) else None


def _clean(text: str) -> str:
    """Without what PostgreSQL cannot keep: NUL, and halves of surrogate pairs that JSON lets through."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()
