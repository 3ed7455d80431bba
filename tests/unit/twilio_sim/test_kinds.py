import pytest

from ops.twilio_sim.faults import Fault, Faults
from ops.twilio_sim.kinds import checked
from ops.twilio_sim.phones import Phone


def test_a_whole_number_is_welcome_where_seconds_are():
    assert checked(Phone, {"talk_s": 10, "digits": "1"}) == {"talk_s": 10.0, "digits": "1"}


@pytest.mark.parametrize("wish", [{"talk_s": True}, {"talk_s": "10"}, {"digits": 1}, {"error_code": 1.5}, {"no": 1}])
def test_a_value_of_another_kind_is_refused_by_name(wish):
    with pytest.raises(ValueError, match=next(iter(wish))):
        checked(Phone, wish)


def test_a_fault_hits_as_often_as_it_says_and_only_where_it_fits():
    faults = Faults()
    faults.replace([{"status": 503, "times": 2, "method": "POST", "path": "Messages"}])
    assert faults.take("GET", "/Messages.json") is None
    assert faults.take("POST", "/Calls.json") is None
    assert [bool(faults.take("POST", "/Messages.json")) for _ in range(3)] == [True, True, False]


def test_a_list_with_one_wrong_fault_changes_nothing():
    faults = Faults()
    faults.replace([{"status": 500}])
    with pytest.raises(ValueError, match="status"):
        faults.replace([{"status": 503}, {"status": 302}])
    assert faults.waiting() == [Fault(status=500)]
