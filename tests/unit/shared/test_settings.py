import pytest

from shared.settings import BadSettings, described, load

GOOD = {
    "TS_PUBLIC_URL": "https://calls.example.com/",
    "TS_REDIS_URL": "redis://localhost:6379/0",
    "TS_DATABASE_URL": "postgresql://u:p@localhost/db",
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "first, second",
}


def test_what_is_required_is_enough():
    settings = load(GOOD)
    assert settings.public_url == "https://calls.example.com"
    assert settings.accounts == {GOOD["TWILIO_ACCOUNT_SID"]: ("first", "second")}
    assert settings.bind == "127.0.0.1:4000"


def test_nobody_inside_is_notified_unless_he_is_named():
    assert not load(GOOD).event_allow.names("as-call", 3000)
    assert load({**GOOD, "TS_EVENT_ALLOW": "as-call:3000, 10.0.0.0/8"}).event_allow.names("as-call", 3000)


def test_all_faults_are_named_at_once_and_no_value_of_a_secret():
    with pytest.raises(BadSettings) as fault:
        load({"TS_PUBLIC_URL": "calls.example.com", "TS_REDIS_URL": "http://hunter2@x", "TS_WEB_WORKERS": "many"})
    text = str(fault.value)
    for name in (
        "TS_PUBLIC_URL",
        "TS_REDIS_URL",
        "TS_DATABASE_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TS_WEB_WORKERS",
    ):
        assert name in text
    assert "hunter2" not in text


ENGINE = {**GOOD, "TS_TRANSCRIPTION": "http"}


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com"),
        ("https://engine.example.com/whisper/", "https://engine.example.com/whisper"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://10.1.2.3:8000", "http://10.1.2.3:8000"),
        ("http://[fd00::1]:8000", "http://[fd00::1]:8000"),
        ("http://whisper:8000", "http://whisper:8000"),
        ("http://whisper.ns.svc.cluster.local", "http://whisper.ns.svc.cluster.local"),
    ],
)
def test_an_engine_is_reached_by_tls_or_within_a_private_network(url, kept):
    assert load({**ENGINE, "TS_TRANSCRIPTION_URL": url}).transcription_url == kept


@pytest.mark.parametrize(
    "url",
    [
        "", "http://engine.example.com", "http://8.8.8.8", "http://10.1.2.3.example.com", "ftp://127.0.0.1",
        "https://engine.example.com/?a=b", "https://user:hunter2@engine.example.com",
    ],
)  # fmt: skip
def test_an_engine_in_the_clear_or_nowhere_is_refused(url):
    with pytest.raises(BadSettings, match="TS_TRANSCRIPTION_URL") as fault:
        load({**ENGINE, "TS_TRANSCRIPTION_URL": url})
    assert "hunter2" not in str(fault.value)


def test_without_an_engine_none_is_needed():
    assert load(GOOD).transcription == "off"
    assert load({**GOOD, "TS_TRANSCRIPTION": "twilio"}).transcription_url == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("TS_TRANSCRIPTION", "on"), ("TS_TRANSCRIPTION_LANGUAGE", "English"), ("TS_TRANSCRIPTION_KEY", "a\nb")],
)
def test_what_an_engine_cannot_be_told_is_refused(name, value):
    with pytest.raises(BadSettings, match=name):
        load({**GOOD, name: value})


def test_a_secret_from_a_file_loses_the_newline_at_its_end(tmp_path):
    (tmp_path / "token").write_text("from-a-file\n")
    given = {**GOOD, "TWILIO_AUTH_TOKEN": "", "TWILIO_AUTH_TOKEN_FILE": str(tmp_path / "token")}
    assert load(given).twilio_auth_tokens == ("from-a-file",)


def test_a_secrets_file_that_cannot_be_read_is_a_fault_like_the_others(tmp_path):
    given = {**GOOD, "TWILIO_AUTH_TOKEN": "", "TWILIO_AUTH_TOKEN_FILE": str(tmp_path / "absent")}
    with pytest.raises(BadSettings, match="TWILIO_AUTH_TOKEN"):
        load(given)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TS_BIND", "4000"),
        ("TS_BIND", "h:99999"),
        ("TS_LOG_FORMAT", "xml"),
        ("TS_EVENT_ALLOW", "http://a.example"),
        ("TWILIO_ACCOUNT_SID", "SK" + "0" * 32),
        ("TS_DATABASE_URL", "mysql://x"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(name, value):
    with pytest.raises(BadSettings, match=name):
        load({**GOOD, name: value})


def test_every_setting_has_words_for_the_documentation():
    assert all(what for _, _, what in described())
    assert len({name for name, _, _ in described()}) == len(described())


def test_further_accounts_addresses_keys_and_proxies_are_comma_lists():
    other = "AC" + "1" * 32
    settings = load({
        **GOOD, "TS_TWILIO_ACCOUNTS": f" {other} = one | two , {GOOD['TWILIO_ACCOUNT_SID']}=third",
        "TS_PUBLIC_URL_ALIASES": "https://a.example/, https://b.example/p/", "TS_TRUSTED_PROXIES": "10.0.0.1/8, ::1",
        "TS_TWILIO_SHARED_KEYS": "webhooks_sharedkey_a=x==,webhooks_sharedkey_a=y",
    })  # fmt: skip
    assert settings.accounts == {GOOD["TWILIO_ACCOUNT_SID"]: ("first", "second", "third"), other: ("one", "two")}
    assert settings.twilio_shared_keys == {"webhooks_sharedkey_a": ("x==", "y")}
    assert settings.public_url_aliases == ("https://a.example", "https://b.example/p")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_without_them_nobody_else_counts():
    settings = load(GOOD)
    assert (settings.twilio_shared_keys, settings.public_url_aliases, settings.trusted_proxies) == ({}, (), ())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TS_TWILIO_ACCOUNTS", "hunter2"),
        ("TS_TWILIO_ACCOUNTS", "AC1=hunter2"),
        ("TS_TWILIO_ACCOUNTS", f"AC{'1' * 32}= | "),
        ("TS_TWILIO_SHARED_KEYS", "=hunter2"),
        ("TS_TRUSTED_PROXIES", "proxy.example"),
        ("TS_PUBLIC_URL_ALIASES", "https://a.example, b.example"),
        ("TS_PUBLIC_URL", "https://a.example/?x"),
        ("TS_PUBLIC_URL", "https://a.example/#rc=3"),
        ("TS_PUBLIC_URL", "https://a.example:99999"),
        ("TS_PUBLIC_URL", "https://ä.example"),
        ("TS_FALLBACK_URL", "https://spare.example/?x"),
        ("TS_FALLBACK_URL", "https://spare.example/#rc=3"),
    ],
)
def test_a_list_with_an_entry_that_cannot_be_meant_is_refused_and_not_repeated(name, value):
    with pytest.raises(BadSettings, match=name) as fault:
        load({**GOOD, name: value})
    assert "hunter2" not in str(fault.value)
