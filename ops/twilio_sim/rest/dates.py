"""Date filters of lists: `DateSent`, `DateSent<` and `DateSent>`, by GMT day or by the second."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from werkzeug.datastructures import MultiDict

from ops.twilio_sim.rest.errors import Refused

DAY = timedelta(days=1)


def date_filter(query: MultiDict[str, str], name: str) -> Callable[[datetime | None], bool]:
    """All given bounds at once. A row without that date fits only if nothing was asked.

    A day alone means the whole of it; `>` is at or after, `<` at or before, as Twilio's texts say.
    Raises Refused 20001 for a value that is no date.
    """
    bounds = [(sign, _moment(query[name + sign], name)) for sign in ("", "<", ">") if query.get(name + sign)]

    def fits(moment: datetime | None) -> bool:
        if moment is None:
            return not bounds
        second = moment.replace(microsecond=0)
        return all(_fits(second, sign, first, last) for sign, (first, last) in bounds)

    return fits


def _fits(moment: datetime, sign: str, first: datetime, last: datetime) -> bool:
    if sign == "<":
        return moment <= last
    return moment >= first if sign == ">" else first <= moment <= last


def _moment(value: str, name: str) -> tuple[datetime, datetime]:
    """The first and the last second it stands for."""
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise Refused(20001, name) from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    is_day = len(value.strip()) == 10
    return moment, moment + DAY - timedelta(seconds=1) if is_day else moment
