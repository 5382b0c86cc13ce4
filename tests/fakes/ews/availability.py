"""GetUserAvailability: when people can't, of many at once, in the zone that the request describes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.fakes.ews.soap import Fault, M, Refusal, T, all_of, at, spelt, text

if TYPE_CHECKING:
    from lxml import etree
    from tests.fakes.company import Company

LONGEST_WINDOW = timedelta(days=62)
AT_ONCE = 100


def answer(company: Company, request: etree._Element) -> etree._Element:
    bias = timedelta(minutes=int(text(request, "t:TimeZone/t:Bias")))
    window = at(request, "t:FreeBusyViewOptions/t:TimeWindow")
    start, end = (_shifted(text(window, f"t:{name}"), bias) for name in ("StartTime", "EndTime"))
    asked = [text(each, "t:Email/t:Address").casefold() for each in all_of(request, "m:MailboxDataArray/t:MailboxData")]
    if len(asked) > AT_ONCE:
        raise Fault("ErrorMailboxDataArrayTooBig")
    found = []
    for address in asked:
        code = "ErrorTimeIntervalTooBig" if end - start > LONGEST_WINDOW else "ErrorMailRecipientNotFound"
        known = end - start <= LONGEST_WINDOW and company.primary(address) in company.mailboxes
        found.append(_view(company.busy(address, start, end), bias) if known else _refused(Refusal(code)))
    return M.GetUserAvailabilityResponse(M.FreeBusyResponseArray(*found))


def refusal(request: etree._Element, said: Refusal) -> etree._Element:
    """Return a no about everybody who is asked about."""
    asked = all_of(request, "m:MailboxDataArray/t:MailboxData")
    return M.GetUserAvailabilityResponse(M.FreeBusyResponseArray(*(_refused(said) for _ in asked)))


def _view(busy: list[tuple[datetime, datetime]], bias: timedelta) -> etree._Element:
    view = M.FreeBusyView(T.FreeBusyViewType("FreeBusyMerged"))
    if busy:
        times = [(_naive(begin - bias), _naive(stop - bias)) for begin, stop in busy]
        view.append(T.CalendarEventArray(*(T.CalendarEvent(T.StartTime(a), T.EndTime(b), T.BusyType("Busy")) for a, b in times)))
    return M.FreeBusyResponse(M.ResponseMessage(M.ResponseCode("NoError"), ResponseClass="Success"), view)


def _refused(said: Refusal) -> etree._Element:
    parts = (M.MessageText(said.text), M.ResponseCode(said.code), M.DescriptiveLinkKey("0"))
    return M.FreeBusyResponse(M.ResponseMessage(*parts, ResponseClass="Error"), M.FreeBusyView(T.FreeBusyViewType("None")))


def _shifted(value: str, bias: timedelta) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC) + bias


def _naive(moment: datetime) -> str:
    return spelt(moment).removesuffix("Z")
