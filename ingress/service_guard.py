"""Who is calling, and may they: API keys with scopes, the platform's service key, and its users' tokens."""

import hmac
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NoReturn

import structlog
from flask import Flask, current_app, request

from ingress.errors import Problem
from ingress.known_keys import KnownKeys
from ingress.user_token import user_of
from shared.db.api_keys import StoredKey
from shared.domain import api_key
from shared.domain.api_key import ApiKey
from shared.runtime import Runtime

_REALM: Final = 'Bearer realm="twilio-server"'
_EXTENSION: Final = "twilio-server-keys"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The service key and most keys speak for the platform; a user and a bound key only for `tenant_id`."""

    client: str
    tenant_id: str | None
    kind: Literal["key", "service", "user"]

    def may_see(self, tenant_id: str | None) -> bool:
        """Whether what belongs to `tenant_id` exists for this caller. What belongs to nobody is for the unbound only."""
        return not self.is_bound or (tenant_id is not None and tenant_id == self.tenant_id)

    @property
    def is_bound(self) -> bool:
        """Whether there is one tenant beyond whom nothing exists for this caller. A user without one sees nothing at all."""
        return self.kind == "user" or self.tenant_id is not None


def install(app: Flask) -> None:
    """Gives the application its memory of keys."""
    app.extensions[_EXTENSION] = KnownKeys()


def require(rt: Runtime, scope: str) -> Caller:
    """The owner of the API key of this request. Raises Problem 401, or 403 when the key lacks `scope` or is bound to a tenant:
    what is behind this does not look at tenants.
    """
    caller = require_key(rt, scope)
    if caller.is_bound:
        raise Problem(
            403, "tenant-bound-key", "The key is bound to a tenant",
            "A key of one tenant is good for the calls, recordings and endpoints of that tenant only.",
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope"'},
        )  # fmt: skip
    return caller


def require_key(rt: Runtime, scope: str) -> Caller:
    """As `require`, also for a key that is bound to a tenant; for views that ask `may_see` of whatever they touch."""
    key = api_key.read(_bearer())
    row = _good_row(rt, key) if key else None
    if row is None:
        _refuse("The API key is not valid.")
    if scope not in row.scopes:
        raise Problem(
            403, "missing-scope", "Scope missing", f"This needs the scope {scope}.",
            headers={"WWW-Authenticate": f'{_REALM}, error="insufficient_scope", scope="{scope}"'},
            members={"scope": scope},
        )  # fmt: skip
    return _known(Caller(row.client, row.tenant_id, "key"))


def require_key_or_user(rt: Runtime, scope: str) -> Caller:
    """As `require`, also for a key that is bound to a tenant, or a user of the platform's web pages where a JWT secret is set.

    For views that ask `may_see` of whatever they show.
    """
    token = _bearer()
    if token.startswith("tsk_") or not rt.settings.jwt_secret:
        return require_key(rt, scope)
    user = user_of(token, rt.settings.jwt_secret, time.time())
    if user is None:
        _refuse("The user token is not valid.")
    return _known(Caller(f"user:{user.user_id}", user.tenant_id, "user"))


def require_service(rt: Runtime) -> Caller:
    """A sibling service, by X-Service-Key. Raises Problem 401, always so while no key is set."""
    given, expected = request.headers.get("X-Service-Key", ""), rt.settings.service_key
    # Compared as bytes: hmac refuses to compare texts that are not ASCII.
    if not expected or not hmac.compare_digest(given.encode("latin-1", "replace"), expected.encode()):
        raise Problem(401, "unauthorized", "Unauthorized", "X-Service-Key is missing or wrong.")
    return _known(Caller("platform", None, "service"))


def _good_row(rt: Runtime, key: ApiKey) -> StoredKey | None:
    known: KnownKeys = current_app.extensions[_EXTENSION]
    row = known.find(rt, key)
    if row is None or row.revoked_at is not None:
        return None
    return row if row.expires_at is None or datetime.now(UTC) < row.expires_at else None


def _bearer() -> str:
    sent = request.authorization
    if sent is None or sent.type != "bearer" or not sent.token:
        raise Problem(
            401, "unauthorized", "Unauthorized", "Send an API key: Authorization: Bearer tsk_...",
            headers={"WWW-Authenticate": _REALM},
        )  # fmt: skip
    return sent.token


def _refuse(detail: str) -> NoReturn:
    headers = {"WWW-Authenticate": f'{_REALM}, error="invalid_token"'}
    raise Problem(401, "unauthorized", "Unauthorized", detail, headers=headers)


def _known(caller: Caller) -> Caller:
    structlog.contextvars.bind_contextvars(client_id=caller.client)
    return caller
