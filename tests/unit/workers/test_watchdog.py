"""When a worker must end: only when it could work and does not."""

import pytest

from workers.watchdog import Look, Watchdog, watch

IDLE = {"waiting": 0, "running": 0}
STALLED = {"waiting": 3, "running": 0}
BUSY = {"waiting": 3, "running": 4}


def judged(looks, *, every_s=5.0, **limits):
    """The verdicts of looks at a worker of four threads; each look may say `started` and `turns`, else they grow."""
    dog, verdicts = Watchdog(4, **limits), []
    for number, look in enumerate(looks):
        seen = {"started": 7, "turns": number, **look}
        verdicts.append(dog.judge(Look(**seen), number * every_s))
    return verdicts


def test_a_worker_that_takes_nothing_for_a_minute_while_messages_wait_must_end():
    verdicts = judged([STALLED] * 13)
    assert verdicts[:12] == [None] * 12
    assert verdicts[12] == "not_consuming"


def test_one_thread_that_hangs_does_not_hide_it():
    assert judged([{"waiting": 1, "running": 3}] * 13)[-1] == "not_consuming"


@pytest.mark.parametrize("moment", [
    IDLE,  # another worker emptied the queue
    BUSY,  # it had all hands full
    {**STALLED, "started": 8},  # it took a task
])  # fmt: skip
def test_one_moment_of_sense_in_that_minute_is_enough(moment):
    looks = [STALLED] * 8 + [moment] + [{**STALLED, "started": moment.get("started", 7)}] * 8
    assert set(judged(looks)) == {None}


def test_a_worker_with_nothing_to_do_may_sit_for_ever():
    assert set(judged([IDLE] * 1000)) == {None}


def test_long_tasks_in_all_threads_are_work():
    assert set(judged([BUSY] * 100)) == {None}  # 500 s: a recording may take 300


def test_tasks_that_hang_in_all_threads_for_a_quarter_of_an_hour_are_none():
    assert judged([BUSY] * 182)[-1] == "tasks_hang"


def test_a_main_loop_that_stands_is_noticed_even_with_nothing_to_do():
    assert judged([{**IDLE, "turns": 5}] * 13)[-1] == "loop_stands"


def test_who_was_asleep_has_seen_nothing():
    dog = Watchdog(4)
    assert dog.judge(Look(3, 7, 0, 1), 0.0) is None
    assert dog.judge(Look(3, 7, 0, 1), 3600.0) is None
    assert dog.judge(Look(3, 7, 0, 1), 3605.0) is None


def test_while_redis_is_away_nothing_is_known(monkeypatch):
    dog, said = Watchdog(4, stall_s=0.0), []

    def away():
        raise ConnectionError

    watch(dog, lambda: Look(3, 7, 0, 1), lambda: said.append("alive"))
    with pytest.raises(ConnectionError):
        watch(dog, away, lambda: said.append("alive"))
    watch(dog, lambda: Look(3, 7, 0, 1), lambda: said.append("alive"))
    assert said == ["alive", "alive"]  # and it did not end itself


def test_who_is_in_doubt_does_not_say_that_it_is_alive():
    dog, said = Watchdog(4, stall_s=60.0), []
    for number in range(8):
        dog.judge(Look(3, 7, 0, number), number * 5.0)
        said.append(dog.is_sound(number * 5.0))
    assert said == [True] * 6 + [False] * 2
