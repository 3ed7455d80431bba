"""Plays the house's stories through a running stack, by real HTTP, and tells which of them came true."""

from ops.demo.check import Check
from ops.demo.play import play

__all__ = ["Check", "play"]
