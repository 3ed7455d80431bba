"""A certificate authority of the tests' own, and names that lead where a test says."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ops.standins.hostile import Hostile


@pytest.fixture
def receiver() -> Iterator[Callable[..., Hostile]]:
    """Makes receivers that end with the test."""
    made: list[Hostile] = []

    def make(*args: object, **kwargs: object) -> Hostile:
        made.append(Hostile(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Names:
    """What the name servers say of `*.test`: a list of addresses at each question, the last one for ever."""

    def __init__(self) -> None:
        self.said: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def lead(self, host: str, *answers: list[str]) -> None:
        self.said[host] = [*answers]

    def look_up(self, host: str, port: int, *, type: int, flags: int = 0) -> list[tuple]:
        if flags & socket.AI_NUMERICHOST or not host.endswith(".test"):
            return _REAL(host, port, type=type, flags=flags)
        self.asked.append(host)
        answers = self.said.get(host, [])
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [found for address in addresses for found in _REAL(address, port, type=type)]


_REAL = socket.getaddrinfo


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Name servers are the edge of the world: here they say what the test wants."""
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found.look_up)
    return found


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the tests' own authority")])
        own = self._certificate(self._name, self._key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def server_context(self, host: str, *, is_over: bool = False) -> ssl.SSLContext:
        """Of a receiver with a certificate for this host (a name or an address)."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        try:
            alternative: x509.GeneralName = x509.IPAddress(ip_address(host))
        except ValueError:
            alternative = x509.DNSName(host)
        extension = x509.SubjectAlternativeName([alternative])
        certificate = self._certificate(subject, key.public_key(), extension, is_over=is_over)
        file = self._folder / f"{host}-{is_over}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey,
        extension: x509.ExtensionType,
        *,
        is_over: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        ends = now - timedelta(days=1) if is_over else now + timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(ends)
            .add_extension(extension, critical=False)
            .sign(self._key, hashes.SHA256())
        )


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
