"""Finds the wish to get no more texts in what a person wrote, beyond Twilio's keywords.

"Stop, quit, end, revoke, opt out, cancel, unsubscribe" count by themselves, and any reasonable way of saying so does
(47 CFR 64.1200(a)(10)). A wrong yes silences a business towards its customer, and "stop by tomorrow" must be none. So a
word counts where it stands alone, and a sentence by a small grammar: what is to stop, towards whom, and what turns it.
"""

import re
import unicodedata
from typing import Final

_LONGEST: Final = 1_600  # characters: Twilio's limit for a text
_APOSTROPHES: Final = re.compile("['`\u00b4\u2018\u2019\u02bc\u2032]")
_CLAUSE_ENDS: Final = re.compile("[.!;:\u2026\u2013\u2014\n]+| - ")
_NO_WORD: Final = re.compile(r"[^a-z0-9|,?]+")
_POLITE_ASKING: Final = re.compile(r"\b(?:can|could|would|will) (?:you|u) (?:guys )?(?:please|pls|plz|kindly|just)\b")
_THREAT: Final = re.compile(r"\bif (?:you|u) (?:dont|do not|wont|cant) (?=stop|quit)")  # "if you don't stop texting me"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Said with a wish without changing it; taken off both ends of a clause.
_POLITE: Final = _set("""please pls plz plse kindly thanks thank thankyou thx ty you u hi hello hey ok okay just now immediately
    asap already sir madam maam sorry right away i said told im asking again anymore any more ever and also yes""")
# Alone in the first or last sentence, or in the only one.
_BARE: Final = _set("stop stopall unsubscribe unsub optout arret arretez")
_BARE_ALONE: Final = _BARE | {"cancel", "end", "quit", "revoke", "remove"}
_SPELLING: Final = {
    re.compile(
        r"\b(?:reply|text|txt|send) \w+ to (?:stop|unsubscribe|end|cancel|quit|opt ?out)\b"
    ): "",  # quoted back to us
    re.compile(r"\bopt(?:ing)? out\b"): "optout",
    re.compile(r"\bno (?=please|stop\b)"): "",
    re.compile(r"\bst(?:o|ooo+)pp*\b"): "stop",  # also stoooop and stopp, but not stoop
    re.compile(r"\bun ?(?:subscribe|suscribe|subcribe|subscibe|subscribed)\b"): "unsubscribe",
    re.compile(r"\bdo not\b"): "dont",
    re.compile(r"\b(?:fucking|freaking|damn|goddamn|bloody|effing) "): "",
}

_ME: Final = "(?:me|us|this number|this phone|my number|my phone|my cell)"
_DET: Final = (
    "(?:(?:all|any|more|further|future|these|those|this|that|the|your|ur|you|such|my|marketing|promotional|automated|text"
    "|sms|mms|spam|mailing|contact|phone|call|subscriber|stupid|annoying|unwanted|distribution) )*"
)
_TEXTS: Final = (
    f"{_DET}(?:texts?|txts?|messages?|msgs?|sms|mms|spam|alerts|notifications|promos|promotions|solicitations?)"
)
_FROM: Final = (
    f"(?: (?:from|of|off|off of|out of|on) {_DET}(?:texts?|txts?|messages|msgs|sms|lists?|texting|database|here|it))?"
)
# What it is taken off would follow: "remove me from the schedule" is another wish.
_NO_OTHER: Final = r"(?! (?:from|of|off|out|on|to|in)\b)"
_STOP: Final = "(?:stop|quit|cease)"
_ING: Final = "(?:texting|txting|messaging|msging|contacting|calling|spamming|bothering|harassing|pestering|smsing)"
_CALL: Final = "(?:text|txt|message|msg|contact|bother|spam|sms)"
_WANT: Final = "(?:want|wish|like|love|need)"
_CONSENT: Final = "(?:(?:my|all|any|prior|previous|the) )*(?:consent|permission|authorization)"

