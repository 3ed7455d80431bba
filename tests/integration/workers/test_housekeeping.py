from workers import housekeeping


def test_what_nobody_can_ask_for_any_more_is_deleted(world):
    world.rows(
        "insert into beat_slots (task, slot) values ('x', now() - interval '8 days'), ('x', now()) returning task"
    )
    world.rows(
        """
        insert into idempotency (client, method, path, key, fingerprint, created_at)
        values ('c', 'POST', '/p', 'old', '\\x00', now() - interval '40 days'), ('c', 'POST', '/p', 'new', '\\x00', now())
        returning key
        """
    )
    housekeeping.forget(world.rt)
    assert world.one("select count(*) from beat_slots") == 1
    assert world.one("select key from idempotency") == "new"
