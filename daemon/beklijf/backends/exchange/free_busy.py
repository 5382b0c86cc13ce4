"""When people can't, asked of an Exchange server for many at once. No titles: the view that is asked for has none.

Times are asked and told in UTC, so that no server needs to be asked for its zones first.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from exchangelib import UTC as SERVERS_UTC  # type: ignore[import-untyped]  # it has no types
from exchangelib import EWSDateTime
from exchangelib.properties import (  # type: ignore[import-untyped]
    DaylightTime,
    FreeBusyViewOptions,
    MailboxData,
    StandardTime,
    TimeWindow,
    TimeZone,
)
from exchangelib.services import GetUserAvailability  # type: ignore[import-untyped]

from beklijf.backends.exchange.account import Service
from beklijf.backends.exchange.errors import STUMBLES
from beklijf.backends.exchange.times import instant
from beklijf.ical.parts import mailto
from beklijf.model.conversation import Busy
from beklijf.model.errors import Transient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from exchangelib import Account

    from beklijf.backends.exchange.account import Connection
    from beklijf.model.domain import Person

AT_ONCE = 100
"""The most mailboxes of one question."""
LONGEST = timedelta(days=60)
"""Of one question's window; servers refuse more than 62 days."""
_STEP = 15
"""Minutes of a digit, where a server tells of no single times."""
_TAKEN = frozenset({"Busy", "Tentative", "OOF"})
_TAKEN_DIGITS = frozenset("123")
"""The same in a row of digits, one for each step."""


class _Ask(Service, GetUserAvailability):  # type: ignore[misc]  # exchangelib has no types
    def __init__(self, account: Account) -> None:
        super().__init__(protocol=account.protocol)
        self._account = account

    @property
    def _account_to_impersonate(self) -> Any:  # noqa: ANN401  # as above
        return self._account.identity if self._account.access_type == "impersonation" else super()._account_to_impersonate


def busy(connection: Connection, mailbox: str, people: Sequence[Person], start: datetime, end: datetime) -> dict[str, tuple[Busy, ...]]:
    """Return who can't when, by key and within the window; of whom the server doesn't tell, there is nothing."""
    found: dict[str, list[Busy]] = {}
    silent: set[str] = set()
    for n in range(0, len(people), AT_ONCE):
        portion = people[n : n + AT_ONCE]
        for begin, stop in _windows(start, end):
            for person, view in zip(portion, _asked(connection, mailbox, portion, begin, stop), strict=True):
                if isinstance(view, Exception) or view.view_type == "None":
                    silent.add(person.key)
                else:
                    try:
                        found.setdefault(person.key, []).extend(_times(view, begin, stop))
                    except STUMBLES:  # what can't be read is unknown, and nobody else's trouble
                        silent.add(person.key)
    return {key: tuple(_joined(times)) for key, times in found.items() if key not in silent}


def _asked(connection: Connection, mailbox: str, people: Sequence[Person], start: datetime, end: datetime) -> list[Any]:
    answers = connection.ask(
        _Ask,
        mailbox,
        "asking when people can't",
        tzinfo=SERVERS_UTC,
        mailbox_data=[
            MailboxData(email=mailto(each.email).removeprefix("mailto:"), attendee_type="Required", exclude_conflicts=False)
            for each in people
        ],
        timezone=_utc(),
        free_busy_view_options=FreeBusyViewOptions(
            time_window=TimeWindow(start=_moment(start), end=_moment(end)), merged_free_busy_interval=_STEP, requested_view="FreeBusyMerged"
        ),
    )
    if answers and all(isinstance(each, Transient) for each in answers):
        raise answers[0]
    return answers


def _windows(start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start < end:
        yield start, min(end, start + LONGEST)
        start += LONGEST


def _times(view: Any, start: datetime, end: datetime) -> Iterator[Busy]:  # noqa: ANN401  # exchangelib has no types
    if view.calendar_events is None and view.merged:
        for number, digit in enumerate(view.merged):
            if digit in _TAKEN_DIGITS:
                begin = start + number * timedelta(minutes=_STEP)
                yield Busy(begin, min(end, begin + timedelta(minutes=_STEP)))
    for event in view.calendar_events or ():
        if event.busy_type in _TAKEN:
            begin, stop = (instant(event.start), instant(event.end))
            if begin < end and stop > start:
                yield Busy(max(begin, start), min(stop, end))


def _joined(times: list[Busy]) -> Iterator[Busy]:
    last: Busy | None = None
    for each in sorted(times):
        if last is not None and each.start <= last.end:
            last = Busy(last.start, max(last.end, each.end))
            continue
        if last is not None:
            yield last
        last = each
    if last is not None:
        yield last


def _moment(at: datetime) -> EWSDateTime:
    plain = at.astimezone(UTC)
    return EWSDateTime(plain.year, plain.month, plain.day, plain.hour, plain.minute, plain.second, tzinfo=SERVERS_UTC)


def _utc() -> TimeZone:
    """Return UTC as Exchange wants it: with a summer time all the same, of no minutes."""
    standard = StandardTime(bias=0, time=time(0), occurrence=1, iso_month=1, weekday="Monday")
    return TimeZone(
        bias=0, standard_time=standard, daylight_time=DaylightTime(bias=0, time=time(0), occurrence=5, iso_month=12, weekday="Sunday")
    )
