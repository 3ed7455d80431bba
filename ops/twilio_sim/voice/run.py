"""Runs TwiML on a line: fetch a document, do its verbs, go where they point, until nothing is left."""

from collections.abc import Callable
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from ops.twilio_sim.twiml import BadTwiml, parse, verbs_of
from ops.twilio_sim.voice.line import Line
from ops.twilio_sim.voice.params import voice_params
from ops.twilio_sim.webhooks.address import joined
from ops.twilio_sim.webhooks.letter import Answer, Letter

# A real loop costs its owner money until somebody hangs up; here it only has to stop.
MOST_DOCUMENTS = 100


@dataclass(frozen=True)
class Go:
    """Where the call goes next: a webhook to ask, or TwiML at hand when `url` is empty."""

    url: str
    method: str = "POST"
    kind: str = "voice"
    params: dict[str, str] = field(default_factory=dict)
    twiml: str = ""


Verb = Callable[["Run", Element], Go | None]


class Run:
    """`url` is the document's own: relative addresses in it start there."""

    def __init__(self, line: Line, verbs: dict[str, Verb], *, fallback: tuple[str, str] = ("", "POST")) -> None:
        self.line, self.call, self.world = line, line.call, line.world
        self.url, self.method = "", "POST"
        self.verbs, self._fallback = verbs, fallback
        self._documents = 0
        self._is_hopeless = False

    def run(self, go: Go) -> None:
        """Returns when the TwiML is through. Raises LineEnded when the call ends or turns before that."""
        step: Go | None = go
        while step is not None:
            self._documents += 1
            if self._documents > MOST_DOCUMENTS:
                self.call.note("Error", code=0, why=f"more than {MOST_DOCUMENTS} documents in one call")
                return
            step = self._do(self._fetch(step))
            self.line.check()
        if self._is_hopeless:
            self.line.leave()

    def ask(self, go: Go) -> Answer:
        """Posts a webhook of this call and answers what came back; runs nothing."""
        letter = Letter(
            kind=go.kind,
            sid=self.call.sid,
            url=go.url,
            params=voice_params(self.call, **go.params),
            token=self.world.sids.token(),
            method=go.method,
            voice=True,
        )
        return self.world.post(letter)

    def alert(self, code: int, why: str, url: str = "") -> None:
        """An error Twilio logs: shown in the steps, in the alerts and to the debugger's webhook."""
        self.call.note("Error", code=code, why=why, url=url)
        self.world.alerts.add(self.world, code, why, resource_sid=self.call.sid, url=url)

    def warn(self, verb: str, why: str, code: int = 12200) -> None:
        self.call.note(verb, warning=f"{code}: {why}")
        self.world.alerts.add(self.world, code, why, resource_sid=self.call.sid, url=self.url, level="WARNING")

    def at(self, reference: str) -> str:
        """An address in this document, made absolute."""
        return joined(self.url, reference)

    def _fetch(self, go: Go) -> list[Element]:
        try:
            return self._verbs_from(go)
        except BadTwiml as error:
            self.alert(error.code, error.why, go.url)
            return self._from_fallback(go, error)

    def _verbs_from(self, go: Go) -> list[Element]:
        if not go.url:
            return parse(go.twiml)
        answer = self.ask(go)
        self.url, self.method = answer.final_url or go.url, go.method
        return verbs_of(answer, spoken="Say")

    def _from_fallback(self, go: Go, error: BadTwiml) -> list[Element]:
        """Without a second address the caller hears an apology and the call ends; a whisper's leg too."""
        url, method = self._fallback
        if url and go.kind != "voice-fallback":
            why = {"ErrorCode": str(error.code), "ErrorUrl": go.url}
            return self._fetch(Go(url, method, "voice-fallback", go.params | why))
        self.line.answer()
        self._is_hopeless = True
        return parse("<Response><Say>We are sorry, an application error has occurred. Goodbye.</Say></Response>")

    def _do(self, verbs: list[Element]) -> Go | None:
        for verb in verbs:
            self.line.check()
            go = self.verbs.get(verb.tag, unknown)(self, verb)
            if go is not None:
                return go
        return None


def unknown(run: Run, verb: Element) -> None:
    """Twilio passes over a verb it does not know and logs 12200."""
    run.warn(verb.tag, "not a verb this Twilio knows")
