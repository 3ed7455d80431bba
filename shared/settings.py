"""What the service is told from outside: environment variables, read once, checked together, frozen.

Nobody else reads the environment. Every secret may come as `NAME_FILE` instead; a newline at the file's end is dropped,
because an auth token with one fails every signature.
"""

import ipaddress
import json
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared import data
from shared.domain import allow_list
from shared.domain.allow_list import AllowList
from shared.domain.law import Law
from shared.domain.law import read as read_law


class BadSettings(Exception):
    """One or more settings are missing or wrong; the text lists all of them, never a secret's value."""


def _text(value: str) -> str:
    return value


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("must be a http(s) URL")
    return value.rstrip("/")


def _public_url(value: str) -> str:
    """What a path is put behind: a query or fragment would swallow it."""
    url = _url(value)
    if "?" in url or "#" in url or not (url.isascii() and url.isprintable()) or " " in url:
        raise ValueError("must be an address without query or fragment, in ASCII")
    urlsplit(url).port  # noqa: B018 - reading it is what raises on a port that is none
    return url


def _public_urls(value: str) -> tuple[str, ...]:
    return tuple(_public_url(word) for word in _words(value))


def _redis_url(value: str) -> str:
    if urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
        raise ValueError("must be a redis:// or rediss:// URL")
    urlsplit(value).port  # noqa: B018 - reading it is what raises on a port that is none
    return value


def _database_url(value: str) -> str:
    if urlsplit(value).scheme not in {"postgresql", "postgres"}:
        raise ValueError("must be a postgresql:// URL")
    return value


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _networks(value: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(word, strict=False)) for word in _words(value))


def _allow_list(value: str) -> AllowList:
    return allow_list.read(_words(value))


def _named_secrets(value: str) -> dict[str, tuple[str, ...]]:
    """`name=secret|secret,name=secret`. Never says a secret in its ValueError, only which entry it is."""
    named: dict[str, tuple[str, ...]] = {}
    for number, entry in enumerate(_words(value), 1):
        name, _, secrets = entry.partition("=")
        live = tuple(secret.strip() for secret in secrets.split("|") if secret.strip())
        if not name.strip() or not live:
            raise ValueError(f"entry {number} must be name=secret or name=secret|secret")
        named[name.strip()] = (*named.get(name.strip(), ()), *live)
    return named


def _accounts(value: str) -> dict[str, tuple[str, ...]]:
    named = _named_secrets(value)
    for sid in named:
        _account_sid(sid)
    return named


def _account_sid(value: str) -> str:
    if not (value.startswith("AC") and len(value) == 34):
        raise ValueError("must be AC and 32 hex digits")
    return value


