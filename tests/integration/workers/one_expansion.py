"""Expands the replay of the job in argv[2] by the settings in argv[1], and is killed in the middle of transaction argv[3]."""

import json
import os
import signal
import sys

from shared.settings import load
from workers import replays
from workers.catalogue import CATALOGUE
from workers.context import open_runtime
from workers.execute import run


def main() -> None:
    """Deliveries and jobs are written, the cursor is not: then it is killed."""
    left, move = int(sys.argv[3]), replays.replays.move

    def moved(*args):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        move(*args)

    replays.replays.move, replays.CHUNK = moved, 7
    run(open_runtime(load(json.loads(sys.argv[1]))), CATALOGUE, int(sys.argv[2]))


main()
