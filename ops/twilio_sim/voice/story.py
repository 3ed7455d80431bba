"""A call from its first ring to its last callback, on a thread of its own."""

import logging
import threading
from collections.abc import Callable

from ops.twilio_sim.voice.line import Abandoned, HungUp, Line, Redirected
from ops.twilio_sim.voice.recorder import finish_all
from ops.twilio_sim.voice.run import Go, Run
from ops.twilio_sim.voice.status import NOBODY, Watcher, tell

log = logging.getLogger(__name__)


def begin(line: Line, story: Callable[[], None]) -> None:
    """A daemon thread: a simulated call must not keep the process alive."""
    threading.Thread(target=lambda: _guarded(line, story), name=line.call.sid, daemon=True).start()


def follow(run: Run, go: Go) -> None:
    """Runs TwiML, also what the REST API turns the call to, until the call ends. Raises Abandoned."""
    step: Go | None = go
    while step is not None:
        try:
            run.run(step)
            run.line.answer()  # TwiML that answers nothing, like an empty one, still picks up before hanging up
            return
        except HungUp:
            return
        except Redirected:
            step = _turn(run)


def follow_turn(run: Run) -> None:
    """Runs what the REST API has turned the call to."""
    if step := _turn(run):
        follow(run, step)


def close(line: Line, watcher: Watcher, status: str = "", **more: str) -> None:
    """Everything that is still open ends, then the last callback is sent."""
    finish_all(line)
    line.close_call(status or line.final_status)
    line.over.set()
    line.world.lines.pop(line.call.sid, None)
    tell(line.world, line.call, watcher, "completed", **more)


def _turn(run: Run) -> Go | None:
    turn = run.line.take_turn()
    if turn is None:
        return None
    url, method, twiml = turn
    run.call.note("Update", url=url)
    return Go(url, method, "voice", twiml=twiml)


def _guarded(line: Line, story: Callable[[], None]) -> None:
    try:
        story()
    except Abandoned:
        return
    except Exception as error:
        # A mistake of this simulator: it must show in the steps, and the call must not hang for ever.
        log.exception("call_failed")
        line.call.note("Error", code=0, why=f"simulator: {type(error).__name__}: {error}")
        close(line, NOBODY, "failed")
    finally:
        line.over.set()
        line.world.lines.pop(line.call.sid, None)
