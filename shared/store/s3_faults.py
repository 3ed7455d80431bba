"""What boto3 and the network raise, as outcomes: a store that is down, slow or refuses is Transient, with a short reason.

boto3 is imported when it is first needed: it costs 0.7 s and 50 MB, and the ingress only ever reads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from requests.exceptions import RequestException
from urllib3.exceptions import HTTPError

from shared.errors import Transient

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

RETRY_S: Final = 5  # seconds: most outages of a store are shorter


@contextmanager
def as_outcomes() -> Iterator[None]:
    """Everything that a call of the store raises, as Transient. A checksum refused on arrival is one too: the transfer was
    damaged, the file is not."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as fault:
        raise Transient(f"store: {code_of(fault)}", retry_after_s=RETRY_S) from fault
    except (BotoCoreError, HTTPError, RequestException) as fault:
        raise Transient(f"store: {type(fault).__name__}", retry_after_s=RETRY_S) from fault


def code_of(fault: "ClientError") -> str:
    """S3's name of the fault; of an answer without a body, its HTTP status."""
    return str(fault.response.get("Error", {}).get("Code") or status_of(fault))


def status_of(fault: "ClientError") -> int:
    """The HTTP status of the answer, 0 if none is known."""
    return fault.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
