"""Webhooks: signed, posted, repeated and remembered, as Twilio does it."""
