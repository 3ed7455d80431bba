from shared.domain.backoff import DELIVERY_S
from tests.integration.workers.conftest import BUSINESS, CUSTOMER, event


def a_text_arrives(world):
    world.listens_only("all")
    world.happens(
        event("message", MessageSid="SM" + "1" * 32, SmsStatus="received", From=CUSTOMER, To=BUSINESS, Body="Hi")
    )


def test_a_subscriber_that_is_gone_is_not_called_again(world):
    world.subscriber.answers = [(410, {})]
    a_text_arrives(world)
    assert world.work("deliver") == ["failed"]
    assert world.one("select outcome from deliveries where endpoint_id = 'all'") == "failed"


def test_a_subscriber_in_trouble_is_called_again_with_the_same_id(world):
    world.subscriber.answers = [(500, {}), (429, {})]
    a_text_arrives(world)
    for expected in ("transient", "transient", "done"):
        world.rows("update jobs set next_at = now() where state = 'due' returning id")
        assert world.work("deliver") == [expected]
    assert len({headers["webhook-id"] for _, headers, _ in world.subscriber.got}) == 1
    assert world.rows("select outcome, http_status from deliveries where endpoint_id = 'all'") == [("delivered", 200)]


def test_after_the_whole_schedule_a_delivery_is_left_for_a_person(world):
    a_text_arrives(world)
    world.subscriber.answers = [(500, {})] * 20
    world.rows("update jobs set attempts = %s returning id", len(DELIVERY_S))
    assert world.work("deliver") == ["failed"]
    assert world.one("select last_error from jobs where kind = 'deliver'") == "http_500"


def test_a_delivery_that_was_finished_is_not_made_again(world):
    a_text_arrives(world)
    world.rows("update deliveries set outcome = 'delivered', finished_at = now() returning id")
    assert world.work("deliver") == ["done"]
    assert world.subscriber.got == []


def test_only_what_was_subscribed_to_is_told(world):
    world.rows("update endpoints set types = '{call.missed}' where id = 'all' returning id")
    a_text_arrives(world)
    assert world.rows("select count(*) from deliveries where endpoint_id = 'all'") == [(0,)]


def test_a_tenants_subscriber_hears_of_no_other_tenant(world):
    world.rows("update endpoints set tenant_id = 'somebody-else' where id = 'all' returning id")
    a_text_arrives(world)
    assert world.rows("select count(*) from deliveries where endpoint_id = 'all'") == [(0,)]
