"""Twilio's side of the laboratory: signed webhooks at a steady rate, whatever becomes of them."""
