"""`./ops/up`: the steps from nothing to a running house, the watch over it, and its orderly end."""

import dataclasses
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.stack import envfile, environment, house, leftovers, options, stores
from ops.stack.feed import Feed
from ops.stack.interrupts import Interrupts, StopAsked
from ops.stack.options import Options, Refused
from ops.stack.postgres import NoPostgres
from ops.stack.redis import NoServer
from ops.stack.runfolder import AlreadyRunning, NotOurs, RunFolder
from ops.stack.screen import Screen, closing
from ops.stack.service import Service
from ops.stack.supervisor import GaveUp, Supervisor

ROOT = Path(__file__).parents[2]
READY_WITHIN_S = 90  # the first start on a slow machine compiles every module
STOP_WITHIN_S = 60  # for --stop: more than all graces of an orderly end together
WATCH_EVERY_S = 0.5
INTERRUPTED = 130  # as a shell says of a program that ended by Ctrl-C


class Stack:
    """One run of the house in one run folder."""

    def __init__(self, asked: Options, run: RunFolder, screen: Screen, environ: Mapping[str, str]):
        self.asked, self.run, self.screen, self.environ = asked, run, screen, environ
        self.began = time.monotonic()
        self.ready_s = 0.0
        self.env: dict[str, str] = {}
        self.checks: Sequence[Any] = []
        self.supervisor = Supervisor(env={}, cwd=ROOT, logs=run.logs, say=screen.say)
        self.interrupts = Interrupts(self._kill)

    def play(self) -> int:
        """Everything from the stores to the end. Returns the exit code."""
        try:
            self._start()
            if self.asked.demo:
                self._demo()
            if not self.asked.once:
                self._stay()
        except StopAsked:
            self.screen.say("")
            if self.asked.once:
                return INTERRUPTED  # whoever asked for the demo's verdict did not get one
        finally:
            self._stop()
        return 0 if all(check.ok for check in self.checks) or not self.asked.once else 1

    def result(self) -> dict[str, Any]:
        """What --json prints."""
        return {
            "ok": bool(self.checks) and all(check.ok for check in self.checks),
            "ready_s": round(self.ready_s, 2),
            "checks": [dataclasses.asdict(check) for check in self.checks],
            "urls": {name: self.env[name] for name in sorted(self.env) if name.endswith("_URL") and _is_public(name)},
        }

    def _start(self) -> None:
        say, step = self.screen.say, self.screen.step
        if ended := leftovers.clear(self.run.children_file):
            say(f"   ended {ended} processes that an earlier run had left")
        if os.getuid() == 0:
            say(f"   as root: {_shown(self.run.path)} will belong to root, and later runs must be root's too")
        self.env = environment.house(self.asked, self.environ, self.run)
        self.env |= environment.engine(self.env)
        given = environment.given_stores(self.asked, self.environ, self.run)
        self.supervisor.env = environment.for_children(self.env, self.environ)
        with step(f"Redis and PostgreSQL answer{_given_words(given)}"):
            self._start_stores(given)
        with step("the database has the schema, the demo's key and numbers"):
            self._seed()
        with step("ingress, fallback and six workers are ready"):
            self._start_house()
        self.ready_s = time.monotonic() - self.began
        with step("beat, Flower and S3 are ready"):
            self._start_rest()
        envfile.write(self.run.env_file, self.env)

    def _start_stores(self, given: dict[str, str]) -> None:
        wanted = stores.Wanted(
            self.run.secret("REDIS_PASSWORD"),
            self.run.secret("POSTGRES_PASSWORD"),
            self.run.secret("S3_ACCESS_KEY_ID", 8),
            self.asked.redis,
        )
        with self.interrupts.held():
            self.env |= {**stores.start(self.supervisor, self.run.data, wanted, given), **given}
            self.supervisor.env |= self.env
            # These need no store: they load while the stores do.
            for service in house.doubles(self.env).values():
                self.supervisor.start(service)
            self._note_children()
        # S3 takes longest and is missed by nobody before the demo.
        stores.wait_ready(self.supervisor, ["redis", "postgres"])

    def _seed(self) -> None:
        from ops.manage.seed import seed_sandbox
        from shared.db.migrate import migrate

        migrate(self.env["TS_DATABASE_URL"])
        kept = envfile.read(self.run.secrets_file)
        found = seed_sandbox({**self.env, "TS_API_KEY": kept.get("TS_API_KEY", "")})
        self.run.keep(found)
        self.env |= found

    def _start_house(self) -> None:
        """What takes calls and texts comes first: on a small machine the others would only slow its start."""
        ours = house.services(ROOT, self.env)
        first = [name for name in ours if name not in house.CAN_WAIT]
        self._start_services([ours[name] for name in first])
        self.supervisor.wait_ready(house.doubles(self.env), READY_WITHIN_S)
        self._introduce()
        self.supervisor.wait_ready(first, READY_WITHIN_S)

    def _start_rest(self) -> None:
        ours = house.services(ROOT, self.env)
        self._start_services([ours[name] for name in house.CAN_WAIT if name in ours])
        self.supervisor.wait_ready(self.supervisor.kept, READY_WITHIN_S)

    def _start_services(self, services: Sequence[Service]) -> None:
        with self.interrupts.held():
            for service in services:
                self.supervisor.start(service)
            self._note_children()

    def _introduce(self) -> None:
        from ops.manage.seed import introduce

        introduce(self.env)

    def _demo(self) -> None:
        from ops.demo import play

        began = time.monotonic()
        self.checks = play(self.env, lambda line: self.screen.say(f"   {line}"))
        passed = sum(check.ok for check in self.checks)
        mark = self.screen.mark(ok=passed == len(self.checks))
        self.screen.say(f" {mark} {f'demo: {passed} of {len(self.checks)}':<58} {time.monotonic() - began:5.1f} s")

    def _stay(self) -> None:
        for line in closing(self.env, self.checks, self.ready_s, _shown(self.run.path)):
            self.screen.say(line)
        feed = Feed(self.run.logs)
        forgetful: set[str] = set()
        while True:
            with self.interrupts.held():
                restarted = self.supervisor.watch(time.monotonic())
                if restarted:
                    self._note_children()
            # The doubles keep our numbers and secrets in memory: a new one is told again, once it listens.
            forgetful |= set(restarted) & set(house.doubles(self.env))
            if forgetful and not any(self.supervisor.missing(name) for name in forgetful):
                self._introduce()
                forgetful.clear()
            for line in feed.lines():
                self.screen.say(line)
            time.sleep(WATCH_EVERY_S)

    def _stop(self) -> None:
        began = time.monotonic()
        with self.interrupts.closing():
            self.run.env_file.unlink(missing_ok=True)
            self.supervisor.stop(house.STOP_ORDER)
            self.run.children_file.unlink(missing_ok=True)
        self.screen.say(
            f" {self.screen.mark(ok=True)} stopped in {time.monotonic() - began:.1f} s, nothing left running"
        )

    def _note_children(self) -> None:
        leftovers.note(self.run.children_file, self.supervisor.pids())

    def _kill(self) -> None:
        self.supervisor.kill()
        self.run.env_file.unlink(missing_ok=True)
        self.screen.say("killed")
        os._exit(INTERRUPTED)


