"""The operator's tool: one verb per question or repair. `./ops/cli`, or `twilio-server` where the package is installed."""

import click

from ops.manage.account import account
from ops.manage.consents import consents
from ops.manage.deliveries import deliveries, replays
from ops.manage.endpoints import endpoints
from ops.manage.events import events
from ops.manage.inbox import inbox
from ops.manage.keys import keys
from ops.manage.numbers import numbers
from ops.manage.opt_outs import opt_outs
from ops.manage.recordings import recordings
from ops.manage.report import report
from ops.manage.retention import holds, retention
from ops.manage.senders import senders
from ops.manage.system import config, migrate
from ops.manage.texts import bulk, sms
from ops.manage.traffic import simulate
from ops.manage.transcripts import transcripts


class _Tool(click.Group):
    """Words that no store could hold are refused here, once for all commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Python hands on what is no UTF-8 as lone surrogates."""
        if any("\0" in word or word.encode("utf-8", "replace").decode() != word for word in args):
            ctx.fail("an argument is no text: UTF-8 without NUL is understood")
        return super().parse_args(ctx, args)


@click.group(cls=_Tool, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """twilio-server: look at it, change it, repair it."""


for command in (
    account, bulk, config, consents, deliveries, endpoints, events, holds, inbox, keys, migrate, numbers, opt_outs, recordings,
    replays, report, retention, senders, simulate, sms, transcripts,
):  # fmt: skip
    main.add_command(command)

if __name__ == "__main__":
    main(prog_name="twilio-server")
