"""The service in a few words: on one screen for who starts it on a terminal, on one line for ``systemctl status``. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from beklijf.decide.plan import Action
from beklijf.model.domain import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from beklijf.contracts.settings import Config
    from beklijf.decide.plan import Plan
    from beklijf.tick.outcome import Outcome

DATES = 5
"""So many coming dates stand on the first screen."""

NAMED = 3
"""So many people are named; of more, the number is said."""

_NO_TIME = timedelta(0)

PLURALS = {"meeting": "meetings", "series": "series", "reminder": "reminders", "letter": "letters"}


def first_screen(outcome: Outcome, plan: Plan, config: Config, *, shift: timedelta = _NO_TIME) -> str:
    """Say what the first tick wrote, where, and what comes next and when; *plan* was made after that tick.

    *shift* is how far a demo's clock is ahead of the real one.
    """
    zone = config.organisation.zone
    now = plan.now.astimezone(zone)
    coming = [f"  {moment(at.astimezone(zone), now)}  {what}" for at, what in islice(_coming(plan), DATES)]
    troubles = [f"  {problem}" for problem in outcome.problems]
    troubles += [f"  held: {reason}; beklijf plan shows it" for reason in dict.fromkeys(held.reason for held in plan.held)]
    lines = [
        f"beklijf runs for {config.organisation.name}. It is {now:%a %-d %b %Y %H:%M} in {zone.key}.",
        *_by_which_clock(now, shift),
        "",
        *_written(outcome, plan),
        "",
        f"  calendar  {config.calendar.maker.where}",
        f"  mail      {config.mail.maker.where}",
        f"  state     {config.service.state}",
        "",
        "Next:",
        *(coming or ["  nothing, unless the config or a calendar changes"]),
        *(["", "For a person to look at:", *troubles] if troubles else []),
        "",
        f"It looks again every {span(config.service.every)}, and when something is due. Ctrl-C stops it.",
    ]
    return "\n".join(lines) + "\n"


def status_line(upcoming: datetime | None, *, now: datetime, mails: Sequence[str], held: int, down: Sequence[str], aside: int = 0) -> str:
    """Say when something comes next, and what is not as it should be; *mails* are the states of those not sent yet."""
    refused, perhaps = mails.count("failed"), mails.count("perhaps")
    waiting = len(mails) - refused - perhaps
    parts = [
        "nothing to come" if upcoming is None else f"next: {moment(upcoming, now)}",
        f"{waiting} waiting" if waiting else "",
        f"{refused} refused" if refused else "",
        f"{perhaps} perhaps sent" if perhaps else "",
        f"{held} held" if held else "",
        *(f"{name} is down" for name in down),
        f"{aside} set aside" if aside else "",
    ]
    return "; ".join(filter(None, parts))


def moment(at: datetime, now: datetime) -> str:
    """Return ``Wed 9 Dec 09:00``, with the year where it is another one; both are on the reader's clock."""
    return f"{at:%a %-d %b %H:%M}" if at.year == now.year else f"{at:%a %-d %b %Y %H:%M}"


def span(length: timedelta) -> str:
    """Return ``5 minutes``: in the largest unit that divides it."""
    seconds = int(length.total_seconds())
    size, name = next((size, name) for size, name in ((3600, "hour"), (60, "minute"), (1, "second")) if seconds % size == 0)
    return _count(seconds // size, name, f"{name}s")


def _by_which_clock(now: datetime, shift: timedelta) -> list[str]:
    if not shift:
        return []
    return [f"That is the demo's own clock, which starts when letters are due; the real one says {now - shift:%a %-d %b %H:%M}."]


def _written(outcome: Outcome, plan: Plan) -> list[str]:
    events = Counter(str(change.kind) for change in outcome.done if change.action is Action.CREATE)
    others = sum(change.action in {Action.UPDATE, Action.WITHDRAW} for change in outcome.done)
    mails = Counter(mail.kind for mail in outcome.delivered.sent)
    standing = sum(row.state == "live" for row in plan.rows.values())
    if not (events or others or mails):
        what = f"there stand {_count(standing, 'event', 'events')}" if standing else "nothing has been due yet"
        return [f"Nothing to write now: {what}."]
    said = [_counted(events)] if events else []
    said += [f"{_count(others, 'change', 'changes')} to events"] if others else []
    said += [_count(mails[kind], kind, f"{kind}s") for kind in ("letter", "invitation", "notice") if mails[kind]]
    return [f"Written now: {', '.join(said)}."]


def _coming(plan: Plan) -> Iterator[tuple[datetime, str]]:
    """Yield what the service does next, by instant, if people do nothing; an item of two mentorships comes once."""
    letters: defaultdict[datetime, list[str]] = defaultdict(list)
    for letter in plan.letters:
        if letter.at > plan.now and not letter.lapsed:
            letters[letter.at].append(letter.person.name)
    known = {row.ref for row in plan.rows.values()}
    items = {item.ref: item for track in plan.programme.tracks.values() for item in track.items}
    opening: defaultdict[datetime, list[tuple[Kind, tuple[str, ...]]]] = defaultdict(list)
    for item in items.values():
        if item.opens > plan.now and item.ref not in known:
            opening[item.opens].append((item.kind, tuple(person.name for person in item.people)))
    for at in sorted(letters.keys() | opening.keys()):
        if names := letters[at]:
            yield at, f"{_count(len(names), 'letter', 'letters')} to {_people(names)}"
        if found := opening[at]:
            yield at, f"{_counted(Counter(kind for kind, _ in found))} for {_people(name for _, names in found for name in names)}"


def _people(names: Iterable[str]) -> str:
    each = list(dict.fromkeys(names))
    if len(each) > NAMED:
        return _count(len(each), "person", "people")
    return " and ".join(filter(None, (", ".join(each[:-1]), each[-1])))


def _counted(kinds: Counter[str] | Counter[Kind]) -> str:
    return ", ".join(_count(kinds[kind], kind, PLURALS[kind]) for kind in Kind if kinds[kind])


def _count(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