# A whole sentence, when the polite words around it are gone.
_SENTENCES: Final = (
    f"{_STOP} {_ING}(?: or {_ING})?", f"{_STOP} (?:it|this|that|all|everything|these|sending|contact|all contact)",
    f"{_STOP} sending (?:this|these|it|stuff)", f"dont (?:ever )?{_CALL}", f"dont (?:call or {_CALL}|{_CALL} or call)",
    "never (?:text|contact|message)", f"(?:no|cease) {_TEXTS}", f"(?:remove|delete|drop) {_ME}", "take (?:me|us) off",
    "get me off", "optout(?: me| us)?", "opt (?:me|us) out", "arretez?(?: svp| de m ?envoyer.*)?",
)  # fmt: skip
# At the beginning of a sentence, whatever follows.
_BEGINNINGS: Final = (f"no (?:more|further) {_TEXTS}", "stop (?:now )?or (?:i|ill|we|im)")
# Anywhere, unless a word before or behind turns it.
_SAYINGS: Final = (
    f"{_STOP} {_ING}(?: (?:or|and) {_ING})? (?:{_ME}|{_TEXTS})", f"{_STOP} sending (?:{_ME} )?{_TEXTS}",
    f"{_STOP} sending {_ME}(?= [|,?]|$| this| these| stuff| anything| it| please| now)",
    f"(?:stop|end|cancel|discontinue|cease) {_TEXTS}", f"stop (?:receiving|getting) {_TEXTS}",
    f"(?:dont|never) (?:ever )?(?:(?:call|phone) or )?{_CALL}(?: or (?:call|text|message|contact))? {_ME}",
    f"(?:dont|never) (?:ever )?call (?:or text )?{_ME} (?:again|anymore|any more|ever)",
    f"(?:dont|never) (?:ever )?send (?:{_ME} )?(?:{_TEXTS})",
    f"(?:dont|no longer) {_WANT} (?:to (?:receive|get|have|see) )?{_TEXTS}",
    f"(?:dont|no longer) {_WANT} to (?:be (?:texted|contacted|messaged)|hear from you)",
    f"(?:dont|no longer) {_WANT} (?:you|u) (?:to )?(?:{_CALL}|{_ING}) {_ME}",
    f"{_WANT} to be (?:removed|taken off|unsubscribed|opted out)" + _FROM + _NO_OTHER,
)  # fmt: skip
# As those, also in a question: "how do I unsubscribe".
_ASKED: Final = (
    f"unsubscribe(?: (?:{_ME}|now|all))*" + _FROM + _NO_OTHER,
    f"optout(?: (?:me|us))?{_FROM}(?= [|,?]|$| (?:please|pls|now|thanks|and|i)\\b)",
    "opt(?:ing)? (?:me|us) out" + _FROM + _NO_OTHER,
    f"(?:remove|delete|take|get|drop|erase) (?:{_ME}|my (?:name|info|information|contact|phone number))"
    f" (?:from|off|off of|out of) {_DET}(?:lists?|database|contacts|texts?|messages|texting|system)",
    "(?:remove|delete|lose|forget|erase) my (?:phone )?number" + _NO_OTHER,
    f"(?:revoke|revoking|withdraw|withdrawing|rescind|take back) {_CONSENT}",
    f"{_CONSENT} (?:is |has been )?(?:revoked|withdrawn)",
    "(?:leave|let) (?:me|us) alone",
)  # fmt: skip

_NOT: Final = _set("""dont not never cant cannot wont didnt doesnt havent hasnt did wouldnt shouldnt couldnt ill unless without
    they he she nobody""")
_ASKS: Final = _NOT | {"why", "when", "how", "if", "until", "before", "does", "we", "where", "who"}
# "Don't text me while I drive" is no good-bye.
_NARROWS: Final = _set("until till while when whenever during before after if unless at tonight today tomorrow back")
_LOOKS_BACK: Final = 3  # words
_BREAK: Final = re.compile(r"[|,?]|\b(?:and|but|so)\b")


def _compiled(said: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{'|'.join(said)})(?![a-z0-9])")


_SENTENCE, _BEGINNING, _SAYING, _ASKED_FOR = map(_compiled, (_SENTENCES, _BEGINNINGS, _SAYINGS, _ASKED))


def normal(body: str) -> str:
    """`body` as lower-case words of ASCII, with " | ", "," and "?" where clauses end.

    Full-width and other letters of compatibility become plain, accents, signs without width and emoji go.
    """
    text = unicodedata.normalize("NFKD", body[-_LONGEST:])
    text = "".join(c for c in text if c in "\n\r\t" or unicodedata.category(c) not in ("Mn", "Me", "Cf", "Cc"))
    text = _APOSTROPHES.sub("", text).casefold().replace("\r", "\n")
    text = _NO_WORD.sub(" ", _CLAUSE_ENDS.sub(" | ", text).replace(",", " , ").replace("?", " ? "))
    return " ".join(text.split()).strip("|, ")


def stop_in(text: str) -> str | None:
    """The words of `text` (as `normal` gives it) that ask for no more texts, or None."""
    for spelling, usual in _SPELLING.items():
        text = spelling.sub(usual, text)
    text = _THREAT.sub("please ", _POLITE_ASKING.sub("please", text))
    return _bare(text) or _sentence(text) or _saying(_SAYING, text, _ASKS) or _saying(_ASKED_FOR, text, _NOT)


def _bare(text: str) -> str | None:
    """A keyword that stands alone among polite words."""
    clauses = [words for clause in re.split(r"[|,]|(?<=\?)", text) if (words := _plain(clause)) and words != ["?"]]
    for clause in clauses[:1] + clauses[-1:]:
        is_alone = len(clauses) == 1 and clause[-1] != "?"  # "cancel?" asks for something else
        if {*clause} - {"?"} <= (_BARE_ALONE if is_alone else _BARE):
            return clause[0]
    return None


def _sentence(text: str) -> str | None:
    for clause in re.split("[|,?]", text):
        words = " ".join(_plain(clause))
        if found := _SENTENCE.fullmatch(words) or _BEGINNING.match(words):
            return found[0]
    return None


def _saying(pattern: re.Pattern[str], text: str, turns: frozenset[str]) -> str | None:
    for found in pattern.finditer(text):
        before = _BREAK.split(text[: found.start()])[-1].split()[-_LOOKS_BACK:]
        behind = text[found.end() :].split()[:1]
        if turns.isdisjoint(before) and _NARROWS.isdisjoint(behind):
            return found[0]
    return None


def _plain(clause: str) -> list[str]:
    """The words of a clause without the polite ones at its ends."""
    words = clause.split()
    while words and words[0] in _POLITE:
        words.pop(0)
    while words and words[-1] in _POLITE:
        words.pop()
    return words
