"""How large and how slow a request may be. Above them nobody is a client of ours, and the answer says which limit it was."""

from typing import Final

from ingress.paths import canonical

# Twilio's largest webhook is a few kilobytes, a text's body 1,600 characters: 64 KiB is generous and still harmless.
MOST_BODY_BYTES: Final = 64 * 1024
# A bulk of ten thousand recipients has 100 to 300 bytes for each.
MOST_BULK_BYTES: Final = 4 * 1024 * 1024
# Bodies of that size that may be under way in one process: 32 MiB, whoever sends them.
MOST_BULKS_AT_ONCE: Final = 8
# Request line and each header, as gunicorn's own default; Twilio's longest line is a URL of a few hundred bytes.
MOST_LINE_BYTES: Final = 8190
# Twilio sends 10 headers, a proxy adds as many again.
MOST_HEADERS: Final = 64
# The whole head: Twilio's is below one kilobyte; API clients carry tokens of a few.
MOST_HEAD_BYTES: Final = 32 * 1024
# From the first byte of a request to its last. Twilio's come in one or two packets and it gives up after 15 s itself;
# ten seconds is a bad mobile line of an API client.
REQUEST_S: Final = 10.0
# How long an answer's next bytes may find no room because the client reads nothing: the thread that sends it waits so long.
# Answers are some kilobytes and the sockets hold megabytes, so nobody who reads at all comes near it.
ANSWER_S: Final = 10


def most_body_bytes(method: str, path: str) -> int:
    """How large the body of this request may be."""
    return MOST_BULK_BYTES if method == "POST" and canonical(path) == "/api/sms/bulk" else MOST_BODY_BYTES
