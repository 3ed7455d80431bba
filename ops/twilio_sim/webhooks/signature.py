"""X-Twilio-Signature, made by Twilio's own SDK: never by code of ours."""

from urllib.parse import urldefrag, urlsplit, urlunsplit

from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict

from ops.twilio_sim.webhooks.letter import Params


def sign(token: str, url: str, params: Params, *, voice: bool) -> str:
    """`params` are those of the form body: none for GET, where the URL holds everything."""
    return RequestValidator(token).compute_signature(signed_url(url, voice=voice), MultiDict(params))


def signed_url(url: str, *, voice: bool) -> str:
    """The URL as configured, less its fragment and user info; https URLs of calls lose their port too."""
    parts = urlsplit(urldefrag(url).url)
    host = parts.netloc.rpartition("@")[2]
    if voice and parts.scheme == "https" and parts.port:
        host = host.removesuffix(f":{parts.port}")
    if host == parts.netloc:
        return urldefrag(url).url
    return urlunsplit(parts._replace(netloc=host))
