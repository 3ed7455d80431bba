"""Whose word counts as Twilio's: our addresses, the keys of each account, and the proxies that may speak of addresses."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Final, Literal, NamedTuple

from shared.settings import Settings
from shared.twilio import spellings
from shared.twilio.signature import HMAC_SHA1, digest_of

Reason = Literal[
    "missing_signature", "bad_signature", "unhashed_body", "unknown_account", "unknown_key", "unknown_algorithm",
    "too_many_fields",
]  # fmt: skip
Secrets = Mapping[str, tuple[str, ...]]

_SCHEMES: Final = frozenset({"http", "https", "ws", "wss"})
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")
_PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~%-]{1,64}){1,8}/?")
_PLAIN: Final = "sha1"


class Refused(Exception):
    """Not from Twilio, as far as anybody can tell. Nothing of the request may be kept."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Forwarded(NamedTuple):
    """What the proxy in front of us says it was asked: X-Forwarded-Proto, -Host and -Prefix, "" where it says nothing."""

    proto: str = ""
    host: str = ""
    prefix: str = ""


class Ring(NamedTuple):
    """The keys one of which must have signed, by account, and the digest (hashlib's name) they must have used."""

    digest: str
    keys: Sequence[tuple[str, tuple[bytes, ...]]]


@dataclass(frozen=True, slots=True)
class Policy:
    """Built once. `bases` are our public addresses, with a path prefix where a proxy takes one away; the first is the
    usual one. `accounts` and `shared_keys` map a SID or a key's name to its live secrets; the first account is the main
    one. `trusted_proxies` are addresses or networks."""

    bases: Sequence[str]
    accounts: Secrets
    shared_keys: Secrets = field(default_factory=dict)
    trusted_proxies: Sequence[str] = ()
    forms: tuple[bytes, ...] = field(init=False)
    main_account: str = field(init=False)
    _rings: dict[str, Ring] = field(init=False)
    _every_ring: Ring = field(init=False)
    _networks: tuple[IPv4Network | IPv6Network, ...] = field(init=False)

    @classmethod
    def of(cls, settings: Settings) -> "Policy":
        """The policy that is configured. Every address that we give to Twilio is one that it may sign."""
        given = filter(None, (settings.public_url, *settings.public_url_aliases, settings.fallback_url))
        bases = tuple(dict.fromkeys(given))
        return cls(bases, settings.accounts, settings.twilio_shared_keys, settings.trusted_proxies)

    def __post_init__(self) -> None:
        spelled = [form for base in self.bases for form in spellings.of_base(base)]
        live = {sid: tuple(token.encode() for token in tokens) for sid, tokens in self.accounts.items()}
        derived = {
            # All plain addresses before any rarer spelling: nearly every request matches the very first.
            "forms": tuple(form.encode() for form in dict.fromkeys((*self.bases, *spelled))),
            "main_account": next(iter(self.accounts), ""),
            "_rings": {sid: Ring(_PLAIN, ((sid, keys),)) for sid, keys in live.items()},
            "_every_ring": Ring(_PLAIN, tuple(live.items())),
            "_networks": tuple(ipaddress.ip_network(text, strict=False) for text in self.trusted_proxies),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def ring(self, account_sid: str, signature_settings: str) -> Ring:
        """The keys that may have signed a request of this account. Raises Refused.

        The SID is the caller's word until then: it only selects; without one every account is tried.
        `signature_settings` is the header of webhooks signed with a shared key, whose account's tokens then count no more.
        """
        ring = self._rings.get(account_sid) if account_sid else self._every_ring
        if ring is None:
            raise Refused("unknown_account")
        return self._named_ring(account_sid, ring, signature_settings) if signature_settings.strip() else ring

    def _named_ring(self, account_sid: str, ring: Ring, signature_settings: str) -> Ring:
        """Read as the SDK does: an algorithm in any case, SHA-1 when none is named."""
        digest = digest_of(_named(signature_settings, "algorithm") or HMAC_SHA1)
        if digest is None:
            raise Refused("unknown_algorithm")
        key = _named(signature_settings, "key")
        if not key:
            return Ring(digest, ring.keys)
        if key not in self.shared_keys:
            raise Refused("unknown_key")
        secrets = tuple(secret.encode() for secret in self.shared_keys[key])
        return Ring(digest, ((account_sid or self.main_account, secrets),))

    def forwarded_forms(self, peer: str, forwarded: Forwarded) -> tuple[bytes, ...]:
        """The address that a trusted proxy says was asked for, in its spellings; none of anybody else's word."""
        if not any(forwarded) or not self._is_trusted(peer):
            return ()
        base = _base(forwarded, self.bases[0])
        return tuple(form.encode() for form in spellings.of_base(base)) if base else ()

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)


def _named(header: str, name: str) -> str:
    """The first value of `name` in `key=…,algorithm=…`; "" without one."""
    for part in header.split(","):
        found, _, value = part.partition("=")
        if found.strip() == name and value.strip():
            return value.strip()
    return ""


def _base(forwarded: Forwarded, usual: str) -> str:
    """What the proxy leaves unsaid is as usual. "" when it says what no address can be."""
    scheme, _, rest = usual.partition("://")
    scheme = _nearest(forwarded.proto).lower() or scheme
    host = _nearest(forwarded.host) or rest.partition("/")[0]
    prefix = _nearest(forwarded.prefix)
    if scheme not in _SCHEMES or not _HOST.fullmatch(host) or (prefix and not _PREFIX.fullmatch(prefix)):
        return ""
    return f"{scheme}://{host}{prefix.rstrip('/')}"


def _nearest(values: str) -> str:
    """The last of several is the word of the proxy next to us; the others may be anybody's."""
    return values.rpartition(",")[2].strip()