def _one_of(*allowed: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return value

    return check


def _switch(value: str) -> bool:
    if value not in ("on", "off"):
        raise ValueError("must be on or off")
    return value == "on"


def _law(path: str) -> Law:
    """The law in this file; the built-in one without a path."""
    return read_law(json.loads(Path(path).read_text(encoding="utf-8")) if path else data.read("law_us"))


def _bind(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("must be host:port")
    return value


def _cooldown_s(value: str) -> int:
    """Up to a week; 0 is none."""
    if not 0 <= int(value) <= 604_800:
        raise ValueError("must be 0 to 604800")
    return int(value)


def _settling_s(value: str) -> int:
    """Whoever was stopped with a text in hand may still send it for 5 s, and its request may take 13 s."""
    if int(value) < 20:
        raise ValueError("must be 20 or more")
    return int(value)


def _between(least: int, most: int) -> Callable[[str], int]:
    def check(value: str) -> int:
        if not least <= int(value) <= most:
            raise ValueError(f"must be {least} to {most}")
        return int(value)

    return check


def _days(value: str) -> int | None:
    """Whole days; "keep" is without end."""
    if value == "keep":
        return None
    if not value.isdigit() or int(value) > 36_500:
        raise ValueError("must be a number of days, or keep")
    return int(value)


def _whole_days(value: str) -> int | None:
    if _days(value) == 0:
        raise ValueError("must be at least one day, or keep")
    return _days(value)


def _folder(value: str) -> str:
    if not Path(value).is_absolute():
        raise ValueError("must be a folder's whole path, from / on")
    return value


def _kms_key(value: str) -> str:
    """AWS KMS Developer Guide, "Key identifiers": key id, key ARN, alias name or alias ARN."""
    if not _KMS_KEY.fullmatch(value):
        raise ValueError("must be a KMS key's id or ARN, or alias/name or its ARN")
    return value


_KMS_KEY = re.compile(
    r"(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:)?(key/)?(mrk-)?[0-9a-f-]{32,36}|(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:)?alias/[\w/-]{1,250}"
)


def _recording_keys(value: str) -> dict[str, bytes]:
    """`id=base64 of 32 bytes`, the newest first. Never says a key in its ValueError, only which entry it is."""
    ring: dict[str, bytes] = {}
    for number, entry in enumerate(_words(value), 1):
        name, _, text = entry.partition("=")
        try:
            key = b64decode(text, validate=True)
        except ValueError:
            key = b""
        if not _KEY_NAME.fullmatch(name) or len(key) != 32 or name in ring:
            raise ValueError(f"entry {number} must be id=key: an id of its own (a-z, 0-9, -), base64 of 32 bytes")
        ring[name] = key
    return ring


_KEY_NAME = re.compile(r"[a-z0-9-]{1,16}")


def _recording_due_s(value: str) -> int:
    """Twilio tells of most within seconds; what Redis has lost comes back from the journal within 45 s."""
    if int(value) < 60:
        raise ValueError("must be 60 or more")
    return int(value)


def _engine_url(value: str) -> str:
    """In the clear only where nobody else listens: what people said to a business goes there, and the engine's key."""
    url = _public_url(value).removesuffix("/v1")  # as clients of this kind of engine are told it
    parts = urlsplit(url)
    if parts.scheme == "http" and not _is_ours(parts.hostname or ""):
        raise ValueError("must be https, or http to an address or a name of this machine or a private network")
    if parts.username is not None:
        raise ValueError("must have no user name in it")
    return url


def _is_ours(host: str) -> bool:
    """Whether a host is this machine or in a private network, as far as that can be said without asking anybody.

    Names: of one word (a neighbour in a compose network), and the ends that the public DNS will never have: RFC 6761, RFC
    6762, and `internal` (ICANN resolution 2024.07.29.06).
    """
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))


def _token(value: str) -> str:
    """It goes into a header. Never says the value."""
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError("must be ASCII without spaces")
    return value


def _language(value: str) -> str:
    if not _LANGUAGE.fullmatch(value):
        raise ValueError("must be a language of ISO 639-1, as en")
    return value


_LANGUAGE = re.compile(r"[a-z]{2,3}")


