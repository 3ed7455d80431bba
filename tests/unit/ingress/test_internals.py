"""The worker class is used with the gunicorn it was written for, and with no other."""

from ingress import internals


def test_the_installed_gunicorn_is_one_the_lane_was_tested_with():
    """When this fails after an upgrade: read what changed in gthread, run the lane's tests, then add the fingerprint."""
    assert internals.worker_class_for("27") == internals.OURS


def test_with_any_other_gunicorn_the_lane_stays_off_and_says_so(monkeypatch, capsys):
    monkeypatch.setattr(internals, "fingerprint", lambda: "another")
    assert internals.worker_class_for("28.0.0") == internals.PLAIN
    assert "gunicorn 28.0.0" in capsys.readouterr().err


def test_the_fingerprint_changes_with_what_is_relied_upon(monkeypatch):
    before = internals.fingerprint()
    monkeypatch.setattr(internals, "_RELIED_ON", internals._RELIED_ON[:-1])
    assert internals.fingerprint() != before
