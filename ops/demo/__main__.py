"""Plays the demo on the stack that the environment describes: `python -m ops.demo`. Exit 1 when a story failed."""

import os
import sys

from ops.demo.play import play

sys.exit(0 if all(check.ok for check in play(os.environ, print)) else 1)