def _env(name: str, parse: Callable[[str], Any], what: str, *, default: str | None = None, secret: bool = False) -> Any:
    """A field read from variable `name`. Without a default it is required; an empty value counts as absent."""
    return field(metadata={"name": name, "parse": parse, "what": what, "default": default, "secret": secret})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One attribute per variable; `load` fills it. The table in README.md is made from the same descriptions."""

    env: str = _env("TS_ENV", _text, "name of this installation, part of every API key", default="sandbox")
    bind: str = _env("TS_BIND", _bind, "where the ingress listens", default="127.0.0.1:4000")
    admin_bind: str = _env("TS_ADMIN_BIND", _bind, "where metrics and verbose readiness are", default="127.0.0.1:4001")
    public_url: str = _env(
        "TS_PUBLIC_URL", _public_url, "our address as Twilio sees it: checked in signatures, put in callbacks"
    )
    public_url_aliases: tuple[str, ...] = _env(
        "TS_PUBLIC_URL_ALIASES",
        _public_urls,
        "comma list of further addresses Twilio may have signed, as during a move",
        default="",
    )
    trusted_proxies: tuple[str, ...] = _env(
        "TS_TRUSTED_PROXIES",
        _networks,
        "comma list of addresses or networks whose X-Forwarded-Proto, -Host, -Prefix count",
        default="",
    )
    redis_url: str = _env("TS_REDIS_URL", _redis_url, "Redis: inbox, Celery queues", secret=True)
    database_url: str = _env("TS_DATABASE_URL", _database_url, "PostgreSQL: everything that lasts", secret=True)
    twilio_account_sid: str = _env("TWILIO_ACCOUNT_SID", _account_sid, "the Twilio account")
    twilio_auth_tokens: tuple[str, ...] = _env(
        "TWILIO_AUTH_TOKEN", _words, "auth token; a comma list while one is rotated: all verify, the first one calls Twilio",
        secret=True,
    )  # fmt: skip
    twilio_accounts: Mapping[str, tuple[str, ...]] = _env(
        "TS_TWILIO_ACCOUNTS",
        _accounts,
        "further accounts and subaccounts whose webhooks count: comma list `AC…=token`, a bar between two live tokens",
        default="",
        secret=True,
    )
    twilio_shared_keys: Mapping[str, tuple[str, ...]] = _env(
        "TS_TWILIO_SHARED_KEYS",
        _named_secrets,
        "Twilio's SharedKeys for webhooks: comma list `webhooks_sharedkey_…=secret`",
        default="",
        secret=True,
    )
    twilio_api_url: str = _env(
        "TS_TWILIO_API_URL", _url, "another host in place of api.twilio.com, for a simulator", default=""
    )
    sms_settle_s: int = _env(
        "TS_SMS_SETTLE_S",
        _settling_s,
        "seconds after which a text is not at Twilio if Twilio's list does not show it (at least 20)",
        default="60",
    )
    recording_due_s: int = _env(
        "TS_RECORDING_DUE_S",
        _recording_due_s,
        "seconds after a call within which its recording must have been told of, before it counts as missing (at least 60)",
        default="600",
    )
    recording_format: str = _env(
        "TS_RECORDING_FORMAT", _one_of("wav", "mp3"), "what is fetched of a recording: wav or mp3", default="wav"
    )
    recording_channels: str = _env(
        "TS_RECORDING_CHANNELS",
        _one_of("dual", "mono"),
        "a channel for each side where Twilio has two (dual), or both in one (mono)",
        default="dual",
    )
    recording_store: str = _env(
        "TS_RECORDING_STORE",
        _one_of("s3", "disk"),
        "where recordings are kept: s3, or this machine's disk",
        default="s3",
    )
    recording_dir: str = _env(
        "TS_RECORDING_DIR",
        _folder,
        "folder of the recordings with TS_RECORDING_STORE=disk",
        default="/var/lib/twilio-server/recordings",
    )
    recording_keys: Mapping[str, bytes] = _env(
        "TS_RECORDING_KEYS",
        _recording_keys,
        "keys of the recordings on disk: comma list `id=base64 of 32 bytes`; the first one writes, all read",
        default="",
        secret=True,
    )
    recording_delivery: str = _env(
        "TS_RECORDING_DELIVERY",
        _one_of("stream", "link"),
        "how a listener gets the sound: streamed through us, every MiB of it checked, or by a redirect to a short-lived link",
        default="stream",
    )
    recording_link_s: int = _env(
        "TS_RECORDING_LINK_S",
        _between(5, 3600),
        "seconds that such a link lives (5 to 3600): whoever has it may hear the recording",
        default="60",
    )
    recording_keep_days: int | None = _env(
        "TS_RECORDING_KEEP_DAYS",
        _whole_days,
        "days after which recordings without a retention class are deleted, here and at Twilio; keep: never",
        default="keep",
    )
    twilio_recording_days: int | None = _env(
        "TS_TWILIO_RECORDING_DAYS",
        _days,
        "days after which a recording that is stored here is deleted at Twilio (0: at once); keep: not before it is here",
        default="keep",
    )
    transcription: str = _env(
        "TS_TRANSCRIPTION",
        _one_of("off", "twilio", "http"),
        "who writes down what is said: nobody, Twilio (voicemails in English), or an engine of ours (every recording)",
        default="off",
    )
    transcription_url: str = _env(
        "TS_TRANSCRIPTION_URL",
        _engine_url,
        "the engine's address, before /v1/audio/transcriptions: https, or http within a private network",
        default="",
    )
    transcription_key: str = _env(
        "TS_TRANSCRIPTION_KEY", _token, "the engine's bearer key; empty: it asks for none", default="", secret=True
    )
    transcription_model: str = _env(
        "TS_TRANSCRIPTION_MODEL", _text, "the model that the engine is asked to use", default="whisper-1"
    )
    transcription_language: str = _env(
        "TS_TRANSCRIPTION_LANGUAGE",
        _language,
        "the language of all recordings (ISO 639-1, as en); empty: the engine finds it out for each",
        default="",
    )
    service_key: str = _env(
        "INTERNAL_SERVICE_KEY", _text, "the platform's X-Service-Key, both ways", default="", secret=True
    )
    jwt_secret: str = _env(
        "TS_JWT_SECRET", _text, "HS256 secret of the platform's user tokens", default="", secret=True
    )
    event_allow: AllowList = _env(  # noqa: RUF009 - a field like the others
        "TS_EVENT_ALLOW",
        _allow_list,
        "who may be notified although inside, or by http: comma list of hosts, host:port, networks; else https and public only",
        default="",
    )
    pns_url: str = _env("TS_PNS_URL", _url, "pns-provisioning-service; empty: numbers come from the CLI", default="")
    s3_endpoint_url: str = _env("TS_S3_ENDPOINT_URL", _url, "S3 endpoint; empty: Amazon's own", default="")
    s3_bucket: str = _env("TS_S3_BUCKET", _text, "bucket of the recordings", default="twilio-server")
    s3_region: str = _env("TS_S3_REGION", _text, "region of the bucket", default="us-east-1")
    s3_access_key_id: str = _env("TS_S3_ACCESS_KEY_ID", _text, "S3 access key id", default="")
    s3_secret_access_key: str = _env("TS_S3_SECRET_ACCESS_KEY", _text, "S3 secret key", default="", secret=True)
    s3_encryption: str = _env(
        "TS_S3_ENCRYPTION",
        _one_of("AES256", "aws:kms", "off"),
        "how the store encrypts recordings: AES256 (SSE-S3), aws:kms (SSE-KMS), off (the store does it by itself)",
        default="AES256",
    )
    s3_kms_key_id: str = _env("TS_S3_KMS_KEY_ID", _kms_key, "KMS key for aws:kms; empty: the bucket's own", default="")
    s3_lock: str = _env(
        "TS_S3_LOCK",
        _one_of("off", "governance", "compliance"),
        "object lock of recordings: within TS_S3_LOCK_DAYS nobody deletes them, not even we",
        default="off",
    )
    s3_lock_days: int = _env("TS_S3_LOCK_DAYS", _between(1, 36_500), "days of the object lock", default="30")
    journal_dir: str = _env(
        "TS_JOURNAL_DIR",
        _text,
        "folder of the ingress's journal, on a disk of this host and not on Redis's",
        default="/var/lib/twilio-server/journal",
    )
    journal_min_free_mb: int = _env(
        "TS_JOURNAL_MIN_FREE_MB", int, "with less free on that disk the journal takes no more", default="64"
    )
    routing_file: str = _env(
        "TS_ROUTING_FILE",
        _text,
        "the ingress's last good copy of all numbers, for a start without PostgreSQL; empty: `routing` in TS_JOURNAL_DIR",
        default="",
    )
    hot_lane: bool = _env(
        "TS_HOT_LANE",
        _switch,
        "answer plain webhooks in the event loop (on), or leave all to Flask (off)",
        default="on",
    )
    fallback_url: str = _env(
        "TS_FALLBACK_URL",
        _public_url,
        "address of the fallback receiver for Twilio, one more that it may have signed; empty: TS_PUBLIC_URL",
        default="",
    )
    fallback_bind: str = _env(
        "TS_FALLBACK_BIND", _bind, "where the fallback receiver listens", default="127.0.0.1:4002"
    )
    fallback_journal_dir: str = _env(
        "TS_FALLBACK_JOURNAL_DIR",
        _text,
        "folder of the fallback receiver's own journal, better on another disk than the ingress's",
        default="/var/lib/twilio-server/fallback-journal",
    )
    bulk_most_recipients: int = _env(
        "TS_BULK_MOST_RECIPIENTS", int,
        "most recipients of one bulk: at three parts each, one number sends them within ten hours",
        default="10000",
    )  # fmt: skip
    text_back_cooldown_s: int = _env(
        "TS_TEXT_BACK_COOLDOWN_S",
        _cooldown_s,
        "seconds in which a caller whose call was missed gets no second text: who calls again at once awaits the first",
        default="900",
    )
    web_workers: int = _env("TS_WEB_WORKERS", int, "ingress processes", default="2")
    web_threads: int = _env("TS_WEB_THREADS", int, "threads of each ingress process", default="8")
    law_data: Law = _env(  # noqa: RUF009 - a field like the others
        "TS_LAW_FILE",
        _law,
        "file in the form of `shared/data/law_us.json` that takes its place; empty: that",
        default="",
    )
    quiet_transactional: bool = _env(
        "TS_QUIET_TRANSACTIONAL",
        _switch,
        "whether calling hours and daily counts bind transactional texts too",
        default="off",
    )
    consent_transactional: str = _env(
        "TS_CONSENT_TRANSACTIONAL",
        _one_of("required", "assumed"),
        "consent to transactional texts: a stored one is required, or it is assumed as given with the number",
        default="assumed",
    )
    log_format: str = _env("TS_LOG_FORMAT", _one_of("json", "console"), "json or console", default="json")
    log_level: str = _env(
        "TS_LOG_LEVEL", _one_of("debug", "info", "warning", "error"), "least level that is logged", default="info"
    )
    metrics_dir: str = _env(
        "PROMETHEUS_MULTIPROC_DIR", _text, "folder shared by all processes for their counters", default=""
    )

    @property
    def law(self) -> Law:
        """The law with what the settings say of it."""
        binds = self.law_data.binds | ({"transactional"} if self.quiet_transactional else set())
        is_required = self.consent_transactional == "required"
        return replace(self.law_data, binds=binds, is_transactional_consent_required=is_required)

    @property
    def accounts(self) -> dict[str, tuple[str, ...]]:
        """The live auth tokens by AccountSid, ours first."""
        ours = self.twilio_auth_tokens + self.twilio_accounts.get(self.twilio_account_sid, ())
        return {self.twilio_account_sid: ours} | {
            sid: tokens for sid, tokens in self.twilio_accounts.items() if sid != self.twilio_account_sid
        }


def load(environ: Mapping[str, str]) -> Settings:
    """The settings in `environ`. Raises BadSettings that lists every fault at once."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for item in fields(Settings):
        try:
            values[item.name] = _value(item.metadata, environ)
        except (ValueError, OSError) as fault:
            faults.append(f"{item.metadata['name']}: {fault} ({item.metadata['what']})")
    if values.get("recording_store") == "disk" and values.get("recording_keys") == {}:
        faults.append(
            "TS_RECORDING_KEYS: is missing, and nothing is written to disk unencrypted (TS_RECORDING_STORE=disk)"
        )
    if values.get("transcription") == "http" and values.get("transcription_url") == "":
        faults.append("TS_TRANSCRIPTION_URL: is missing, and nobody else is asked (TS_TRANSCRIPTION=http)")
    if faults:
        raise BadSettings("settings to mend:\n  " + "\n  ".join(faults))
    return Settings(**values)


