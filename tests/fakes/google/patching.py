"""What a patch does to an event of the company, or to one meeting of a series."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tests.fakes.company import Entry, Guest, Single
from tests.fakes.google.items import MODELLED, WORDS, attendees_beside, exdates, guests, recurrence, rendered, span, whole_days

if TYPE_CHECKING:
    from datetime import datetime

    from tests.fakes.company import Company, Send
    from tests.fakes.google.items import Item

_DOMAINS = {400: "global", 401: "global", 404: "global", 409: "global", 410: "calendar", 412: "global", 429: "usageLimits"}


class No(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.status, self.reason = status, reason

    def body(self) -> Item:
        one = {"domain": _DOMAINS.get(self.status, "calendar"), "reason": self.reason, "message": str(self)}
        return {"error": {"code": self.status, "message": str(self), "errors": [one]}}


def patch_event(company: Company, entry: Entry, body: Item, send: Send, *, follows: bool) -> None:
    """Patch the event itself; *follows*: its exceptions take over words and people."""
    if not entry.mine:
        raise No(403, "forbiddenForNonOrganizer", "Shared properties can only be changed by the organizer of the event.")
    kept = beside(entry, body)
    apart = {recurrence_id: deepcopy(single.guests) for recurrence_id, single in entry.singles.items()}
    if not follows:
        _pin(entry)
    company.change(entry, send=send, **_values(company, entry, body))
    if not follows:
        for recurrence_id in apart.keys() & entry.singles.keys():
            entry.singles[recurrence_id].guests = apart[recurrence_id]
    _answer(entry.guests, body)
    entry.properties |= body.get("extendedProperties", {}).get("private", {})
    entry.extra = {**entry.extra, **kept}
    if "sequence" in body:  # an announcement: another number for the same
        company.change(entry, send=send, extra={**entry.extra, "announced": body["sequence"]})
        entry.sequence = max(entry.sequence, body["sequence"])
    company.touch(entry)
    if send == "none":
        company.bring(entry)


def _values(company: Company, entry: Entry, body: Item) -> dict[str, Any]:
    """Return what a patch sets, in the company's words."""
    values: dict[str, Any] = {name: body[key] for key, name in WORDS.items() if key in body}
    if "start" in body:
        values["start"], values["minutes"] = span(body)
    if "start" in body or "recurrence" in body:
        values |= _rhythm(company, entry, body, values.get("start", entry.start))
    if "attendees" in body:
        values["guests"] = guests(body["attendees"])
    if "transparency" in body:
        values["free"] = body["transparency"] == "transparent"
    return values


def _rhythm(company: Company, entry: Entry, body: Item, start: datetime) -> dict[str, Any]:
    """Return rule and exceptions after a patch: those of another rhythm fall away."""
    now: list[str] = next(iter(rendered(company, entry))).get("recurrence", [])
    rhythm, off = recurrence(body.get("recurrence", now), start)
    was = exdates(entry)
    singles = {recurrence_id: single for recurrence_id, single in entry.singles.items() if recurrence_id not in was}
    if rhythm is None or start != entry.start:
        singles = {}
    elif rhythm != entry.rhythm:
        same = entry.rhythm is not None and (rhythm.weeks, rhythm.other) == (entry.rhythm.weeks, entry.rhythm.other)
        recurrence_ids = set(Entry(organizer=entry.organizer, start=start, rhythm=rhythm).places())
        singles = {
            recurrence_id: single
            for recurrence_id, single in singles.items()
            if same and company.keeps_singles and recurrence_id in recurrence_ids
        }
    entry.extra = {**entry.extra, "exdates": off}
    return {"rhythm": rhythm, "singles": singles | {recurrence_id: Single(None, entry.minutes, []) for recurrence_id in off}}


def patch_meeting(company: Company, entry: Entry, recurrence_id: datetime, body: Item, send: Send) -> None:
    """Patch one meeting of a series; one that was taken out comes back by its status."""
    values: dict[str, Any] = {name: body[key] for key, name in WORDS.items() if key in body}
    if "start" in body:
        if recurrence_id in whole_days(entry) and any("date" not in body[side] for side in ("start", "end")):
            raise No(400, "invalid", "Start and end times must either both be date or both be dateTime.")  # once merged
        entry.extra = {**entry.extra, "whole days": whole_days(entry) - {recurrence_id}}
        values["start"], values["minutes"] = span(body)
    single = entry.singles.get(recurrence_id)
    if single is not None and single.start is None:
        if body.get("status") != "confirmed":
            raise No(403, "forbidden", "Forbidden")
        fresh = Single(values["start"], values["minutes"], [Guest(guest.name, guest.address) for guest in entry.guests])
        company.change(entry, send=send, singles={**entry.singles, recurrence_id: fresh})
    else:
        if "attendees" in body:
            values["guests"] = guests(body["attendees"])
        company.single(entry, recurrence_id, send=send, **values)
    _answer(entry.singles[recurrence_id].guests, body)
    if send == "none":
        company.bring(entry)


def _answer(of: list[Guest], body: Item) -> None:
    """Take over the answers that a patch writes: an organizer may."""
    answers = {guest.address: guest.answer for guest in guests(body.get("attendees", []))}
    for guest in of:
        guest.answer = answers.get(guest.address, guest.answer)


def _pin(entry: Entry) -> None:
    """Let exceptions keep the words that they have now."""
    for single in entry.singles.values():
        single.title, single.text, single.place = (
            own if own is not None else whole
            for own, whole in ((single.title, entry.title), (single.text, entry.text), (single.place, entry.place))
        )


def beside(entry: Entry, body: Item) -> Item:
    """Return what is kept of a body that the company doesn't know."""
    kept = entry.extra.get("google", {})
    assert isinstance(kept, dict)
    found: Item = {"google": kept | {key: value for key, value in body.items() if key not in MODELLED}}
    before = entry.extra.get("reminders", {})
    assert isinstance(before, dict)
    if "reminders" in body:
        merged = {**before, **body["reminders"]}
        if merged.get("useDefault") and merged.get("overrides"):
            raise No(400, "cannotUseDefaultRemindersAndSpecifyOverride", "Cannot specify both default reminders and overrides at once.")
        found["reminders"] = {name: value for name, value in merged.items() if value != []}
    if "attendees" in body:
        found["attendees"] = attendees_beside(body["attendees"])
    return found
