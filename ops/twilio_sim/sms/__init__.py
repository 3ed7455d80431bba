"""Texts: how they leave, how they arrive, and what they are cut into."""
