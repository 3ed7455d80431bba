"""What is no request is answered and told by its kind, never by its content; faults of ours are left to gunicorn."""

import pytest
from gunicorn.http import errors

from ingress import unreadable


class Wire:
    """A socket, as far as it is written to."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (errors.LimitRequestLine(9000, 8190), b"414"),
        (errors.LimitRequestHeaders("secret"), b"431"),
        (errors.ExpectationFailed("secret"), b"417"),
        (errors.UnsupportedTransferCoding("secret"), b"501"),
        (errors.InvalidHeader("secret"), b"400"),
        (errors.InvalidRequestLine("secret"), b"400"),
        (errors.ObsoleteFolding("secret"), b"400"),
        (errors.InvalidChunkSize(b"secret"), b"400"),
        (errors.InvalidSchemeHeaders(), b"400"),
    ],
)
def test_each_kind_has_its_status_and_repeats_nothing_of_what_came(fault, status):
    wire = Wire()
    assert unreadable.is_answered(wire, fault)
    head, _, body = wire.sent.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == status
    assert b"Content-Length: %d\r\n" % len(body) in head
    assert b"Connection: close" in head
    assert b"secret" not in wire.sent


@pytest.mark.parametrize("fault", [errors.ConfigurationProblem("ours"), ValueError("a bug")])
def test_a_fault_of_ours_is_none_of_the_clients(fault):
    wire = Wire()
    assert not unreadable.is_answered(wire, fault)
    assert wire.sent == b""
