"""The Twilio account: its pause, after Twilio has refused our credentials or suspended it."""

import click

from ops.manage.context import database, json_option, settings, show
from shared.db import senders as rows
from shared.db.senders import AccountPause


@click.group()
def account() -> None:
    """Whether texts may leave at all."""


@account.command(name="show")
@json_option
def show_(as_json: bool) -> None:
    """Accounts from which nothing leaves, until when and why."""
    with database() as conn:
        found = rows.account_pauses(conn)
    show([{name: getattr(row, name) for name in AccountPause.__slots__} for row in found], as_json=as_json)


@account.command()
@click.argument("account_sid", required=False)
def resume(account_sid: str | None) -> None:
    """Texts leave again from ACCOUNT_SID, or from the account of the settings; what its pause has put off goes on."""
    sid = account_sid or settings().twilio_account_sid
    with database() as conn:
        if not rows.resume_account(conn, sid):
            raise click.ClickException(f"{sid} is not paused")
    click.echo(f"texts leave again from {sid}")
