"""The one account this Twilio knows, read from the environment the service reads too."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Account:
    sid: str
    token: str = field(repr=False)

    @property
    def path(self) -> str:
        return f"/2010-04-01/Accounts/{self.sid}"


def account_from(environment: Mapping[str, str] = os.environ) -> Account:
    """TWILIO_ACCOUNT_SID and the first of TWILIO_AUTH_TOKEN (or its _FILE). Raises ValueError naming what is missing."""
    sid, tokens = _value(environment, "TWILIO_ACCOUNT_SID"), _value(environment, "TWILIO_AUTH_TOKEN")
    token = tokens.split(",")[0].strip()
    missing = [n for n, v in (("TWILIO_ACCOUNT_SID", sid), ("TWILIO_AUTH_TOKEN", token)) if not v]
    if missing:
        raise ValueError("set " + " and ".join(missing))
    return Account(sid, token)


def _value(environment: Mapping[str, str], name: str) -> str:
    if path := environment.get(name + "_FILE"):
        return Path(path).read_text(encoding="utf-8").strip()
    return environment.get(name, "").strip()
