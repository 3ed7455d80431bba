"""The words by which a person stops or resumes texts: Twilio's list, and what counts beside it.

Twilio acts on a message that is nothing but a keyword. In law more counts: a word in quotes or with a full stop behind it,
another spelling, a whole sentence (`free_form`). Then Twilio has neither answered nor blocked anything, and we must.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from shared.domain import free_form

OptOutType = Literal["STOP", "START", "HELP"]

# Twilio, "Support for opt-out keywords (SMS STOP filtering)"; REVOKE and OPTOUT since April 2025 (FCC).
_WORDS: Final[dict[str, OptOutType]] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), "STOP"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
_LONGEST: Final = 64  # with the blanks around it; a long text is not worth folding
# Toll-free numbers of +1: the network itself acts there, and knows START and UNSTOP only.
_TOLL_FREE = re.compile(r"\+18(?:00|33|44|55|66|77|88)\d{7}\Z")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a text asks for. `is_free_form`: Twilio does not act on it by itself. `word`: what it was recognised by."""

    type: OptOutType
    is_free_form: bool
    word: str


def wish(body: str, opt_out_type_param: OptOutType | None = None, *, to: str = "") -> Wish | None:
    """What a text to our number `to` asks for. Twilio's own word for it (OptOutType, Advanced Opt-Out) goes before ours."""
    if opt_out_type_param:
        return Wish(opt_out_type_param, False, "OptOutType")
    if type_ := opt_out_type(body):
        word = body.strip().upper()
        return None if word == "YES" and is_toll_free(to) else Wish(type_, False, word)
    text = free_form.normal(body)
    word = "".join(text.replace("|", "").split()).upper()
    if "?" not in body and (type_ := _WORDS.get(word)) and not (word == "YES" and is_toll_free(to)):
        return Wish(type_, True, word)
    if said := free_form.stop_in(text):
        return Wish("STOP", True, said)
    return None


def opt_out_type(body: str) -> OptOutType | None:
    """What a text that is nothing but a keyword, in any case and between blanks, asks of Twilio."""
    return _WORDS.get(body.strip().upper()) if len(body) <= _LONGEST else None


def is_toll_free(number: str) -> bool:
    """Whether it is a toll-free number of +1."""
    return bool(_TOLL_FREE.match(number))
