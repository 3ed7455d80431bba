"""Where Twilio shall bring what happens on one of our numbers."""

from collections.abc import Mapping

from shared.domain.urls import Urls


def number_urls(urls: Urls, fallback: Urls) -> Mapping[str, str]:
    """An IncomingPhoneNumber's settings, by Twilio's names in snake case.

    `fallback` is asked when an address of `urls` fails, so it had better not fail with it. A number's `status_callback`
    tells only of a call's end; how the owner's phone rang, the dial's action tells.
    """
    return {
        "voice_url": urls.to("/api/calls/incoming"),
        "voice_method": "POST",
        "voice_fallback_url": fallback.to("/api/calls/fallback"),
        "voice_fallback_method": "POST",
        "status_callback": urls.to("/api/webhooks/status"),
        "status_callback_method": "POST",
        "sms_url": urls.to("/api/sms/incoming"),
        "sms_method": "POST",
        "sms_fallback_url": fallback.to("/api/sms/fallback"),
        "sms_fallback_method": "POST",
    }