def one(name: str, environ: Mapping[str, str]) -> Any:
    """The setting of this one variable, for a tool that needs no more. Raises BadSettings."""
    (meta,) = (item.metadata for item in fields(Settings) if item.metadata["name"] == name)
    try:
        return _value(meta, environ)
    except (ValueError, OSError) as fault:
        raise BadSettings(f"{name}: {fault} ({meta['what']})") from fault


def is_given(name: str, environ: Mapping[str, str]) -> bool:
    """Whether anything is said of this variable: by value, or by the name of a file."""
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def _value(meta: Mapping[str, Any], environ: Mapping[str, str]) -> Any:
    text = environ.get(meta["name"], "")
    if not text and (path := environ.get(f"{meta['name']}_FILE")):
        text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    if not text:
        if meta["default"] is None:
            raise ValueError("is missing")
        text = meta["default"]
    return meta["parse"](text) if text else _empty(meta["parse"])


def _empty(parse: Callable[[str], Any]) -> Any:
    return (
        parse("")
        if parse in (_words, _public_urls, _networks, _named_secrets, _accounts, _law, _recording_keys, _allow_list)
        else ""
    )


def described() -> list[tuple[str, str, str]]:
    """(variable, default or "required", what it is) of every setting, for the documentation."""
    return [
        (meta["name"], "required" if meta["default"] is None else meta["default"], meta["what"])
        for meta in (item.metadata for item in fields(Settings))
    ]
