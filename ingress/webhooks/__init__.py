"""Twilio's doors: one module per noun, all of the same shape: verify, name, store, answer."""

from flask import Flask

from ingress.context import IngressRuntime
from ingress.webhooks import calls, messages, status


def install(app: Flask, rt: IngressRuntime) -> None:
    """Registers every webhook under its own path and the platform's older ones."""
    for module in (calls, messages, status):
        app.register_blueprint(module.blueprint(rt))
