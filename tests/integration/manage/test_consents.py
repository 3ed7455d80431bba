"""Opt-outs and consents from the command line."""

NUMBER = "+12125550142"


def test_an_opt_out_is_added_listed_and_lifted(cli):
    assert "opted out of *" in cli("opt-outs", "add", NUMBER, "--note", "by letter").output
    assert "as before" in cli("opt-outs", "add", NUMBER).output
    assert [(row["number"], row["source"]) for row in cli.json("opt-outs", "list")] == [(NUMBER, "cli")]
    cli("opt-outs", "lift", NUMBER, "--scope", "tenant:t-1", status=1)
    cli("opt-outs", "lift", NUMBER)
    assert cli.json("opt-outs", "list", "--number", NUMBER) == []
    assert [row["lifted_by"] for row in cli.json("opt-outs", "list", "--lifted")] == ["cli"]


def test_a_consent_is_granted_listed_and_revoked(cli):
    (made,) = cli.json("consents", "grant", NUMBER, "--tenant", "t-1", "--purpose", "marketing", "--kind", "written",
                       "--source", "form 7", "--days", "30")  # fmt: skip
    assert [row["id"] for row in cli.json("consents", "list", "--number", NUMBER)] == [made["id"]]
    cli("consents", "revoke", made["id"])
    assert [row["revoked_by"] for row in cli.json("consents", "list", "--tenant", "t-1")] == ["cli"]
    cli("consents", "revoke", "no-id", status=1)


def test_what_is_no_number_is_refused(cli):
    cli("opt-outs", "add", "212", status=2)
    cli("consents", "list", "--number", "212", status=2)
