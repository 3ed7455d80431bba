"""Everything one simulated Twilio holds: books, clock, agenda, postman, and the calls that are going on."""

import re
import secrets
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from ops.twilio_sim.account import Account
from ops.twilio_sim.agenda import Agenda
from ops.twilio_sim.alerts import Alerts
from ops.twilio_sim.books import Book
from ops.twilio_sim.call_ledger import CallLedger
from ops.twilio_sim.clock import Clock
from ops.twilio_sim.dice import Dice
from ops.twilio_sim.faults import Faults
from ops.twilio_sim.ledger import Ledger
from ops.twilio_sim.media_ledger import MediaLedger
from ops.twilio_sim.media_trouble import MediaTrouble
from ops.twilio_sim.odds import Odds
from ops.twilio_sim.phones import Phone, phone_named
from ops.twilio_sim.resources.call import Call
from ops.twilio_sim.resources.message import Message
from ops.twilio_sim.resources.number import Number
from ops.twilio_sim.resources.recording import Recording
from ops.twilio_sim.resources.service import Service
from ops.twilio_sim.senders import RATES, Queues, kind_of
from ops.twilio_sim.settings import Settings
from ops.twilio_sim.sids import Sids
from ops.twilio_sim.webhooks.history import History
from ops.twilio_sim.webhooks.letter import Answer, Letter
from ops.twilio_sim.webhooks.postman import Postman

if TYPE_CHECKING:
    from ops.twilio_sim.voice.line import Line

# What Twilio shows in RecordingUrl and media_url, whatever address this simulator really has.
API_URL = "https://api.twilio.com"


class World:
    def __init__(
        self,
        account: Account,
        *,
        speed: float = 1.0,
        seed: int | None = None,
        history_file: Path | None = None,
        api_url: str = API_URL,
    ) -> None:
        self.account, self.api_url = account, api_url
        self.lock = threading.RLock()
        self.seed = secrets.randbits(64) if seed is None else seed
        self.clock, self.sids, self.dice = Clock(speed), Sids(self.seed), Dice(self.seed)
        self.settings, self.faults, self.odds = Settings(), Faults(), Odds(self.dice)
        self.agenda, self.history = Agenda(self.clock), History(history_file)
        self.ledger, self.call_ledger, self.alerts = Ledger(self.clock), CallLedger(self.clock), Alerts()
        self.media, self.media_trouble = MediaLedger(), MediaTrouble(self.dice)
        self._postman = Postman(account, self.history, self.dice, self.settings)
        self.numbers: Book[Number] = Book(self.lock, lambda number: number.phone_number)
        self.messages: Book[Message] = Book(self.lock, lambda message: message.to)
        self.calls: Book[Call] = Book(self.lock, lambda call: call.to)
        self.recordings: Book[Recording] = Book(self.lock, lambda recording: recording.call_sid)
        self.services: Book[Service] = Book(self.lock)
        self.phones: dict[str, Phone] = {}
        self.queues = Queues(self.clock)
        self.sticky: dict[tuple[str, str], str] = {}
        # (person, number or service SID)
        self.opt_outs: set[tuple[str, str]] = set()
        self.lines: dict[str, Line] = {}

    def number(self, phone_number: str) -> Number | None:
        """The number of ours with this E.164 spelling."""
        return next(self.numbers.newest_first(heading=phone_number), None) if phone_number else None

    def own_number(self, phone_number: str) -> Number:
        """Buys it if it is not ours yet."""
        with self.lock:
            found = self.number(phone_number)
            return found or self.numbers.add(Number(self.sids.new("PN"), self.account.sid, phone_number))

    def own_service(self, friendly_name: str) -> Service:
        """Makes it if there is none of this name."""
        with self.lock:
            found = next((s for s in self.services if s.friendly_name == friendly_name), None)
            return found or self.services.add(Service(self.sids.new("MG"), self.account.sid, friendly_name))

    def service_with(self, phone_number: str) -> Service | None:
        """The service that has this number in its pool."""
        number = self.number(phone_number)
        return next((s for s in self.services if number and number.sid in s.number_sids), None)

    def rate_of(self, sender: str) -> float:
        """Segments a second."""
        number = self.number(sender)
        return (number.segments_per_s if number else 0.0) or RATES.get(kind_of(sender), 1.0)

    def phone(self, address: str) -> Phone:
        """By E.164, `client:name` or `sip:name@host`, whatever parameters follow the latter."""
        found = self.phones.get(address) or self.phones.get(re.split("[;?]", address)[0])
        return found or phone_named(address)

    def post(self, letter: Letter) -> Answer:
        return self._postman.post(letter)

    def forget(self) -> None:
        """Ends live calls without a word to anybody and empties every book; speed and history file stay."""
        self.agenda.clear()
        with self.lock:
            for line in list(self.lines.values()):
                line.abandon()
            self.lines.clear()
            for book in (self.numbers, self.messages, self.calls, self.recordings, self.services):
                book.clear()
            self.phones.clear()
            self.opt_outs.clear()
            self.sticky.clear()
            self.queues.clear()
        self.settings.__init__()
        self.faults.clear()
        self.odds.clear()
        self.dice.forget()
        self.history.clear()
        self.ledger.clear()
        self.call_ledger.clear()
        self.alerts.clear()
        self.media.clear()
        self.media_trouble.clear()

    def close(self) -> None:
        self.forget()
        self.agenda.close()
        self.history.close()
