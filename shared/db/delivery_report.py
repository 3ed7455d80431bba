"""What became of outgoing texts, counted: by tenant, by day, by error."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, get_args

from psycopg import Connection
from psycopg.rows import class_row

from shared.domain.error_classes import ErrorClass, rule_of

By = Literal["tenant", "day", "error"]
BY: Final[tuple[By, ...]] = get_args(By)
# More lines than these nobody reads; whoever wants them asks for one tenant or a shorter time.
MOST_LINES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """Texts that are alike in what the report tells apart, by what became of them. Each text is counted in one column.

    `delivered` includes what was read. `sent`: the carrier has it and nobody confirmed, as in many countries nobody does.
    `refused`: it will not be sent. `unsettled`: Twilio may have it. `queued`: everything else on its way.
    A text that takes the place of a lost one is one of its own.
    `prices` are Twilio's, decimals by currency (`?`: it named none), negative if charged.
    `carrier_s_*`: seconds from our request to the carrier's receipt of delivered texts; a receipt is exact to the minute
    only, so one that lies before its request counts as 0.
    """

    tenant_id: str | None
    day: date | None
    error_code: int | None
    texts: int
    delivered: int
    undelivered: int
    failed: int
    canceled: int
    refused: int
    sent: int
    queued: int
    unsettled: int
    conflicted: int
    segments: int
    prices: dict[str, str]
    carrier_s_median: int | None
    carrier_s_p95: int | None

    @property
    def error_class(self) -> ErrorClass | None:
        """The class of the line's error code, if it has one."""
        return None if self.error_code is None else rule_of(self.error_code).error_class

    @property
    def error_means(self) -> str | None:
        """What that code says, in a few words; None of one that we have no rule of."""
        return rule_of(self.error_code).means or None

    @property
    def delivery_ratio(self) -> float | None:
        """Of the texts whose end is known, how many arrived; None if no end is known. What is only `sent` does not count."""
        ended = self.delivered + self.undelivered + self.failed
        return round(self.delivered / ended, 4) if ended else None


def lines(
    conn: Connection, *, since: datetime, until: datetime, by: Sequence[By], tenant_id: str | None = None
) -> list[Line]:
    """The texts created from `since` up to, not including, `until`, in the order of day, tenant and error.

    The day is the UTC day of creation. With nothing in `by` there is one line; never one without a text. There are at most
    `MOST_LINES` + 1: the last one tells that there are more.
    """
    with conn.cursor(row_factory=class_row(Line)) as cursor:
        return cursor.execute(
            """
            with texts as materialized (
                select case when %(by_tenant)s then tenant_id end as tenant_id,
                       case when %(by_day)s then (created_at at time zone 'UTC')::date end as day,
                       case when %(by_error)s then error_code end as error_code,
                       case when status in ('delivered', 'read') then 'delivered'
                            when status in ('undelivered', 'failed', 'canceled') then status
                            when status in ('sent', 'partially_delivered') then 'sent'
                            when send_state in ('refused', 'canceled') then send_state
                            when send_state in ('unknown', 'parked') then 'unsettled'
                            else 'queued' end as outcome,
                       is_conflicted, segments, price, coalesce(price_unit, '?') as unit,
                       greatest(0, extract(epoch from carrier_done_at - coalesce(sending_since, created_at))) as carrier_s
                  from messages
                 where direction = 'outbound' and created_at >= %(since)s and created_at < %(until)s
                   and (%(tenant_id)s::text is null or tenant_id = %(tenant_id)s)),
            costs as (
                select tenant_id, day, error_code, jsonb_object_agg(unit, price::text) as prices
                  from (select tenant_id, day, error_code, unit, sum(price) as price from texts
                         where price is not null group by tenant_id, day, error_code, unit) as by_unit
                 group by tenant_id, day, error_code),
            counts as (
                select tenant_id, day, error_code, count(*) as texts,
                       count(*) filter (where outcome = 'delivered') as delivered,
                       count(*) filter (where outcome = 'undelivered') as undelivered,
                       count(*) filter (where outcome = 'failed') as failed,
                       count(*) filter (where outcome = 'canceled') as canceled,
                       count(*) filter (where outcome = 'refused') as refused,
                       count(*) filter (where outcome = 'sent') as sent,
                       count(*) filter (where outcome = 'queued') as queued,
                       count(*) filter (where outcome = 'unsettled') as unsettled,
                       count(*) filter (where is_conflicted) as conflicted,
                       coalesce(sum(segments), 0) as segments,
                       round(percentile_cont(0.5) within group (order by carrier_s)
                             filter (where outcome = 'delivered'))::int as carrier_s_median,
                       round(percentile_cont(0.95) within group (order by carrier_s)
                             filter (where outcome = 'delivered'))::int as carrier_s_p95
                  from texts group by tenant_id, day, error_code)
            select counts.tenant_id, counts.day, counts.error_code, texts, delivered, undelivered, failed, canceled, refused,
                   sent, queued, unsettled, conflicted, segments, coalesce(prices, '{}') as prices, carrier_s_median,
                   carrier_s_p95
              from counts left join costs
                on (counts.tenant_id, counts.day, counts.error_code)
                   is not distinct from (costs.tenant_id, costs.day, costs.error_code)
             order by day, tenant_id nulls first, error_code nulls first
             limit %(limit)s
            """,
            {
                "since": since,
                "until": until,
                "tenant_id": tenant_id,
                "limit": MOST_LINES + 1,
                **{f"by_{one}": one in by for one in BY},
            },
        ).fetchall()
