"""What we say ourselves to people on the line, in the languages we have it in. All other words are the number's own."""

from typing import Final, NamedTuple


class Words(NamedTuple):
    """The fixed sentences of one language; `language` as Twilio's `<Say>` names it."""

    language: str
    whisper: str
    agree: str


_ENGLISH: Final = Words(
    "en-US",
    "Call for your business. Press 1 to take it.",
    "Press 1 if you agree. Otherwise stay on the line, and the call will not be recorded.",
)
_ALL: Final = {
    "en": _ENGLISH,
    "es": Words(
        "es-US",
        "Llamada para su negocio. Pulse 1 para atenderla.",
        "Pulse 1 si está de acuerdo. De lo contrario, espere en la línea y la llamada no se grabará.",
    ),
    "fr": Words(
        "fr-CA",
        "Appel pour votre entreprise. Appuyez sur 1 pour le prendre.",
        "Appuyez sur 1 si vous êtes d'accord. Sinon, restez en ligne et l'appel ne sera pas enregistré.",
    ),
}


def words(language: str) -> Words:
    """Those of `language` (a tag like `es-MX`), else the English ones. A dialect we have the language of speaks as itself."""
    found = _ALL.get(language.partition("-")[0].lower())
    return found._replace(language=language) if found else _ENGLISH