def main(words: Sequence[str], environ: Mapping[str, str]) -> int:
    """0 ended as asked, 1 the demo failed or a process could not be kept alive, 2 refused before anything started."""
    try:
        asked = options.parse(words, environ)
        run = RunFolder(Path(environ.get("TS_RUN_DIR") or ROOT / ".run").resolve())
        screen = Screen(sys.stderr if asked.json else sys.stdout, environ)
        return _stop_other(run, screen) if asked.stop else _run_alone(asked, run, screen, environ)
    except (Refused, NotOurs, NoServer, NoPostgres) as fault:
        print(fault, file=sys.stderr)
        return 2
    except GaveUp as fault:
        print(fault, file=sys.stderr)
        return 1


def _run_alone(asked: Options, run: RunFolder, screen: Screen, environ: Mapping[str, str]) -> int:
    try:
        with run.lock():
            return _run(asked, run, screen, environ)
    except AlreadyRunning as other:
        url = envfile.read(run.env_file).get("TS_URL", "not ready yet")
        screen.say(f"already running (pid {other.pid}) at {url}; stop it there, or: ./ops/up --stop")
        # --once promises a demo that was played: none was.
        return 2 if asked.once else 0


def _run(asked: Options, run: RunFolder, screen: Screen, environ: Mapping[str, str]) -> int:
    options.refuse_taken(asked.ports, skip=["simulator"] if asked.real_twilio else [])
    if asked.fresh:
        leftovers.clear(run.children_file)
        run.wipe()
    run.prepare()
    stack = Stack(asked, run, screen, environ)
    code = stack.play()
    if asked.json:
        print(json.dumps(stack.result(), ensure_ascii=False))
    return code


def _stop_other(run: RunFolder, screen: Screen) -> int:
    deadline = time.monotonic() + STOP_WITHIN_S
    asked_pid = 0
    while time.monotonic() < deadline:
        try:
            run.lock().close()
        except AlreadyRunning as other:
            if other.pid and other.pid != asked_pid:
                os.kill(other.pid, signal.SIGTERM)
                asked_pid = other.pid
            time.sleep(0.1)
        else:
            screen.say("stopped" if asked_pid else "nothing runs here")
            return 0
    screen.say(f"pid {asked_pid} has not ended within {STOP_WITHIN_S} s")
    return 1


def _is_public(name: str) -> bool:
    """Whether an address holds no password."""
    return name not in {"TS_REDIS_URL", "TS_DATABASE_URL"}


def _given_words(given: Mapping[str, str]) -> str:
    named = [name for name in environment.STORES if name in given]
    return f" (given: {', '.join(named)})" if named else ""


def _shown(path: Path) -> str:
    """The path as a person would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
