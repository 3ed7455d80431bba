import pytest

from ops.twilio_sim.webhooks.overrides import RETRYABLE, Overrides, overrides_of


def test_without_a_fragment_twilios_defaults_hold():
    assert overrides_of("http://h/p?rc=5#") == Overrides(5.0, 15.0, 15.0, 1, frozenset({"ct"}))


def test_every_value_of_the_fragment_is_read():
    wanted = Overrides(2.0, 3.0, 9.0, 5, frozenset({"5xx", "rt"}))
    assert overrides_of("http://h/p#rc=5&rp=5xx,rt&ct=2000&rt=3000&tt=9000&e=dublin&sni=n") == wanted


@pytest.mark.parametrize("fragment", ["ct=99", "ct=10001", "rt=15001", "tt=-5", "rc=6", "rc=", "rc=1.5", "rp=5xx,6xx"])
def test_a_value_out_of_range_is_as_if_not_given(fragment):
    assert overrides_of("http://h/p#" + fragment) == Overrides()


def test_all_means_every_class():
    assert overrides_of("http://h/p#rp=all").retried == RETRYABLE
