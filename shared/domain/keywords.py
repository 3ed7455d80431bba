"""The words by which a person stops or resumes texts: Twilio's default list, for a message that is the word alone.

More words around it ("STOP please") mean nothing to Twilio; what they mean in law is another question than this one.
"""

from typing import Final, Literal

OptOutType = Literal["STOP", "START", "HELP"]

# Twilio, "Support for opt-out keywords (SMS STOP filtering)"; REVOKE and OPTOUT since April 2025 (FCC).
_WORDS: Final[dict[str, OptOutType]] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"), "STOP"),
    **dict.fromkeys(("START", "YES", "UNSTOP"), "START"),
    **dict.fromkeys(("HELP", "INFO"), "HELP"),
}
_LONGEST: Final = 64  # with the blanks around it; a long text is not worth folding


def opt_out_type(body: str) -> OptOutType | None:
    """What a text that is nothing but a keyword, in any case and between blanks, asks for."""
    return _WORDS.get(body.strip().upper()) if len(body) <= _LONGEST else None
