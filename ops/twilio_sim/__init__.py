"""A Twilio of our own: its REST API, its webhooks and the phones behind it, kept in memory, for one machine.

It imports nothing of the service it stands opposite to, and signs with Twilio's own SDK: a mistake
that both sides shared would hide itself.
"""
