"""What we wrote into an address ourselves, read back from the event."""

from shared.domain.event import Event


def event(kind, query="", **params):
    body = "&".join(f"{name}={value}" for name, value in params.items()).encode()
    return Event(
        event_id="1", key="k", kind=kind, account_sid="AC", sids=(), path="/x", query=query, content_type="", token="",
        body=body, received_ns=1,
    )  # fmt: skip


def test_a_callback_has_it_in_its_own_query():
    assert event("dial", "step=2&rec=1", ErrorUrl="x").query_params == {"step": "2", "rec": "1"}


def test_a_request_at_the_fallback_has_it_in_the_address_that_failed():
    failed = "https%3A%2F%2Fx.example%2Fapi%2Fcalls%2Fdial-result%3Fstep%3D2%26rec%3D1%23rc%3D3"
    assert event("call-fallback", "a=b", ErrorUrl=failed).query_params == {"step": "2", "rec": "1"}


def test_an_address_with_more_fields_than_anyone_sends_says_nothing():
    assert event("call-fallback", ErrorUrl="https://x?" + "%26a" * 1200).query_params == {}
